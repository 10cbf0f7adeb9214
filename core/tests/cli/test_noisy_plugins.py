"""What plugins print, and how long they take, changes nothing of what a command prints."""

from __future__ import annotations

import re

import pytest

from .project import Project, eventually

NOISY = """
    import os
    from flowenv import hookimpl

    print("noise")
    os.system("echo noise of a child")

    @hookimpl
    def flowenv_environment_variables():
        print("noise")

    @hookimpl
    def flowenv_modify_spec():
        print("noise")

    @hookimpl
    def flowenv_setup():
        print("noise")

    @hookimpl
    def flowenv_get_secret():
        print("noise")

    @hookimpl
    def flowenv_check():
        print("noise")

    @hookimpl
    def flowenv_state_changed(status):
        print("noise of", status.state.value)
"""
HANGING = """
    import threading
    from flowenv import hookimpl

    @hookimpl
    def flowenv_state_changed():
        threading.Event().wait()
"""


@pytest.fixture
def noisy(fake: Project) -> Project:
    fake.install("noisy", NOISY, group="flowenv.plugins")
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    return fake


def commands(reference: str) -> list[tuple[str, ...]]:
    at = ("--env", "fake")
    return [
        ("plugins", "--load"),
        ("doctor", *at),
        ("explain", "flow.py", *at),
        ("spec", "flow.py", *at),
        ("hooks",),
        ("run", "flow.py", *at),
        ("run", "flow.py", *at, "--detach"),
        ("run", "flow.py", *at, "--rehearse"),
        ("run", "flow.py"),
        ("runs", *at),
        ("status", reference, *at),
        ("attach", reference, *at),
        ("cancel", reference, *at),
        ("sweep", *at),
    ]


def test_json_is_alone_whatever_plugins_print(noisy: Project) -> None:
    reference = noisy.flowenv("run", "flow.py", "--env", "fake", "-o", "json").json["reference"]
    for command in commands(reference):
        ended = noisy.flowenv(*command, "-o", "json")
        assert ended.json is not None, command
        assert command == ("hooks",) or "noise" in ended.stderr, command


def test_yaml_is_alone_too(noisy: Project) -> None:
    ended = noisy.flowenv("spec", "flow.py", "--env", "fake")
    assert "noise" not in ended.stdout
    assert "noise" in ended.stderr


def test_a_hanging_notifier_changes_nothing_that_is_printed(fake: Project) -> None:
    fake.install("hangs", HANGING, group="flowenv.plugins")
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    ended = fake.flowenv("run", "flow.py", "--env", "fake")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "Result: 1")
    lines = [re.sub(r"[\d.]+ s|[\d-]{30,}", "…", line) for line in ended.stderr.splitlines()]
    assert re.fullmatch(r"\[ +…\] Submitted \S+", lines[0])
    slow = "plugin hangs takes more than … in flowenv_state_changed. No run waits for it."
    lines.remove(slow)  # on a busy machine it comes earlier
    assert lines[-2].startswith("Completed after")
    assert lines[-1] == (
        "plugin hangs was left in flowenv_state_changed: it isn't done … after the end."
    )


def test_a_hanging_notifier_needs_one_interrupt_as_any_run_does(fake: Project) -> None:
    fake.install("hangs", HANGING, group="flowenv.plugins")
    fake.write(
        "flow.py",
        """
        import threading
        from flowenv import flow

        @flow
        def a():
            print("waiting", flush=True)
            threading.Event().wait()
        """,
    )
    with fake.start("run", "flow.py", "--env", "fake") as running:
        eventually(lambda: any("waiting" in line for line in list(running.stdout)), "the flow")
        running.interrupt()
        ended = running.wait()
    assert ended.returncode == 130
    assert "Cancelled" in ended.stderr
