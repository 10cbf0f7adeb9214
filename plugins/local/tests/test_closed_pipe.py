"""Who stops reading of a flow that runs here leaves it alone, as one that runs elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TALK = """
import sys
from pathlib import Path
from flowenv import flow

@flow
def talk():
    for number in range(3000):
        print("line", number, "x" * 100)
        print("aside", number, "x" * 100, file=sys.stderr)
    Path("over").touch()
"""


@pytest.mark.parametrize("where", ["2>err | head -1", "2>&1 | head -1"])
def test_a_flow_goes_on_when_nobody_reads_of_it(tmp_path: Path, where: str) -> None:
    (tmp_path / "talk.py").write_text(TALK)
    script = f"set -o pipefail; {sys.executable} -m flowenv run talk.py {where}"
    done = subprocess.run(["/bin/bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert (tmp_path / "over").exists()
