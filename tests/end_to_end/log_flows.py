"""Flows that write logs."""

import sys
import time

from flowenv import flow


@flow
def both_streams(lines: int) -> None:
    """Write to standard output and standard error by turns, as fast as it goes."""
    for number in range(lines):
        print(f"out {number}", flush=True)
        print(f"err {number}", file=sys.stderr, flush=True)


@flow
def ticks(count: int, seconds: float) -> str:
    """Write a line now and then."""
    for number in range(count):
        print(f"tick {number}", flush=True)
        time.sleep(seconds)
    return "over"


@flow
def fail_after(lines: int) -> None:
    """Write some lines, and fail."""
    for number in range(lines):
        print(f"line {number}", flush=True)
        time.sleep(0.3)
    raise ValueError(f"after {lines} lines")


@flow
def one_line(size: int) -> None:
    """Write one long line."""
    print("x" * size)


@flow
def much(lines: int, seconds: float, wait: float) -> None:
    """Write lines of 1 kB, so many seconds long, and end a while after the last one."""
    for number in range(lines):
        print(f"{number} {'y' * 990}")
        if number % 100 == 99:
            sys.stdout.flush()
            time.sleep(seconds * 100 / lines)
    time.sleep(wait)
