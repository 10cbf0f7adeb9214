"""`flowenv plugins` and `flowenv spec` import no platform's library and no Dask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLATFORMS = {"boto3", "botocore", "dask_cloudprovider", "dask_kubernetes", "kr8s", "kubernetes"}
HEAVY = {"asyncio", "cloudpickle", "dask", "distributed", "email.parser", "logging", "urllib3"}
FLOW = """
from flowenv import flow

@flow(image="python:3.11")
def hello():
    pass
"""


def imported_by(folder: Path, *arguments: str) -> set[str]:
    """Which heavy modules `flowenv` has imported when a command is over."""
    (folder / "hello.py").write_text(FLOW)
    code = (
        "import sys\nfrom flowenv.cli import run_app\n"
        f"code = run_app({list(arguments)!r})\n"
        "print(*sys.modules, file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    return (HEAVY | PLATFORMS) & set(done.stderr.split())


def test_plugins_imports_nothing_heavy(tmp_path: Path) -> None:
    assert imported_by(tmp_path, "plugins") == set()


@pytest.mark.parametrize("backend", ["local", "k8s", "dask_k8s"])
def test_spec_imports_nothing_heavy(tmp_path: Path, backend: str) -> None:
    assert imported_by(tmp_path, "spec", "hello.py", "--env", backend) == set()
