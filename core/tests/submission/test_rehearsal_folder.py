"""The folder of a rehearsal, and what a killed one has left."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from flowenv.submission import rehearsal_folder as folders
from flowenv.submission.rehearsal_folder import rehearsal_folder


def test_what_a_killed_process_has_left_is_removed_and_what_is_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folders._sweep.cache_clear()
    left, being_made, elsewhere = (tmp_path / f"flowenv-rehearsal-{n}" for n in ("a", "b", "c"))
    for one in (left, being_made):
        one.mkdir()
    (left / "lock").touch()
    (left / "payload.json").touch()
    elsewhere.symlink_to(being_made)
    with rehearsal_folder() as (used, lock):
        assert os.fstat(lock).st_ino == (used / "lock").stat().st_ino
        folders._sweep.cache_clear()
        with rehearsal_folder() as (second, _):
            assert {*tmp_path.iterdir()} == {being_made, elsewhere, used, second}
    assert {*tmp_path.iterdir()} == {being_made, elsewhere}
