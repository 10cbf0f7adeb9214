"""A flowenv that somebody has put in the place of the one that was sent runs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flowenv.contract.process import SHIPPED_COMMAND
from flowenv.plugin import Runtime


@pytest.mark.parametrize(
    "module", ["flowenv/__init__.py", "sitecustomize.py", "usercustomize.py", "hashlib.py", "os.py"]
)
def test_another_runtime_is_not_imported(tmp_path: Path, module: str) -> None:
    sent = Runtime(b"what was sent")
    file = tmp_path / sent.name
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(module, f"open({str(tmp_path / 'ran')!r}, 'w')")
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    ended = subprocess.run(
        SHIPPED_COMMAND,
        env={"PATH": f"{python.parent}:{os.environ['PATH']}", **sent.variables(str(tmp_path))},
        cwd=tmp_path / "work",
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (tmp_path / "ran").exists()
    assert ended.returncode == 3
    assert "is not what was sent with the run" in ended.stderr
