"""What stands at the foot of a terminal while runs go on, and that nothing of it stays."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

import pytest

from flowenv.cli.following import live

from ..project import Project, eventually
from ..terminal import Terminal, in_terminal

pytest.importorskip("rich")

WAITING = """
from pathlib import Path
import os, time
from flowenv import flow

@flow
def patient(n: int = 1):
    print("at work", n, "x" * 120, flush=True)
    while not (Path(os.environ["FAKE_FOLDER"]) / "go").exists():
        time.sleep(0.01)
    return n
"""
HERE = ("patient.py", "--env", "fake", "--variable")


@pytest.fixture
def patient(fake: Project) -> Project:
    fake.write("patient.py", WAITING)
    fake.write("n.csv", "n\n1\n2\n3\n")
    return fake


def arguments(project: Project, *more: str) -> tuple[str, ...]:
    return ("run", *HERE, f"FAKE_FOLDER={project.fake}", *more)


def at_work(terminal: Terminal) -> None:
    """Wait until the flow runs, and the line at the foot says so, below the log."""
    shown = re.compile(r"^at work 1 x+\nRunning 0:\d\d( of 0:\d\d)?  patient\Z", re.MULTILINE)
    eventually(lambda: shown.search("\n".join(terminal.screen)), "the line below the log")


def test_a_line_says_how_the_run_stands_and_goes_with_it(patient: Project) -> None:
    with in_terminal(patient, *arguments(patient)) as terminal:
        at_work(terminal)
        (patient.fake / "go").touch()
        assert terminal.wait() == 0
        assert not [line for line in terminal.screen if line.startswith("Running")]
        assert "at work 1 " + "x" * 120 in terminal.screen
        assert "Result: 1" in terminal.screen
        assert terminal.is_as_before


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_whatever_stops_it_leaves_the_terminal_as_it_was(
    patient: Project, stop: signal.Signals
) -> None:
    with in_terminal(patient, *arguments(patient)) as terminal:
        at_work(terminal)
        if stop is signal.SIGINT:
            terminal.type(b"\x03")
        else:
            terminal.process.send_signal(stop)
        assert terminal.wait() == 130
        # on a busy machine it takes so long that there are reminders
        assert [line for line in terminal.screen if "still waiting" not in line][-5:] == [
            "at work 1 " + "x" * 120,
            "Cancelling the run. Ctrl-C again leaves it.",
            "Cancelled: The run was cancelled.",
            "Interrupted.",
            "",
        ]
        assert terminal.is_as_before


def test_a_window_that_is_closed_takes_the_run_with_it(patient: Project) -> None:
    with in_terminal(patient, *arguments(patient)) as terminal:
        at_work(terminal)
        assert terminal.hang_up() == 130
        (run,) = (path for path in patient.fake.iterdir() if path.is_dir())
        assert (run / "cancelled").exists()


def test_a_batch_is_a_table_of_what_goes_on(patient: Project) -> None:
    each = arguments(patient, "--each", "n.csv", "--at-once", "2")
    with in_terminal(patient, *each) as terminal:
        rows = re.compile(
            r"^1  Running  0:\d\d  n=1\n2  Running  0:\d\d  n=2\n\W+ 0 of 3 in 0:\d\d  1 Pending  "
            r"2 Running$",
            re.MULTILINE,
        )
        eventually(lambda: rows.search("\n".join(terminal.screen)), "the table")
        (patient.fake / "go").touch()
        assert terminal.wait() == 0
        ended = [line for line in terminal.screen if not line.startswith("Batch ")]
        assert [*sorted(ended[:3]), *ended[3:]] == [
            "   1  Completed  n=1  Result: 1",
            "   2  Completed  n=2  Result: 2",
            "   3  Completed  n=3  Result: 3",
            "3 Completed",
            "",
        ]
        assert terminal.is_as_before


@pytest.mark.parametrize("columns", [40, 80])
def test_ctrl_c_leaves_no_row_of_the_table(patient: Project, columns: int) -> None:
    each = arguments(patient, "--each", "n.csv", "--at-once", "2")
    with in_terminal(patient, *each, columns=columns) as terminal:
        rows = re.compile(r"^1  Running .*\n2  Running .*\n\W+ 0 of ", re.MULTILINE)
        eventually(lambda: rows.search("\n".join(terminal.screen)), "the table")
        terminal.type(b"\x03")
        assert terminal.wait() == 130
        left = [line for line in terminal.screen if re.match(r"\^C|\d  Running|\W+ 0 of", line)]
        assert not left
        assert terminal.screen[-1] == ""


def test_without_colours_a_line_has_the_counts_and_ctrl_c_leaves_nothing_of_it(
    patient: Project,
) -> None:
    each = arguments(patient, "--each", "n.csv", "--at-once", "2")
    with in_terminal(patient, *each, columns=30, NO_COLOR="1") as terminal:
        eventually(lambda: terminal.screen[-1] == "1 Pending, 2 Running", "the line")
        terminal.type(b"\x03")
        assert terminal.wait() == 130
        assert not [line for line in terminal.screen if re.search(r"\^C|Running", line)]
        assert terminal.screen[-1] == ""


def test_the_counts_are_cut_at_a_narrow_terminals_edge_and_stand_below_the_results(
    patient: Project,
) -> None:
    patient.write("n.csv", "n\n1\n2\n3\n")
    patient.write("patient.py", WAITING.replace("while not", "while n > 1 and not"))
    each = arguments(patient, "--each", "n.csv", "--at-once", "2")
    with in_terminal(patient, *each, columns=24, NO_COLOR="1") as terminal:
        eventually(lambda: terminal.screen[-1] == "2 Running, 1 Complet…", "the line")
        assert "   1  Completed  n=1  Result: 1" in terminal.screen
        (patient.fake / "go").touch()
        assert terminal.wait() == 0
        assert terminal.screen[-2:] == ["3 Completed", ""]


class Screen(io.TextIOWrapper):
    """A file that is a terminal, as far as one can see."""

    def __init__(self) -> None:
        super().__init__(tempfile.TemporaryFile(), "utf-8", write_through=True)  # noqa: SIM115

    def isatty(self) -> bool:
        return True

    def getvalue(self) -> str:
        return os.pread(self.fileno(), 1_000_000, 0).decode()


@pytest.fixture
def terminal_like(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Screen]]:
    """Makes a terminal of the standard error, as far as one can see."""
    for name in ("CI", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")

    made = list[Screen]()

    def look() -> Screen:
        made.append(Screen())
        monkeypatch.setattr(sys, "stderr", made[-1])
        return made[-1]

    yield look
    for one in made:
        one.close()


def is_live() -> bool:
    with live.live_foot(lambda console: "here") as foot:
        return foot.is_live


def test_only_on_a_terminal_and_with_rich_it_is_live(
    terminal_like: Callable[[], Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_live()
    terminal_like()
    assert is_live()
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert not is_live()


@pytest.mark.parametrize(
    ("name", "value"),
    [("NO_COLOR", "1"), ("CI", "true"), ("TERM", "dumb"), ("TERM", "unknown"), ("COLUMNS", "20")],
)
def test_who_says_no_has_plain_lines(
    terminal_like: Callable[[], Screen], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    terminal_like()
    monkeypatch.setenv(name, value)
    assert not is_live()


def test_a_line_that_isnt_at_its_end_is_left_alone(
    terminal_like: Callable[[], Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = terminal_like()
    monkeypatch.setattr(live, "INTERVAL", 0.001)
    with live.live_foot(lambda console: "here"):
        eventually(lambda: "here" in screen.getvalue(), "the line at the foot")
        print("Password: ", end="", file=sys.stderr)
        said = len(screen.getvalue())
        threading.Event().wait(0.02)  # for many looks
        assert screen.getvalue()[said:] == ""
    assert sys.stderr is screen
