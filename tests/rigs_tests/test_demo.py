"""`python -m rigs.demo`: every backend at work on its stand-in, and nothing of it afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
QUICK = ("examples/image_check/image_check.py", "-p", "pattern=flowenv")
"""A flow that imports nothing: what takes its time is the demo."""
LONGEST = 180
"""Seconds, on a busy machine; ten or fifteen on one that has nothing else to do."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the demo may put what it needs; no path of a process that isn't of the demo's."""
    made = tmp_path / "temporary"
    made.mkdir()
    return made


def start(folder: Path, backend: str, *flow: str) -> subprocess.Popen[str]:
    page = folder.with_name("page.html")
    return subprocess.Popen(
        [sys.executable, "-m", "rigs.demo", "--report", str(page), backend, *flow],
        cwd=folder.parent,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(TESTS), "HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_of(folder: Path) -> list[str]:
    """The files in the folder, and the processes that were told to write to it."""
    mark = f"={folder}".encode()
    return [str(path) for path in folder.iterdir()] + [
        f"process {path.parent.name}"
        for path in Path("/proc").glob("[0-9]*/environ")
        if mark in _read(path)
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""


@pytest.mark.parametrize(
    ("backend", "flow", "shown"),
    [
        ("k8s", QUICK, ["Submitted default/check-image-", "Job   default/check-image-"]),
        ("dask_k8s", QUICK, ["The cluster has 1 worker.", "The workers are gone"]),
        ("fargate", (), ["{'read': 344, 'measured': 342", "Submitted arn:aws:ecs:"]),
        ("dask_cloud", QUICK, ["Making a FargateCluster.", "log stream  dask-ecs/"]),
    ],
)
def test_each_backend_works_and_leaves_nothing(
    backend: str, flow: tuple[str, ...], shown: list[str], folder: Path
) -> None:
    with start(folder, backend, *flow) as demo:
        printed, _ = demo.communicate(timeout=LONGEST)

    assert demo.returncode == 0, printed
    expected = [*shown, "$ flowenv spec ", f'type = "{backend}"', "Result: ", "Completed after "]
    if backend != "dask_cloud":
        expected += ["$ flowenv runs ", "$ flowenv status "]
    assert [text for text in expected if text not in printed] == []
    assert printed.endswith(f"{folder.with_name('page.html').as_uri()}\n")
    assert "Completed" in folder.with_name("page.html").read_text("utf-8")
    assert left_of(folder) == []
    assert {one.name for one in folder.parent.iterdir()} == {"temporary", "page.html"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(number: signal.Signals, folder: Path) -> None:
    with start(folder, "k8s", QUICK[0]) as demo:  # looks at all that is installed: for a while
        assert demo.stdout
        assert any("Running the flow" in line for line in demo.stdout)
        demo.send_signal(number)
        printed, _ = demo.communicate(timeout=LONGEST)

    assert demo.returncode == 130, printed
    assert "Cancelled" in printed
    assert printed.endswith("Interrupted. Nothing of the demo runs any more.\n")
    assert left_of(folder) == []


def test_what_goes_wrong_is_the_exit_code(folder: Path) -> None:
    with start(folder, "k8s", *QUICK, "-p", "no_such=1") as demo:
        printed, _ = demo.communicate(timeout=LONGEST)

    assert demo.returncode == 1, printed
    assert "no parameter 'no_such'" in printed
    assert "The demo has failed: flowenv spec exited with 2." in printed
    assert left_of(folder) == []
