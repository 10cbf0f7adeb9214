"""Ctrl-C and SIGTERM at any moment: exit code 130, nothing left running, no traceback."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from ..project import Ended, Project, Running, eventually, is_gone

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

# each says that it has begun, and then waits until somebody stops it
WHILE_IMPORTED = """
    import threading
    from pathlib import Path
    Path("begun").touch()
    threading.Event().wait()
"""
WHILE_RUNNING = """
    import threading
    from pathlib import Path
    from flowenv import flow

    @flow
    def wait(patience: float = 1000.0):
        try:
            print("started", flush=True)
            Path("begun").touch()
            threading.Event().wait(patience)
        finally:
            Path("cleaned").touch()
            print("cleaned", flush=True)
"""
WITH_CHILDREN = """
    import os, threading
    from pathlib import Path
    from flowenv import flow, get_executor

    def work(number):
        Path(f"begun-{os.getpid()}").touch()
        threading.Event().wait()

    @flow
    def wait():
        return [get_executor().submit(work, number) for number in range(4)][0].result()
"""


def begun(project: Project, pattern: str = "begun*") -> list[Path]:
    """Wait until the code under test says that it has begun."""
    return eventually(lambda: list(project.folder.glob(pattern)), f"{pattern} in the project")


def check(ended: Ended) -> None:
    assert ended.returncode == 130, ended.stderr
    assert "Interrupted." in ended.stderr
    assert "Traceback" not in ended.stderr


def run_of(project: Project, running: Running, moment: str) -> None:
    """Wait until the backend has come to a moment."""
    eventually(lambda: (project.fake / moment).exists() or not running.alive, moment)
    assert running.alive, running.wait().stderr


def pids_of_runs(project: Project) -> list[int]:
    return [json.loads(path.read_text())["pid"] for path in project.fake.glob("*/about")]


@pytest.mark.parametrize("number", SIGNALS)
def test_while_the_flows_file_is_imported(project: Project, number: signal.Signals) -> None:
    project.write("flow.py", WHILE_IMPORTED)
    with project.start("run", "flow.py") as running:
        begun(project)
        running.interrupt(number)
        check(running.wait())


@pytest.mark.parametrize("number", SIGNALS)
def test_while_the_flow_runs_in_this_process(project: Project, number: signal.Signals) -> None:
    project.write("flow.py", WHILE_RUNNING)
    with project.start("run", "flow.py") as running:
        begun(project)
        running.interrupt(number)
        ended = running.wait()
    check(ended)
    assert ended.stdout == "started\ncleaned\n"


def test_with_json_it_is_still_described_and_its_page_is_written(project: Project) -> None:
    pytest.importorskip("jinja2")
    project.write("flow.py", WHILE_RUNNING)
    with project.start("run", "flow.py", "-o", "json", "--report", "run.html") as running:
        begun(project)
        running.interrupt()
        ended = running.wait()
    check(ended)
    assert (ended.json["flow"], ended.json["state"]) == ("wait", "Cancelled")
    assert "<title>wait: Cancelled</title>" in (project.folder / "run.html").read_text()


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_that_come_together_are_one(fake: Project, number: signal.Signals) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    arguments = ("run", "flow.py", "--env", "fake", "-s", "hold=cancel", "-o", "json")
    with fake.start(*arguments) as running:
        eventually(lambda: "started\n" in running.stderr, "the flow's start")
        running.interrupt_twice_at_once(number)
        run_of(fake, running, "cancel-begun")
        (fake.fake / "cancel-go-on").touch()
        ended = running.wait()
    check(ended)
    assert ended.json["state"] == "Cancelled"
    assert ended.json["reference"] == ended.json["run_id"]


def test_a_second_request_leaves_and_describes_what_is_left(fake: Project) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    arguments = ("run", "flow.py", "--env", "fake", "-s", "hold=cancel", "-o", "json")
    with fake.start(*arguments) as running:
        eventually(lambda: "started\n" in running.stderr, "the flow's start")
        running.interrupt(signal.SIGTERM)
        run_of(fake, running, "cancel-begun")
        running.interrupt(signal.SIGTERM)
        ended = running.wait()
    check(ended)
    assert ended.json["state"] == "Running"
    (fake.fake / "cancel-go-on").touch()
    assert fake.flowenv("cancel", ended.json["reference"], "--env", "fake").returncode == 0


@pytest.mark.parametrize("times", [1, 2])
def test_worker_processes_end_with_it(project: Project, times: int) -> None:
    project.write("flow.py", WITH_CHILDREN)
    executor = 'executor={"type": "LocalDaskExecutor", "scheduler": "processes", "num_workers": 1}'
    with project.start("run", "flow.py", "-s", executor) as running:
        pid = int(begun(project)[0].name.partition("-")[2])
        for _ in range(times):
            running.interrupt()
        ended = running.wait()
    # a second one may come when Python is at its own end; a shell says 130 of that, too
    assert ended.returncode == 130 or (times, ended.returncode) == (2, -signal.SIGINT)
    eventually(lambda: is_gone(pid), "the worker's end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_dask_cluster_ends_with_it_and_says_nothing(
    project: Project, number: signal.Signals
) -> None:
    project.write("flow.py", WITH_CHILDREN)
    executor = {
        "type": "DaskExecutor",
        "cluster_class": "distributed.LocalCluster",
        "cluster_kwargs": {"n_workers": 1, "dashboard_address": "127.0.0.1:0"},
    }
    with project.start("run", "flow.py", "-s", f"executor={json.dumps(executor)}") as running:
        pid = int(begun(project)[0].name.partition("-")[2])
        running.interrupt(number)
        ended = running.wait()
    check(ended)
    assert "distributed" not in ended.stderr
    eventually(lambda: is_gone(pid), "the worker's end")


def test_a_clean_up_that_hangs_can_be_left(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import threading
        from pathlib import Path
        from flowenv import flow

        @flow
        def stubborn():
            for name in ("begun", "again", "still"):
                try:
                    Path(name).touch()
                    threading.Event().wait()
                except KeyboardInterrupt:
                    pass
        """,
    )
    with project.start("run", "flow.py") as running:
        for name in ("begun", "again", "still"):
            begun(project, name)
            running.interrupt()
        assert running.wait().returncode == 130


