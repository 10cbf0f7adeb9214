"""A flow has a folder for temporary files even where its root file system is read-only."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from flowenv.container import temporary_folder
from flowenv.container.temporary_folder import ensure_temporary_folder
from flowenv.errors import PayloadError


@pytest.fixture(autouse=True)
def nothing_writable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """None of the folders that Python would take is there."""
    gone = str(tmp_path / "gone")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [gone])
    monkeypatch.setenv("TMPDIR", gone)
    return tmp_path


def test_memory_is_taken_where_no_folder_can_be_written(
    monkeypatch: pytest.MonkeyPatch, nothing_writable: Path
) -> None:
    monkeypatch.setattr(temporary_folder, "_IN_MEMORY", str(nothing_writable))
    ensure_temporary_folder()
    with tempfile.TemporaryDirectory() as name:
        assert Path(name).parent == nothing_writable


def test_without_any_folder_the_error_says_what_to_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary_folder, "_IN_MEMORY", "/nowhere")
    with pytest.raises(PayloadError, match="read-only") as caught:
        ensure_temporary_folder()
    assert "/tmp" in caught.value.hint
