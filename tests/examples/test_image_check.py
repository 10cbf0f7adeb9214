"""The example on `get_executor()`, on a small distribution made for the test."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv import Executor, Flow, LocalDaskExecutor, LocalExecutor


@pytest.fixture
def check_image(example: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    return example("image_check")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a distribution with two modules was installed."""
    record = "image_check_demo-1.0.dist-info/RECORD,,\n"
    for module in ("one.py", "two.py"):
        (tmp_path / module).write_text(f"# {module}\n")
        digest = hashlib.sha256((tmp_path / module).read_bytes()).digest()
        coded = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        record += f"{module},sha256={coded},9\n"
    info = tmp_path / "image_check_demo-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: image-check-demo\nVersion: 1.0\n"
    )
    info.joinpath("RECORD").write_text(record)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


executors = pytest.mark.parametrize(
    "executor",
    [
        LocalExecutor(),
        LocalDaskExecutor("threads", num_workers=2),
        LocalDaskExecutor("processes", num_workers=2),
    ],
    ids=["serial", "threads", "processes"],
)


@executors
def test_untouched_files_are_not_reported(
    check_image: Flow[..., Any], installed: Path, executor: Executor
) -> None:
    report = check_image.run(executor=executor, pattern="image-check-demo")
    assert report == {"distributions": 1, "files": 2, "damaged": []}


@executors
def test_a_changed_and_a_missing_file_are_reported(
    check_image: Flow[..., Any], installed: Path, executor: Executor
) -> None:
    installed.joinpath("one.py").write_text("# patched\n")
    installed.joinpath("two.py").unlink()
    report = check_image.run(executor=executor, pattern="image-check-*")
    assert report == {"distributions": 1, "files": 2, "damaged": ["one.py", "two.py"]}


def test_a_pattern_that_fits_nothing_checks_nothing(
    check_image: Flow[..., Any], installed: Path
) -> None:
    report = check_image.run(pattern="no-such-distribution")
    assert report == {"distributions": 0, "files": 0, "damaged": []}