def test_threads_that_go_on_dont_hold_the_second_one_up(project: Project) -> None:
    project.write(
        "flow.py",
        """
        import threading
        from pathlib import Path
        from flowenv import flow

        @flow
        def leaves_a_thread():
            threading.Thread(target=threading.Event().wait).start()
            Path("begun").touch()
        """,
    )
    with project.start("run", "flow.py") as running:
        eventually(lambda: any("Completed" in line for line in running.stderr), "the end")
        running.interrupt()
        interrupted = "Interrupted.\n"  # it came before the command was quite over
        eventually(lambda: interrupted in running.stderr or not running.alive, "an answer")
        if running.alive:
            running.interrupt()
        assert running.wait().returncode == 130


def test_a_submitted_run_is_cancelled_and_verified(fake: Project) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    with fake.start("run", "flow.py", "--env", "fake") as running:
        eventually(lambda: "started\n" in running.stdout, "the flow's start")
        running.interrupt()
        ended = running.wait()
    check(ended)
    assert "Cancelling the run. Ctrl-C again leaves it." in ended.stderr
    assert "Cancelled: " in ended.stderr
    assert ended.stdout.endswith("cleaned\n")  # the last lines of the log have arrived
    (pid,) = pids_of_runs(fake)
    eventually(lambda: is_gone(pid), "the end of the run's process")


