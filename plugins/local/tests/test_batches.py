"""Batches in the local environment: in order here, or in processes of their own."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable

import pytest

import flowenv
from flowenv import State, flow
from flowenv.errors import ParameterError, RunFailed, SettingError, UnsupportedOperation


@flow(code="source")
def half(number: int) -> float:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number / 2


@flow(code="source")
def who() -> int:
    return os.getpid()


def test_all_runs_are_made_in_their_order_in_this_process():
    batch = flowenv.map(half, [{"number": n} for n in (4, 2)])
    assert batch.counts() == {State.COMPLETED: 2}
    assert batch.results() == [2.0, 1.0]
    assert [run.parameters for run in batch] == [{"number": 4}, {"number": 2}]
    assert batch.results(5.0) == [2.0, 1.0]
    assert flowenv.map(who, [{}]).results() == [os.getpid()]


def test_a_failure_is_told_with_its_row_or_stands_in_the_results_place():
    batch = flowenv.map(half, [{"number": n} for n in (2, 3)])
    with pytest.raises(RunFailed, match="3 is odd") as raised:
        batch.results()
    assert raised.value.__notes__ == [f"It is row 2 of the batch {batch.name}."]
    first, second = batch.results(raise_first=False)
    assert first == 1.0
    assert isinstance(second, RunFailed)
    assert batch.table()[1] == {
        "row": 2,
        "state": "Failed",
        "reason": None,
        "message": "ValueError: 3 is odd",
        "reference": "local",
        "submitted_here": True,
        "number": 3,
    }
    assert repr(batch) == f"Batch({batch.name!r}, 1 Completed, 1 Failed)"


def test_several_at_once_run_in_processes_of_their_own(capfd):
    batch = flowenv.map(who, [{}, {}, {}], at_once=2)
    found = batch.results()
    assert len({*found, os.getpid()}) == 4
    failing = flowenv.map(half, [{"number": n} for n in (3, 4)], at_once=2)
    assert [type(one).__name__ for one in failing.results(raise_first=False)] == [
        "RunFailed",
        "float",
    ]


def test_a_process_finds_the_modules_that_this_one_finds(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text(
        "from flowenv import flow\n@flow\ndef answer() -> int:\n    return 42\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import answer

    assert flowenv.map(answer, [{}, {}], at_once=2).results() == [42, 42]


def test_the_files_of_runs_in_processes_are_where_those_of_runs_here_are(tmp_path, monkeypatch):
    @flow
    def leave(name: str) -> None:
        (flowenv.output_dir() / name).write_text(name)

    monkeypatch.chdir(tmp_path)
    rows = [{"name": "a"}, {"name": "b"}]
    here, beside = flowenv.map(leave, rows), flowenv.map(leave, rows, at_once=2)
    for batch in (here, beside):
        batch.results()
        assert [dict(row.run.files()) for row in batch.rows] == [{"a": b"a"}, {"b": b"b"}]
    assert len(list((tmp_path / "flowenv-output").iterdir())) == 4


def test_all_rows_are_checked_before_the_first_one_runs(capsys):
    @flow
    def says(word: str) -> None:
        print(word)

    with pytest.raises(ParameterError, match=r"Row 2: The flow says has no parameter 'wrod'"):
        flowenv.map(says, [{"word": "a"}, {"wrod": "b"}])
    with pytest.raises(ParameterError, match="Row 1 is list, not parameters by name"):
        flowenv.map(says, [["a"]])
    with pytest.raises(ParameterError, match="Row 1 and the parameters for all rows both have w"):
        flowenv.map(says, [{"word": "a"}], parameters={"word": "b"})
    assert capsys.readouterr().out == ""


def test_what_cannot_list_its_runs_cannot_say_which_have_failed():
    with pytest.raises(UnsupportedOperation, match="local can't list its runs"):
        flowenv.map(half, [{"number": 2}], name="days", only_failed=True)
    with pytest.raises(SettingError, match="only_failed needs the name of a batch"):
        flowenv.map(half, [{"number": 2}], only_failed=True)


def test_a_process_that_cannot_be_started_is_a_crash_and_not_a_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    batch = flowenv.map(half, [{"number": 2}, {"number": 4}], at_once=2)
    assert batch.wait(20) == {State.CRASHED: 2}
    assert "FileNotFoundError" in batch.table()[0]["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"at_once": 0},
        {"at_once": "3"},
        {"name": "a b"},
        {"name": 5},
        {"labels": "nightly"},
        {"again": 1, "only_failed": 1},
    ],
)
def test_an_argument_that_cannot_be_is_refused(wrong):
    with pytest.raises(SettingError):
        flowenv.map(half, [{"number": 2}], **wrong)


class Frame(dict):  # as pandas has it
    def to_dict(self, orient: str) -> list[dict[str, int]]:
        return [{"number": 2}]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (Frame(number=[2]), r"The rows are a Frame.*frame\.to_dict"),
        ({"number": 2}, "The rows are dict, not several dictionaries"),
        (None, "The rows are NoneType"),
        ([2], "Row 1 is int"),
    ],
)
def test_rows_that_are_none_are_refused_with_how_to_write_them(rows, said):
    with pytest.raises(ParameterError, match=said):
        flowenv.map(half, rows)


def test_no_rows_are_no_runs():
    batch = flowenv.map(half, [])
    assert (batch.results(), batch.wait(), list(batch)) == ([], {}, [])
    assert batch.summary() == "no runs"


ABANDONED = """
import os, pathlib, sys, threading
import flowenv

