"""The built site: complete, and readable without the internet."""

from __future__ import annotations

import importlib
import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from docs.page_examples import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built; a warning is an error there too."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(r'<(?:script|img|iframe)[^>]*src="https?:|<link[^>]*href="https?:|@import')

    assert [p.name for p in site.rglob("*.html") if loads.search(text_of(p))] == []


def test_drawings_with_text_scroll_where_they_are_too_wide(site: Path) -> None:
    drawing = re.compile(r'(.{18})(?:<svg [^>]*role="img"|<img [^>]*\.svg")')
    found = {
        page.parent.name: drawing.findall(text_of(page).replace("\n", " "))
        for page in site.rglob("index.html")
    }

    assert {before for each in found.values() for before in each} == {'<div class="wide">'}
    assert found["architecture"]
    assert found["life-of-a-run"]
    assert ".wide" in text_of(site / "site.css")


def test_nothing_is_left_to_generate(site: Path) -> None:
    assert [p.name for p in site.rglob("*.html") if "generate:" in text_of(p)] == []


def test_the_navigation_has_every_page_once(site: Path) -> None:
    # on this page no entry is the current one, which has two
    navigation = text_of(site / "404.html").partition("md-nav--primary")[2]
    navigation = navigation.partition("md-sidebar--secondary")[0]
    links = re.findall(r'<a href="([^"#]+)" class="md-nav__link', navigation)
    titles = re.findall(r'<span class="md-ellipsis">\s*(.+?)\s*</span>', navigation)
    pages = [page.parent.relative_to(site).as_posix() for page in site.rglob("index.html")]

    assert sorted(link.strip("/") or "." for link in links) == sorted(pages)
    assert sorted(titles) == sorted({*titles})


def test_the_files_hold_what_the_code_says_now() -> None:
    """If one doesn't: `nox -s docs -- write`."""
    source = ROOT / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("docs_generate", source)
    assert spec
    assert spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    pages = {path: path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")}

    assert [p.name for p, text in pages.items() if generate.filled(text) != text] == []
    assert generate.house("file") == text_of(ROOT / "docs" / generate.HOUSE)


def test_the_first_page_leads_to_all_others_but_those_of_the_backends() -> None:
    docs = ROOT / "docs"
    index = text_of(docs / "index.md")
    backends = {path for path in docs.glob("backends/*.md") if path.stem != "index"}
    pages = {page.relative_to(docs).as_posix() for page in {*docs.rglob("*.md")} - backends}

    assert sorted(page for page in pages - {"index.md"} if f"]({page})" not in index) == []


def test_every_hook_has_a_section(site: Path) -> None:
    from flowenv.cli.commands.hooks import all_hooks

    page = text_of(site / "hooks" / "index.html")

    assert [hook for hook in all_hooks() if f'id="{hook}"' not in page] == []


def test_every_command_has_a_section(site: Path) -> None:
    import click

    from flowenv.cli.app import app

    page = text_of(site / "commands" / "index.html")

    assert [c for c in app.list_commands(click.Context(app)) if f'id="{c}"' not in page] == []


DOORS = [
    "flowenv",
    "flowenv.plugin",
    "flowenv.errors",
    "flowenv.executors",
    "flowenv.testing",
    "flowenv_k8s.plugin",
]


def public(door: str) -> list[str]:
    names = importlib.import_module(door).__all__
    return [name for name in names if not name.startswith("__")]


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_a_door_is_in_the_reference(site: Path, door: str) -> None:
    page, file = text_of(site / "api" / "index.html"), text_of(ROOT / "docs" / "api.md")
    part = file.partition(f"<!-- generate: door {door} -->")[2].partition("<!-- end -->")[0]

    assert [one for one in public(door) if f'id="{door}.{one}"' not in page] == []
    assert [one for one in public(door) if f"| `{one}` |" not in part] == []


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_a_door_is_explained(door: str) -> None:
    meanings = runpy.run_path(str(ROOT / "docs" / "doors.py"))["meanings"](door)

    assert sorted(meanings) == sorted(public(door))
    assert [one for one, docstring in meanings.items() if not docstring] == []


def test_every_contract_variable_is_explained() -> None:
    from flowenv import contract

    page = text_of(ROOT / "docs" / "variables.md")

    assert [n for n in {*contract.BASIC, *contract.DEFAULTS} if f"| `{n}` |" not in page] == []


def test_every_configuration_key_is_explained() -> None:
    from flowenv.settings.configuration import Configuration

    page = text_of(ROOT / "docs" / "configuration.md")
    no_keys = {"path", "secret_env"}  # the secrets among `env`
    keys = Configuration.__dataclass_fields__.keys() - no_keys

    assert [key for key in keys if key not in page] == []
