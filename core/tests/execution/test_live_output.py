"""What a flow prints is seen at once: in a container, in a rehearsal and in this process."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from flowenv.execution.live_output import live_output

DIES = """
import os

from flowenv import flow

@flow
def dies() -> None:
    print("printed before")
    os._exit(9)

"""


@pytest.mark.parametrize("more", [[], ["--rehearse"]])
def test_what_was_printed_before_the_process_was_killed_is_there(
    tmp_path: Path, more: list[str]
) -> None:
    (tmp_path / "flow.py").write_text(DIES)
    command = [sys.executable, "-m", "flowenv", "run", "flow.py", *more]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert ended.stdout == "printed before\n"


def test_afterwards_the_output_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw)
    monkeypatch.setattr(sys, "stdout", stream)
    with live_output():
        print("seen")
        assert raw.getvalue() == b"seen\n"
    print("not yet")
    assert raw.getvalue() == b"seen\n"


def test_an_output_of_somebody_elses_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with live_output():
        print("seen")


def test_a_flow_may_close_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    with live_output():
        sys.stdout.close()
