"""What CI and the demo install is pinned: versions and hashes, and nothing that isn't."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hatchling import build as hatchling
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
ENTRY = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[\w.]+)(?: ; (?P<marker>[^@/\\]+?))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
)
PROJECTS = [
    tomllib.loads(path.read_text("utf-8"))
    for path in [ROOT / "core" / "pyproject.toml", *ROOT.glob("plugins/[!_]*/pyproject.toml")]
]
OURS = {canonicalize_name(one["project"]["name"]) for one in PROJECTS} | {"flowenv-subprocess"}


def entries(name: str) -> list[re.Match[str]]:
    return list(ENTRY.finditer((ROOT / name).read_text("utf-8")))


def pinned() -> dict[str, list[str]]:
    """The versions of each distribution in constraints.txt."""
    found: dict[str, list[str]] = {}
    for entry in entries("constraints.txt"):
        found.setdefault(canonicalize_name(entry["name"]), []).append(entry["version"])
    return found


def asked() -> Iterable[Requirement]:
    """What the tools, the examples and the distributions of this repository ask for themselves."""
    groups: dict[str, list[Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
        "dependency-groups"
    ]
    lines = [one for group in groups.values() for one in group if isinstance(one, str)]
    for one in PROJECTS:
        extras = one["project"].get("optional-dependencies", {}).values()
        lines += [*one["project"].get("dependencies", []), *(line for e in extras for line in e)]
        lines += one["build-system"]["requires"]
    examples = (ROOT / "examples" / "requirements.txt").read_text("utf-8").splitlines()
    lines += [line for line in examples if line and not line.startswith("#")]
    return (one for one in map(Requirement, lines) if canonicalize_name(one.name) not in OURS)


def needed_here(wanted: Iterable[Requirement]) -> set[str]:
    """The names of all that those requirements bring along on this Python, as far as installed."""
    waiting = [(canonicalize_name(one.name), frozenset(one.extras)) for one in wanted]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # a tool of another session: that one checks what it has installed
        for one in map(Requirement, lines):
            if one.marker and not any(one.marker.evaluate({"extra": e}) for e in {"", *extras}):
                continue
            more = (canonicalize_name(one.name), frozenset(one.extras))
            if more not in seen:
                seen.add(more)
                waiting.append(more)
    return {name for name, _ in seen} - OURS


@pytest.mark.parametrize("name", ["constraints.txt", "requirements.txt"])
def test_a_file_of_pins_has_names_versions_and_hashes_and_nothing_else(name: str) -> None:
    rest = ENTRY.sub("", (ROOT / name).read_text("utf-8"))

    assert entries(name)
    assert [line for line in rest.splitlines() if not line.startswith("# ")] == []


def test_what_is_asked_for_is_pinned_to_a_version_that_is_allowed() -> None:
    found = pinned()
    wrong = [
        str(one)
        for one in asked()
        if not any(map(one.specifier.contains, found.get(canonicalize_name(one.name), [])))
    ]

    assert wrong == []


def test_what_that_needs_is_pinned_too() -> None:
    needed = needed_here(asked())

    assert len(needed) > 100
    assert needed - set(pinned()) == set()


def test_what_a_build_asks_for_is_pinned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "core")
    more = [*hatchling.get_requires_for_build_editable(), *hatchling.get_requires_for_build_wheel()]

    assert more
    assert needed_here(map(Requirement, ["hatchling", *more])) - set(pinned()) == set()


def test_what_pip_installs_first_is_pinned_the_same() -> None:
    def content(one: re.Match[str]) -> tuple[str, ...]:
        return one["name"], one["version"], one["hashes"]  # markers differ by who asks

    everywhere = set(map(content, entries("constraints.txt")))
    first = entries("requirements.txt")

    assert {"nox", "uv"} < {one["name"] for one in first}
    assert [one["name"] for one in first if content(one) not in everywhere] == []


def test_nobody_is_told_to_install_a_name_that_anybody_can_register() -> None:
    patterns = ("*.md", "[!.]*/**/*.md", "core/src/**/*.py", "plugins/*/src/**/*.py")
    paths = [path for pattern in patterns for path in ROOT.glob(pattern)]
    told = {
        (str(path.relative_to(ROOT)), word.strip("'\"`.,"))
        for path in paths
        for line in re.findall(r"pip install ([^\n`]*)", path.read_text("utf-8"))
        for word in re.split(r"[\s\[=<>]+", line.partition("#")[0])
    }

    assert len({path for path, _ in told}) > 10
    assert {one for one in told if canonicalize_name(one[1]) in OURS} == set()


def test_nothing_is_installed_without_its_pin() -> None:
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")
    installs = re.findall(r"session\.install\(.*", noxfile)

    assert installs == ['session.install("-c", str(CONSTRAINTS), *requirements, env=env)']
    for name in (".ci/run", "README.md", "CONTRIBUTING.md", "docs/index.md"):
        commands = re.findall(r"bin/pip install.*", (ROOT / name).read_text("utf-8"))
        assert commands
        assert [one for one in commands if "--require-hashes -r requirements.txt" not in one] == []
