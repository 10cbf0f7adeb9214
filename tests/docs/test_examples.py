"""Every example of the documentation runs and prints what the page says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.page_examples import ROOT, Page, assert_matches, examples_of, forget_configuration

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, without any configuration of the machine's user."""
    for name in [n for n in os.environ if n.startswith(("FLOWENV", "PREFECT"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
    forget_configuration()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_page_run(
    path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(folder)
    # as in a notebook: what an example defines is in __main__
    monkeypatch.setitem(sys.modules, "__main__", page.module)

    for example in examples_of(path):
        try:
            page.run(example)
        except AssertionError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None


def run_page(folder: Path, text: str) -> None:
    source = folder / "page.md"
    source.write_text(text)
    page = Page(folder)
    for example in examples_of(source):
        page.run(example)


def test_names_are_kept_from_block_to_block(folder: Path) -> None:
    run_page(folder, "```python\na = 1\n```\n```python\n>>> a + 1\n2\n```\n")


def test_a_wrong_result_is_found(folder: Path) -> None:
    with pytest.raises(AssertionError, match="Expected"):
        run_page(folder, "```python\n>>> 1 + 1\n3\n```\n")


def test_a_titled_block_becomes_a_file_that_commands_can_use(folder: Path) -> None:
    shown = '```text title="a.txt"\nhello\n```\n'
    run_page(folder, shown + "```console\n$ cat a.txt\nhello\n```\n")


def test_output_that_differs_is_found(folder: Path) -> None:
    with pytest.raises(AssertionError, match="printed:\ntwo"):
        run_page(folder, "```console\n$ echo two\nthree\n```\n")


def test_a_command_that_fails_is_found(folder: Path) -> None:
    with pytest.raises(AssertionError, match="exit 1"):
        run_page(folder, "```console\n$ false\n```\n")


def test_a_failure_can_be_what_the_page_shows(folder: Path) -> None:
    run_page(folder, "<!-- exit: 1 -->\n```console\n$ false\n```\n")


@pytest.mark.parametrize("named", ["flowenv-local", "./plugins/lokal"])
def test_a_package_that_is_not_here_is_found(folder: Path, named: str) -> None:
    with pytest.raises(AssertionError, match="no distribution"):
        run_page(folder, f"```console\n$ pip install ./core {named}\n```\n")


def test_three_dots_stand_for_anything() -> None:
    assert_matches("one\ntwo\nthree\n", "one\n...\nthree", "a page")


def test_times_are_not_compared() -> None:
    assert_matches("Completed after 1.7 s", "Completed after 0.2 s", "a page")
