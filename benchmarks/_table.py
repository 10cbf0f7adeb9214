"""A table of measurements beside their aims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement.

    Args:
        what: what was measured.
        value: the figure.
        unit: what it counts: `bare starts`, `ms`.
        aim: the most it should be.
    """

    what: str
    value: float
    unit: str
    aim: float

    @property
    def met(self) -> bool:
        return self.value <= self.aim


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows in aligned columns."""
    cells = [["what", "measured", "aim", ""]]
    for row in rows:
        measured, aim = f"{row.value:.3g} {row.unit}", f"≤ {row.aim:g} {row.unit}"
        cells.append([row.what, measured, aim, "met" if row.met else "MISSED"])
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    for line in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
