"""Tables are as wide as the terminal; piped, nothing is cut."""

from __future__ import annotations

import sys

import pytest

from flowenv.cli.output import printing, runs_table
from flowenv.cli.output.printing import echo_table
from flowenv.cli.output.report import describe_result, report_result

ROWS = [
    [
        "team-a/train-6f1c",
        "Running",
        "n=5 names=a,b,c,d,e,f",
        "waits for an image that is far away",
    ],
    ["team-a/load-aa01", "Failed", "größe='大きいファイル'", ""],
]
HEADER = ["reference", "state", "parameters", "message"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    echo_table(ROWS, HEADER, shrinking=("parameters", "message"))
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "is_terminal", lambda: True)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("columns", "cut"), [(90, 0), (80, 1), (60, 2)])
def test_the_last_columns_are_cut_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int, cut: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    header, first, second = lines(capsys)
    assert len(first) <= columns
    assert first.count("…") == cut
    assert first.startswith("team-a/train-6f1c  Running")
    assert header.index("state") == first.index("Running") == second.index("Failed")


@pytest.mark.usefixtures("terminal")
def test_what_has_to_be_copied_stays_whole_on_the_narrowest_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert lines(capsys)[1].startswith("team-a/train-6f1c  Running  n=5 names=a…  waits for a…")


RUNS = [["flows/train-6f1c0a9b", "train", "Failed", "2026-11-28 10:00:00", "5 s", "Error: no room"]]
RUNS_HEADER = ["reference", "flow", "state", "start (UTC)", "duration", "message"]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("columns", "left_out"),
    [
        (90, set()),
        (80, set()),
        (72, {"duration"}),
        (65, {"duration", "flow"}),
        (55, {"duration", "flow", "message"}),
        (40, {"duration", "flow", "message", "start (UTC)"}),
    ],
)
def test_a_narrow_terminal_has_fewer_columns_of_runs(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: int,
    left_out: set[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    echo_table(RUNS, RUNS_HEADER, shrinking=runs_table._SHRINKING, dropping=runs_table._DROPPING)
    header, first = capsys.readouterr().out.splitlines()
    assert len(first) <= columns
    assert first.startswith("flows/train-6f1c0a9b  ")
    assert {name for name in RUNS_HEADER if name not in header} == left_out


def test_where_nobody_looks_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert lines(capsys)[1].endswith("far away")


def test_a_column_that_says_nothing_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table([["a", "", ""]], ["kind", "run", ""])
    assert capsys.readouterr().out == "kind\na\n"


def test_of_many_bytes_the_beginning_and_the_size_are_shown(capsys: pytest.CaptureFixture[str]):
    report_result(b"\x89PNG" + bytes(1000), None)
    shown = "Result: b'\\x89PNG" + "\\x00" * 16 + "'… (1,004 bytes)\n"
    assert capsys.readouterr().out == shown


def test_a_closed_output_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert not printing.is_terminal()


def test_a_result_that_python_cannot_write_is_named(capsys: pytest.CaptureFixture[str]):
    class Wordless:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    said = "<Wordless: its repr() raises RuntimeError>"
    report_result(Wordless(), None)
    assert capsys.readouterr().out == f"Result: {said}\n"
    assert describe_result(Wordless(), None) == {"result": None, "result_text": said}
