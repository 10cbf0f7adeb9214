"""What is in the built distributions: all that is needed, and nothing else."""

from __future__ import annotations

import email.message
import email.parser
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/[!_]*/pyproject.toml"))


@pytest.fixture(scope="module", params=[ROOT / "core", *PLUGINS], ids=lambda path: path.name)
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A distribution's folder, and where its wheel and source distribution have been built."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    done = subprocess.run(command, cwd=request.param, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, target


def wheel(target: Path) -> zipfile.ZipFile:
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def metadata(target: Path) -> email.message.Message:
    with wheel(target) as opened:
        (name,) = [n for n in opened.namelist() if n.endswith(".dist-info/METADATA")]
        return email.parser.Parser().parsestr(opened.read(name).decode())


def test_the_wheel_holds_every_source_file_and_nothing_else(built: tuple[Path, Path]) -> None:
    folder, target = built
    # the core's template is a link to its folder among the plugins
    listed = os.walk(folder / "src", followlinks=True)
    files = [Path(parent, name) for parent, _, names in listed for name in names]
    sources = {
        str(path.relative_to(folder / "src")) for path in files if "__pycache__" not in path.parts
    }

    with wheel(target) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}

    assert packed == sources


def test_the_wheel_is_for_every_platform(built: tuple[Path, Path]) -> None:
    _, target = built

    assert [path.name for path in target.glob("*-py3-none-any.whl")]


def test_the_wheel_carries_licence_and_entry_points(built: tuple[Path, Path]) -> None:
    _, target = built

    with wheel(target) as opened:
        names = {name.partition(".dist-info/")[2] for name in opened.namelist()}

    assert {"licenses/LICENSE", "entry_points.txt"} <= names


def test_the_metadata_describes_it(built: tuple[Path, Path]) -> None:
    described = metadata(built[1])

    assert described["License-Expression"] == "Apache-2.0"
    assert described["Requires-Python"] == ">=3.11"
    assert described["Summary"]
    assert described["Description-Content-Type"] == "text/markdown"


def test_the_metadata_names_no_file_and_no_address_as_a_requirement(
    built: tuple[Path, Path],
) -> None:
    required = metadata(built[1]).get_all("Requires-Dist") or []

    assert [one for one in required if "@" in one or "://" in one] == []


def test_the_source_distribution_is_enough_to_build_the_wheel(built: tuple[Path, Path]) -> None:
    folder, target = built
    (path,) = target.glob("*.tar.gz")

    with tarfile.open(path) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}

    package = next((folder / "src").glob("flowenv*")).name
    assert {"pyproject.toml", "README.md", "LICENSE", f"src/{package}/py.typed"} <= names
