"""The pictures of the README and the documentation: all there, small, described, and still true."""

from __future__ import annotations

import re
import runpy
from html import unescape
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
MOST_BYTES = 150_000
DRAWINGS = {"architecture.svg", "life-of-a-run.svg"}
LEAST_WORDS = 12
"""Of the text that stands for a picture where only text is shown."""


def tool(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / name))


def pictures_of(page: Path) -> list[tuple[str, Path]]:
    """The text and the file of each picture on a page, dark forms too."""
    text = page.read_text("utf-8")
    found = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text)
    found += re.findall(r'<img alt="([^"]*)" src="([^"]+)"', text)
    for told, name in list(found):
        if name.endswith("-light.png"):
            found.append((told, name.replace("-light", "-dark")))
    return [(unescape(told), (page.parent / name).resolve()) for told, name in found]


def test_each_is_made_by_the_session_and_shown_with_a_text() -> None:
    shown = [picture for page in PAGES for picture in pictures_of(page)]

    assert {path.relative_to(PICTURES.resolve()).as_posix() for _, path in shown} == {
        path.name for path in PICTURES.iterdir()
    }
    made = {*tool("pictures.py")["MADE"], *DRAWINGS}
    assert {path.name for path in PICTURES.iterdir()} == made
    assert [told for told, _ in shown if len(told.split()) < LEAST_WORDS] == []


def test_a_dark_form_is_named_where_the_light_one_is() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    dark = re.findall(r'dark\)" srcset="([^"]+)">\s*<img [^>]*src="([^"]+)"', readme)

    assert dark
    assert [light for _, light in dark] == re.findall(r'<img [^>]*src="([^"]+)"', readme)
    assert [one for one, light in dark if one != light.replace("-light", "-dark")] == []


def test_each_is_small_and_loads_nothing_from_elsewhere() -> None:
    large = [path.name for path in PICTURES.iterdir() if path.stat().st_size > MOST_BYTES]
    loads = re.compile(r"@import|@font-face|href=|<script|url\((?!#)")
    drawn = [path for path in PICTURES.glob("*.svg") if loads.search(path.read_text("utf-8"))]

    assert (large, drawn) == ([], [])


@pytest.mark.slow
def test_the_terminal_shows_what_the_commands_print_today() -> None:
    """If it doesn't: `nox -s pictures -- terminal`."""
    terminal = tool("terminal.py")
    drawn = terminal["lines_of"]((PICTURES / "terminal.svg").read_text("utf-8"))
    today = [terminal["plain"](line) for line in tool("pictures.py")["run_on_a_terminal"]()]

    assert normalised(drawn) == normalised(today)


def normalised(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run: times, ids, bars, and what passes too quickly."""
    kept = [line for line in lines if not re.match(r"\[ *[\d.]+ s\] (still|Starting)", line)]
    for pattern, instead in (
        (r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID"),
        (r"-[0-9a-f]{12}\b", "-ID"),
        (r"[\u2500-\u259f]+", "BAR"),
        (r"ada@\S+", "ada@HOST"),
        (r"\d+", "N"),
        (r"N\.N", "N"),
        (r"\s+", " "),
    ):
        kept = [re.sub(pattern, instead, line) for line in kept]
    return [line.strip() for line in kept]
