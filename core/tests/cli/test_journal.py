"""What this machine still knows when the platform has forgotten a run."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from .project import Project
from .test_runs import HERE, submit


def forget(fake: Project, reference: str) -> None:
    """The platform forgets a run, as by its TTL."""
    shutil.rmtree(fake.fake / reference)


@pytest.fixture
def finished(fake: Project) -> str:
    """A run whose end and result this machine has seen, with a label."""
    reference = submit(fake, "--label", "nightly", "-p", "to=3")
    assert fake.flowenv("attach", reference, *HERE).returncode == 0
    return reference


def journal_of(fake: Project) -> Path:
    return fake.output / "state" / "flowenv" / "journal.sqlite3"


def test_a_forgotten_run_is_in_the_list_of_all(fake: Project, finished: str) -> None:
    assert finished in fake.flowenv("runs", *HERE, "--all").stdout
    forget(fake, finished)
    assert fake.flowenv("runs", *HERE).stderr == "No runs.\n"
    (row,) = fake.flowenv("runs", *HERE, "--all", "--label", "nightly").stdout.splitlines()[1:]
    for said in (finished, "count", "Completed", "nightly", "to=3", "(not there any more)"):
        assert said in row
    (found,) = fake.flowenv("runs", *HERE, "--all", "--mine", "-o", "json").json
    assert (found["run_id"], found["state"]) == (finished, "Completed")
    assert found["seen"]
    assert found["ended"]
    assert fake.flowenv("runs", *HERE, "--all", "--label", "other").stdout == ""


def test_status_and_result_of_a_forgotten_run(fake: Project, finished: str) -> None:
    forget(fake, finished)
    status = fake.flowenv("status", finished, *HERE)
    assert status.returncode == 0
    assert status.stdout.startswith("Completed (as this machine last heard of it, at 2")
    described = fake.flowenv("status", finished, *HERE, "-o", "json").json
    assert (described["state"], described["backend"]) == ("Completed", "fake")
    result = fake.flowenv("result", finished, *HERE)
    assert (result.returncode, result.stdout) == (0, "Result: 3\n")
    assert fake.flowenv("result", finished, *HERE, "-o", "json").json["result"] == 3


def test_a_result_that_came_by_the_log_outlives_it(fake: Project) -> None:
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef f(): return list(range(3000))\n")
    ended = fake.flowenv("run", "flow.py", *HERE, "-o", "json").json
    assert len(ended["result"]) == 3000
    forget(fake, ended["run_id"])
    again = fake.flowenv("result", ended["run_id"], *HERE, "-o", "json")
    assert (again.returncode, again.json["result"]) == (0, ended["result"])


def test_result_of_a_run_that_is_there(fake: Project) -> None:
    reference = submit(fake)
    ended = fake.flowenv("result", reference, *HERE)
    assert (ended.returncode, ended.stdout) == (0, "Result: 2\n")
    assert fake.flowenv("result", "nowhere", *HERE).returncode == 3


def test_a_result_that_nobody_here_has_asked_for_is_not_known(fake: Project) -> None:
    reference = submit(fake)
    fake.flowenv("logs", reference, *HERE, "--follow")
    assert fake.flowenv("status", reference, *HERE).stdout.startswith("Completed")
    forget(fake, reference)
    ended = fake.flowenv("result", reference, *HERE)
    assert ended.returncode == 4
    assert "but not its result" in ended.stderr


@pytest.mark.parametrize("command", ["attach", "logs", "cancel"])
def test_what_needs_the_platform_says_what_is_known(
    fake: Project, finished: str, command: str
) -> None:
    forget(fake, finished)
    ended = fake.flowenv(command, finished, *HERE)
    assert ended.returncode == 3
    assert "has no run" in ended.stderr
    assert "Completed (as this machine last heard of it" in ended.stderr


@pytest.mark.parametrize("off", ["variable", "configuration"])
def test_without_a_journal_nothing_is_written(fake: Project, off: str) -> None:
    variables = {"FLOWENV_JOURNAL": "0"} if off == "variable" else {}
    if off == "configuration":
        fake.write("flowenv.toml", "journal = false\n")
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef f(): pass\n")
    assert fake.flowenv("run", "flow.py", *HERE, **variables).returncode == 0
    assert not journal_of(fake).parent.exists()


def spoil(path: Path, how: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "damaged":
        path.write_bytes(b"no database" * 100)
    elif how == "folder":
        path.mkdir()
    elif how == "newer":
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
    elif how == "link":
        path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("how", ["damaged", "folder", "newer", "link"])
def test_a_journal_that_cant_be_used_costs_one_line_and_no_run(fake: Project, how: str) -> None:
    spoil(journal_of(fake), how)
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef f(): return 5\n")
    ended = fake.flowenv("run", "flow.py", *HERE)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "Result: 5")
    assert ended.stderr.count("The journal of runs can't be used") == 1
    assert fake.flowenv("runs", *HERE, "--all").returncode == 0
    assert not journal_of(fake).with_name("elsewhere").exists()


def test_a_locked_journal_costs_a_moment_and_no_run(fake: Project, finished: str) -> None:
    holder = sqlite3.connect(journal_of(fake), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef f(): return 5\n")
    ended = fake.flowenv("run", "flow.py", *HERE)
    holder.close()
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "Result: 5")
    assert ended.stderr.count("database is locked") == 1
