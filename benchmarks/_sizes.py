"""A measurement of batches of several sizes, each in a process of its own, side by side."""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

Pipe = multiprocessing.connection.Connection
Measure = Callable[[int, int, Pipe], None]
"""Measures a batch of so many runs whose flow's file has so many bytes: figures by their names."""


def memory() -> float:
    """MiB that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(about: str | None, measure: Measure, sizes: Sequence[int], source: int) -> None:
    """Measure what the command line asks for, and print a column for each size.

    Args:
        about: what is measured, for `--help`.
        measure: sends the figures.
        sizes: runs, by default.
        source: bytes of the flow's file, by default.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=sizes)
    parser.add_argument("--source", type=int, default=source, help="bytes of the flow's file")
    given = parser.parse_args()
    columns = [_measured(measure, count, given.source) for count in given.runs]
    print(f"{'of each run':30}" + "".join(f"{count:>12,}" for count in given.runs))
    for name in columns[0]:
        print(f"{name:30}" + "".join(f"{column[name]:12.2f}" for column in columns))


def _measured(measure: Measure, count: int, source: int) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    ours, other = context.Pipe()
    process = context.Process(target=measure, args=(count, source, other))
    process.start()
    other.close()
    found: dict[str, float] = ours.recv()
    process.join()
    print(f"{count} runs measured, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return found
