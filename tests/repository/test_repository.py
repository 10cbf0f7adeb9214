"""What is true of every file and every distribution of this repository."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/[!_]*/pyproject.toml"))
DISTRIBUTIONS = [ROOT / "core", *PLUGINS]
PLATFORM_LIBRARIES = {
    "boto3",
    "botocore",
    "dask_cloudprovider",
    "dask_kubernetes",
    "kr8s",
    "kubernetes",
}


MOST_IN_A_ROOM = 14
"""Modules and rooms; of commands there are as many as there are."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def each_distribution() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=name_of)


def project(folder: Path) -> dict[str, Any]:
    return dict(tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"])


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Every text file that git keeps, by name."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and path != Path(__file__):
            try:
                yield name, path.read_text("utf-8")
            except UnicodeDecodeError:
                continue


def imports_of(path: Path) -> Iterator[str]:
    """The top-level names of the packages that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def sleeps(path: Path) -> bool:
    """True if a module sleeps other than between two looks, in a loop with an end."""
    tree = ast.parse(path.read_text("utf-8"))
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While)]
    looping = {id(call) for loop in loops for call in sleeps_in(loop)}
    return any(id(call) not in looping for call in sleeps_in(tree))


def sleeps_in(tree: ast.AST) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) in ("time.sleep", "sleep")]


class TestEveryFile:
    def test_names_no_path_of_somebodys_machine(self) -> None:
        path = re.compile(r"(?<![\w.}])/(work|root|home|Users)/\w")

        assert [name for name, text in tracked_texts() if path.search(text)] == []

    def test_names_no_package_registrys_host(self) -> None:
        host = re.compile(
            r"pythonhosted|pypi\.org|(extra-)?index-url\s*=|--index-url", re.IGNORECASE
        )

        assert [name for name, text in tracked_texts() if host.search(text)] == []

    def test_is_no_lock_file(self) -> None:
        assert [name for name, _ in tracked_texts() if name.endswith(".lock")] == []


class TestEveryTest:
    def test_waits_for_the_thing_itself_and_not_for_time_to_pass(self) -> None:
        folders = [ROOT / "core", ROOT / "plugins", ROOT / "tests"]
        tests = [path for folder in folders for path in folder.rglob("test_*.py")]

        assert [name_of(path) for path in tests if sleeps(path)] == []


class TestTheDemo:
    def test_has_a_stand_in_for_each_backends_platform_and_the_readme_names_it(self) -> None:
        from rigs.demo.stands import STANDS

        backends = {folder.name for folder in PLUGINS} - {"local"}
        readme = (ROOT / "README.md").read_text("utf-8")

        assert {*STANDS} == backends
        assert [name for name in STANDS if f"`{name}`" not in readme] == []
        assert "nox -s demo -- k8s" in readme


class TestTheCore:
    def test_imports_no_platforms_library(self) -> None:
        sources = (ROOT / "core" / "src").rglob("*.py")

        guilty = [name_of(p) for p in sources if PLATFORM_LIBRARIES & set(imports_of(p))]

        assert guilty == []

    def test_imports_dask_only_in_its_executors(self) -> None:
        sources = (ROOT / "core" / "src").rglob("*.py")

        guilty = [p for p in sources if {"dask", "distributed"} & set(imports_of(p))]

        assert all(name_of(p).startswith("core/src/flowenv/executors/") for p in guilty)

    def test_asks_for_little(self) -> None:
        allowed = {"click", "cloudpickle", "importlib-metadata", "pluggy", "pyyaml"}

        asked = {
            re.split(r"[<>=~!\[ ]", one)[0].lower()
            for one in project(ROOT / "core")["dependencies"]
        }

        assert asked <= allowed


@each_distribution()
class TestEveryDistribution:
    def test_says_what_it_is(self, folder: Path) -> None:
        described = project(folder)

        assert described["license"] == "Apache-2.0"
        assert described["requires-python"] == ">=3.11"
        assert described["description"]
        assert (folder / described["readme"]).is_file()

    def test_carries_the_licence(self, folder: Path) -> None:
        assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()

    def test_is_typed(self, folder: Path) -> None:
        assert list(folder.glob("src/*/py.typed"))

    def test_asks_for_no_dependency_without_a_lower_bound(self, folder: Path) -> None:
        described = project(folder)
        extras = described.get("optional-dependencies", {})
        asked = [*described.get("dependencies", []), *(r for e in extras.values() for r in e)]

        assert [one for one in asked if ">=" not in one] == []

    def test_has_no_module_that_could_hold_anything(self, folder: Path) -> None:
        names = {path.stem for path in (folder / "src").rglob("*.py")}

        assert names & {"utils", "util", "helpers", "common", "misc"} == set()

    def test_has_no_crowded_room_and_none_of_one_module(self, folder: Path) -> None:
        rooms = {path.parent for path in (folder / "src").glob("*/*/**/__init__.py")}
        rooms = {one for one in rooms if "_template" not in one.parts and one.name != "commands"}
        held = {
            name_of(room): len([*room.glob("[!_]*.py"), *room.glob("*/__init__.py")])
            for room in rooms
        }

        assert {
            name: count for name, count in held.items() if not 2 <= count <= MOST_IN_A_ROOM
        } == {}


@pytest.mark.parametrize("folder", PLUGINS, ids=name_of)
class TestEveryPlugin:
    def test_is_found_by_the_name_of_its_folder(self, folder: Path) -> None:
        points = project(folder)["entry-points"]["flowenv.backends"]

        assert points == {folder.name: f"flowenv_{folder.name}.hooks"}

    def test_has_a_page_in_the_documentation(self, folder: Path) -> None:
        assert (ROOT / "docs" / "backends" / f"{folder.name}.md").is_file()

    def test_has_tests(self, folder: Path) -> None:
        assert list(folder.glob("tests/**/test_*.py"))

    def test_is_named_where_it_is_missing(self, folder: Path) -> None:
        from flowenv.registry.discovery import KNOWN_BACKENDS

        assert KNOWN_BACKENDS[folder.name] == project(folder)["name"]


class TestContributing:
    def test_names_only_places_that_are_there(self) -> None:
        text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
        places = re.findall(r"`((?:core|plugins|docs|tests)/[^`*]+)`", text)

        assert len(places) > 10
        assert [one for one in places if not (ROOT / one.replace("NAME", "k8s")).exists()] == []


class TestTools:
    def test_ci_runs_the_readmes_second_command(self) -> None:
        commands = re.findall(
            r"^python3 -m venv.*nox.*$", (ROOT / "README.md").read_text(), re.MULTILINE
        )

        assert len(commands) == 2
        assert commands[1] in (ROOT / ".ci" / "run").read_text()

    def test_ci_is_executable(self) -> None:
        assert os.access(ROOT / ".ci" / "run", os.X_OK)

    def test_a_changelog_fragment_begins_with_a_distribution(self) -> None:
        names = {project(folder)["name"] for folder in DISTRIBUTIONS}
        fragments = list((ROOT / "changelog.d").glob("*.md"))

        first = {path.name: path.read_text().split()[0].rstrip(":") for path in fragments}

        assert {name for name, word in first.items() if word not in names} == set()