def test_while_submitting_the_run_is_cancelled_once_it_is_known(fake: Project) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    with fake.start("run", "flow.py", "--env", "fake", "-s", "hold=submit") as running:
        run_of(fake, running, "submit-begun")
        running.interrupt()
        eventually(lambda: any("Interrupted: " in line for line in running.stderr), "the notice")
        (fake.fake / "submit-go-on").touch()
        ended = running.wait()
    check(ended)
    assert "\nCancelled" in ended.stderr
    (pid,) = pids_of_runs(fake)
    eventually(lambda: is_gone(pid), "the end of the run's process")


def test_while_submitting_the_second_leaves_and_says_what_may_be_left(fake: Project) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    with fake.start("run", "flow.py", "--env", "fake", "-s", "hold=submit") as running:
        run_of(fake, running, "submit-begun")
        running.interrupt()
        eventually(lambda: any("Interrupted: " in line for line in running.stderr), "the notice")
        running.interrupt()
        ended = running.wait()
    check(ended)
    assert "It may have been submitted: flowenv status " in ended.stderr
    assert " --env fake -s hold=submit\n" in ended.stderr


def test_while_cancelling_the_second_leaves_and_says_what_may_be_left(fake: Project) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    with fake.start("run", "flow.py", "--env", "fake", "-s", "hold=cancel") as running:
        eventually(lambda: "started\n" in running.stdout, "the flow's start")
        running.interrupt()
        run_of(fake, running, "cancel-begun")
        running.interrupt()
        ended = running.wait()
    check(ended)
    (reference,) = [path.parent.name for path in fake.fake.glob("*/about")]
    assert f"It may still run: flowenv status {reference} --env fake" in ended.stderr
    assert fake.flowenv("cancel", reference, "--env", "fake").returncode == 0


def test_a_cancellation_that_fails_says_so_and_how_to_try_again(fake: Project) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    with fake.start("run", "flow.py", "--env", "fake", "-s", "fail=cancel") as running:
        eventually(lambda: "started\n" in running.stdout, "the flow's start")
        running.interrupt()
        ended = running.wait()
    check(ended)
    (reference,) = [path.parent.name for path in fake.fake.glob("*/about")]
    assert "The platform refuses to cancel. Ask it nicely." in ended.stderr
    assert f"It may still run: flowenv cancel {reference} --env fake" in ended.stderr
    assert fake.flowenv("cancel", reference, "--env", "fake").returncode == 0


def test_attach_leaves_the_run_running(fake: Project) -> None:
    fake.write("flow.py", WHILE_RUNNING)
    reference = fake.flowenv("run", "flow.py", "--env", "fake", "--detach").stdout.strip()
    with fake.start("attach", reference, "--env", "fake") as running:
        eventually(lambda: "started\n" in running.stdout, "the flow's start")
        running.interrupt()
        ended = running.wait()
    check(ended)
    assert f"It goes on: flowenv attach {reference} --env fake\n" in ended.stderr
    state, flow, *_ = fake.flowenv("status", reference, "--env", "fake").stdout.splitlines()
    assert (state, flow.split()) == ("Running", ["flow", "wait"])
    assert fake.flowenv("cancel", reference, "--env", "fake").returncode == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_rehearsal_ends_with_its_process(fake: Project, number: signal.Signals) -> None:
    here = fake.folder / "here"
    here.mkdir()

    def pid_of_the_flow() -> int | None:
        text = (here / "begun").read_text() if (here / "begun").exists() else ""
        return int(text) if text else None

    fake.write(
        "flow.py",
        f"""
        import os, threading
        from pathlib import Path
        from flowenv import flow

        @flow
        def wait():
            try:
                Path({str(here)!r}, "begun").write_text(str(os.getpid()))
                threading.Event().wait()
            finally:
                Path({str(here)!r}, "cleaned").touch()
        """,
    )
    with fake.start("run", "flow.py", "--env", "fake", "--rehearse") as running:
        pid = eventually(pid_of_the_flow, "the flow's start")
        running.interrupt(number)
        check(running.wait())
    assert is_gone(pid)
    assert (here / "cleaned").exists()
