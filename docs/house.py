"""Draws docs/architecture.md's picture from the contracts that `lint-imports` checks."""

from __future__ import annotations

import ast
import html
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = "flowenv"

WIDTH, MARGIN, GAP, LINE = 892, 196, 10, 22
HOUSE = WIDTH - MARGIN
PRIMARY = "var(--md-primary-fg-color, #00897b)"
CODE = 'font-family="var(--md-code-font, monospace)"'
ROOMY = 84  # characters of a sentence that fit beside a room's name


def picture() -> str:
    """The house as SVG: backends above, the core's floors below, each using what is below it."""
    house = House()
    backends = [*house.backends()]
    core = [*house.core(house.tallest + 86)]
    height = house.bottom + 8
    title = "Each room uses only those below it; backends come in by the core's doors"
    return "\n".join(
        (
            f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img" '
            'aria-labelledby="house-title" font-family="inherit" font-size="13" '
            'fill="currentColor" stroke="none">',
            f'<title id="house-title">{title}</title>',
            '<defs><marker id="house-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            'markerHeight="7" orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" '
            'fill="currentColor" fill-opacity="0.75"/></marker></defs>',
            *backends,
            *core,
            "</svg>",
        )
    )


def told() -> str:
    """The same in a sentence, for those who don't see it."""
    house = House()
    floors = [" and ".join(floor) for floor in house.layers[CORE]]
    return (
        f"The backends {', '.join(house.packages)} come in by the core's doors: "
        f"{', '.join(house.doors())}. The core's rooms, each above those that it uses: "
        f"{'; '.join(floors)}."
    )


def inner_rooms() -> list[tuple[str, str]]:
    """The rooms within rooms and the sentence that says what lives there, the core's first."""
    found = []
    for source in (ROOT / "core" / "src", *sorted(ROOT.glob("plugins/[!_]*/src"))):
        for path in sorted(source.glob("*/*/**/__init__.py")):
            names = path.parent.relative_to(source).parts
            is_within = len(names) > 2 and not any(name.startswith("_") for name in names)
            if is_within and (said := sentence(".".join(names), source)):
                found.append((".".join(names), said))
    return found


def file() -> str:
    """The picture as a file of its own, which is dark where the reader's machine is."""
    head, _, rest = picture().partition(">")
    head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')
    head = head.replace(' font-family="inherit"', "")
    style = (
        "svg { font-family: sans-serif; background: #fff; color: #1f2328; } "
        "@media (prefers-color-scheme: dark) { svg { background: #0d1117; color: #e6edf3; } }"
    )
    return f"{head}>\n<style>{style}</style>{rest}\n"


