"""A terminal: what commands print on one, and a picture of that."""

from __future__ import annotations

import fcntl
import html
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

COLUMNS = 120
"""As wide as the longest line, which has the time of each phase."""

_PIECE = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\x1b[^\[]|(.)", re.DOTALL)
_TEXT = re.compile(r'<text [^>]*y="([\d.]+)"[^>]*clip-path[^>]*>([^<]*)</text>')

# rich's own has fonts from elsewhere
_FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def record(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> str:
    """What a command prints on a terminal of its own, with the sequences that act there.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        variables: all that it finds in its environment.

    Raises:
        subprocess.CalledProcessError: it failed; what it printed is in `output`.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    place = {"TERM": "xterm-256color", **variables}
    with subprocess.Popen(
        command, cwd=folder, env=place, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        printed = b"".join(_read(ours))
    os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, printed)
    return printed.decode()


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:  # nobody has the other end any more
            return


def screen(printed: str) -> list[str]:
    """The lines that are there in the end, each with its colours and nothing else that acts."""
    lines: list[list[tuple[str, str]]] = [[]]
    row = column = 0
    style = ""
    for found in _PIECE.finditer(printed):
        argument, action, character = found.groups()
        if action == "m":
            style = "" if argument in ("", "0") else style + found[0]
        elif action == "A":
            row = max(0, row - int(argument or 1))
        elif action in ("K", "J"):
            del lines[row][0 if argument == "2" else column :]
        elif character == "\r":
            column = 0
        elif character == "\n":
            row, column = row + 1, 0
            lines += [[] for _ in range(row + 1 - len(lines))]
        elif character:
            if column == COLUMNS:
                row, column = row + 1, 0
                lines += [[] for _ in range(row + 1 - len(lines))]
            line = lines[row]
            line += [("", " ")] * (column + 1 - len(line))
            line[column] = (style, character)
            column += 1
    return [*map(_in_colours, lines[:-1] if not lines[-1] else lines)]


def _in_colours(cells: list[tuple[str, str]]) -> str:
    parts = ((style, "".join(c for _, c in some)) for style, some in groupby(cells, lambda c: c[0]))
    return "".join(f"{style}{text}\x1b[0m" if style else text for style, text in parts)


def plain(line: str) -> str:
    """A line without its colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", line).rstrip()


def picture(lines: Sequence[str], title: str) -> str:
    """Lines with their colours as SVG."""
    from rich.console import Console
    from rich.text import Text

    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        for line in lines:
            console.print(Text.from_ansi(line), soft_wrap=True, highlight=False)
        form = _FORMAT.replace("TITLE", html.escape(title))
        drawn = console.export_svg(title=title, code_format=form, unique_id="terminal")
    return re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE)


def lines_of(svg: str) -> list[str]:
    """The text that a picture shows, line by line."""
    found: dict[float, str] = {}
    for height, text in _TEXT.findall(svg):
        found[float(height)] = found.get(float(height), "") + html.unescape(text)
    return [found[height].replace("\xa0", " ").strip() for height in sorted(found)]