@flowenv.flow
def waits(n: int, folder: str) -> None:
    os.environ.clear()
    pathlib.Path(folder, "begun", str(os.getpid())).touch()
    try:
        threading.Event().wait(60)
    finally:
        pathlib.Path(folder, "closed", str(os.getpid())).touch()

def forks(folder: str) -> None:
    while len(list(pathlib.Path(folder, "begun").iterdir())) < 2:
        threading.Event().wait(0.01)
    if os.fork():
        pathlib.Path(folder, "forked").touch()
        return
    os.closerange(0, 3)
    for _ in range(6000):
        if len(list(pathlib.Path(folder, "closed").iterdir())) == 2:
            os._exit(0)
        threading.Event().wait(0.01)
    os._exit(1)

if __name__ == "__main__":
    batch = flowenv.map(waits, [{"n": 1}, {"n": 2}], folder=sys.argv[1], at_once=2)
    threading.Thread(target=forks, args=(sys.argv[1],), daemon=True).start()
    batch.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_the_one_that_has_started_them(tmp_path, number):
    for name in ("begun", "closed", "tmp"):
        (tmp_path / name).mkdir()
    script = tmp_path / "script.py"
    script.write_text(ABANDONED)

    def until(found: Callable[[], bool]) -> None:
        for _ in range(6000):
            if found():
                return
            threading.Event().wait(0.01)
        raise AssertionError("it takes too long")

    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until((tmp_path / "forked").exists)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == -number
    assert ("is ended with 2 runs: nobody" in said) == (number == signal.SIGINT)
    until(lambda: len(list((tmp_path / "closed").iterdir())) == 2)
    until(lambda: not list((tmp_path / "tmp").glob("flowenv-rehearsal-*")))


def test_leaving_the_block_ends_the_processes(tmp_path):
    @flow
    def waits(folder: str) -> None:
        import pathlib
        import threading

        pathlib.Path(folder, str(os.getpid())).touch()
        threading.Event().wait(60)

    with flowenv.map(waits, [{"folder": str(tmp_path)}] * 3, at_once=2) as batch:
        for _ in range(1000):
            if len(list(tmp_path.iterdir())) == 2:
                break
            threading.Event().wait(0.01)
    assert all(row.run.state.is_final for row in batch.rows)
    assert batch.counts()[State.CANCELLED] >= 1
    for one in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(one.name), 0)


def test_rows_of_pandas_are_what_the_flow_says():
    pandas = pytest.importorskip("pandas")

    @flow
    def day(day: datetime.date, size: int = 1) -> str:
        return f"{day!r} {size}"

    frame = pandas.DataFrame({"day": pandas.to_datetime(["2024-01-31"] * 2), "size": [2.0, None]})
    found = flowenv.map(day, frame.to_dict("records"))
    assert found.results() == ["datetime.date(2024, 1, 31) 2", "datetime.date(2024, 1, 31) 1"]
    wrong = [{"day": pandas.Timestamp("2024-01-31 09:00")}, {"day": None}]
    with pytest.raises(ParameterError) as caught:
        flowenv.map(day, wrong)
    assert str(caught.value).splitlines() == [
        "2 faults:",
        "  Row 1: The parameter day of the flow day is a date, not 2024-01-31 09:00:00.",
        "  Row 2: The parameter day of the flow day is a date, not None.",
    ]


def test_rows_that_mean_the_same_are_known_by_the_same_fingerprint():
    @flow
    def wait(secs: float) -> float:
        return secs

    batch = flowenv.map(wait, [{"secs": 0}])
    again = flowenv.map(wait, [{"secs": 0.0}])
    assert batch.rows[0].fingerprint == again.rows[0].fingerprint
    with pytest.raises(ParameterError, match="The parameters for all rows: The flow wait has no"):
        flowenv.map(wait, [{"secs": 0}], parameters={"sec": 1})