class House:
    """What is drawn, as `[tool.importlinter]` has it, and where it stands."""

    def __init__(self) -> None:
        """Read the contracts."""
        tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
        self.packages = [one for one in tool["root_packages"] if one != CORE]
        self.contracts = {one["id"]: one for one in tool["contracts"]}
        self.layers = {
            one["containers"][0]: [
                layer.split(" | ") for layer in one["layers"] if layer != "__main__"
            ]
            for one in tool["contracts"]
            if one["type"] == "layers"
        }
        self.inner = {*self.contracts["core-doors"]["protected_modules"]}
        self.libraries: dict[str, list[str]] = {}
        for one in tool["contracts"]:
            if one["id"].startswith("vendor-"):
                for importer in one.get("allowed_importers", ()):
                    self.libraries.setdefault(importer, []).extend(one["protected_modules"])
        self.tallest = self.bottom = 0

    def is_door(self, room: str) -> bool:
        """Whether others may import a room of the core."""
        return f"{CORE}.{room}" not in self.inner

    def doors(self) -> list[str]:
        """The names by which others come in, the users' door first."""
        rooms = (room for floor in self.layers[CORE] for room in floor)
        return [CORE, *(f"{CORE}.{room}" for room in rooms if self.is_door(room))]

    # -- the backends ----------------------------------------------------------------------

    def backends(self) -> Iterator[str]:
        """A box for each backend, and what all of them do."""
        width = (WIDTH - GAP * (len(self.packages) - 1)) // len(self.packages)
        rows = {one: len(self.layers[one]) for one in self.packages}
        self.tallest = 34 + LINE * max(rows.values()) + 6
        footers = max(len(self.footers(one)) for one in self.packages)
        for number, package in enumerate(self.packages):
            yield from self.backend(package, number * (width + GAP), width)
        self.tallest += 18 * footers
        yield from self.arrow_between(width)
        x, y = HOUSE / 4, self.tallest + 12
        yield line(f"M{GAP} {y} L{WIDTH - GAP} {y}", arrow=False)
        yield line(f"M{x} {y} L{x} {y + 62}")
        yield text(x + 14, y + 22, "backends, plugins and examples come in by the doors only:")
        yield text(x + 14, y + 42, ", ".join(self.doors()), CODE, size=11)

    def footers(self, package: str) -> list[str]:
        """Which libraries the backend imports, and where."""
        return [
            line
            for importer, names in self.libraries.items()
            if importer.split(".")[0] == package
            for line in textwrap.wrap(
                f"{importer.partition('.')[2] or 'all'}: {', '.join(names)}", 25
            )
        ]

    def backend(self, package: str, x: float, width: float) -> Iterator[str]:
        """One backend's floors, of which the lowest stands on the same line in all boxes."""
        yield box(x, 1, width, self.tallest - 2, 0.06)
        yield text(x + width / 2, 20, package, "font-weight='bold' text-anchor='middle'")
        for number, floor in enumerate(reversed(self.layers[package])):
            y = self.tallest - 6 - LINE * (number + 1)
            each = (width - 12) / len(floor)
            for place, room in enumerate(floor):
                left = x + 6 + place * each
                yield box(left, y, each - 2, LINE - 2, 0.34 if room == "plugin" else 0.12, 3)
                yield text(
                    left + each / 2 - 1, y + 14.5, room, f'{CODE} text-anchor="middle"', size=10.5
                )
        for number, footer in enumerate(self.footers(package)):
            yield text(
                x + width / 2,
                self.tallest + 14 + 16 * number,
                footer,
                f'{CODE} text-anchor="middle" fill-opacity="0.8"',
                size=10.5,
            )

    def arrow_between(self, width: float) -> Iterator[str]:
        """The way from a backend to the door of another."""
        for one in self.contracts["backends-apart"]["ignore_imports"]:
            start, _, end = (part.split(".") for part in re.split(r"( -> )", one))
            left, right = self.packages.index(end[0]), self.packages.index(start[0])
            floors = [*reversed(self.layers[end[0]])]
            row = next(number for number, floor in enumerate(floors) if end[1] in floor)
            height = 34 + LINE * max(len(self.layers[name]) for name in self.packages)
            y = height - LINE * row - 11
            yield line(f"M{right * (width + GAP) + 2} {y} L{left * (width + GAP) + width - 6} {y}")

    # -- the core --------------------------------------------------------------------------

    def core(self, top: float) -> Iterator[str]:
        """The core's floors with a sentence for each room, and the arrow that runs up."""
        y, places = top, {}
        yield box(0, y, HOUSE, 30, 0.34)
        yield text(12, y + 20, CORE, 'font-weight="bold"')
        yield text(HOUSE - 12, y + 20, "door", 'text-anchor="end" font-style="italic"')
        yield text(130, y + 20, "The door for users: flows, runs, environments, executors.")
        y += 34
        for floor in self.layers[CORE]:
            told = [(room, wrapped(sentence(f"{CORE}.{room}"))) for room in floor]
            height = sum(7 + 16 * len(lines) for _, lines in told) + 4
            door = any(self.is_door(room) for room in floor)
            yield box(0, y, HOUSE, height, 0.34 if door else 0.12)
            inside = y
            for room, lines in told:
                places[room] = y + height / 2
                yield text(12, inside + 18, room, f'{CODE} font-weight="bold"', size=12)
                for number, one in enumerate(lines):
                    yield text(130, inside + 18 + 16 * number, one)
                inside += 7 + 16 * len(lines)
            if door:
                yield text(HOUSE - 12, y + 18, "door", 'text-anchor="end" font-style="italic"')
            if libraries := [
                one for room in floor for one in self.libraries.get(f"{CORE}.{room}", ())
            ]:
                style = f'{CODE} text-anchor="end" fill-opacity="0.8"'
                yield text(HOUSE - 50, y + 18, ", ".join(libraries), style, size=10.5)
            y += height + 3
        self.bottom = round(y)
        yield from self.arrows_up(places)

    def arrows_up(self, places: dict[str, float]) -> Iterator[str]:
        """The imports that run up, which the layers' contract names, the shortest first."""
        ignored = self.contracts["core-layers"]["ignore_imports"]
        arrows = [[one.split(".") for one in arrow.split(" -> ")] for arrow in ignored]
        below = 0.0
        by_length = sorted(arrows, key=lambda arrow: -places[arrow[1][1]])
        for x, (start, end) in zip(range(HOUSE + 14, WIDTH, 14), by_length, strict=False):
            low, high = places[start[1]], places[end[1]]
            yield line(f"M{HOUSE + 2} {low} L{x} {low} L{x} {high} L{HOUSE + 3} {high}")
            words = ["an arrow up:", ".".join(start[1:]), "calls", ".".join(end[1:])]
            for number, word in enumerate(words):
                style = CODE if "." in word else 'font-style="italic"'
                middle = ((below or low) + high) / 2 + 17 * (number - 1.5) + 4
                yield text(HOUSE + 36, middle, word, style, size=10.5 if "." in word else 12)
            below = high


def sentence(module: str, source: Path = ROOT / "core" / "src") -> str:
    """The first sentence of a module's docstring, of a room its package's."""
    path = source / Path(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    told = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = re.match(r".*?[.](?=\s|$)", " ".join(told.split()))
    return (first[0] if first else told).replace("`", "")


def wrapped(sentence: str) -> list[str]:
    """A sentence in lines that fit beside a room's name, none of them a single word."""
    lines = len(textwrap.wrap(sentence, ROOMY))
    return textwrap.wrap(sentence, len(sentence) // lines + 8)


def box(x: float, y: float, width: float, height: float, opacity: float, radius: int = 5) -> str:
    """A rectangle in the site's colour."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" '
        f'fill="{PRIMARY}" fill-opacity="{opacity}" stroke="{PRIMARY}" stroke-opacity="0.5"/>'
    )


def text(x: float, y: float, words: str, style: str = "", size: float = 13) -> str:
    """A line of text."""
    said = html.escape(words, quote=False).replace("_", "&#95;")  # which Markdown would read
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" {style}>{said}</text>'


def line(path: str, *, arrow: bool = True) -> str:
    """A line, with a tip at its end."""
    tip = ' marker-end="url(#house-tip)"' if arrow else ""
    return (
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity="0.75" '
        f'stroke-width="1.5"{tip}/>'
    )
