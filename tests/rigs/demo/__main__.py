"""`python -m rigs.demo BACKEND`: run a flow on a backend's stand-in, and show what is typed."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rigs.demo.shell import Failed, Shell
from rigs.demo.stands import STANDS
from rigs.demo.steps import show

ROOT = Path(__file__).parents[3]
EXAMPLE = "examples/penguins/penguins.py"
_KEPT = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME", "LD_LIBRARY_PATH"),
    *("TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "PYTHONPATH"),
)
"""Variables of the machine that are kept: none that leads to an account or a cluster of yours."""


def main(arguments: list[str] | None = None) -> int:
    """Show a backend; returns the exit code."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    options.report.unlink(missing_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="flowenv-demo-") as folder:
            _demonstrate(options.backend, options.flow or [EXAMPLE], options.report, Path(folder))
    except KeyboardInterrupt:
        print("Interrupted. Nothing of the demo runs any more.", file=sys.stderr)
        return 130
    except Failed as failed:
        print(f"The demo has failed: {failed}", file=sys.stderr)
        return 1
    print(f"\nThat was {options.backend}, in {time.monotonic() - began:.0f} s.")
    print("Nothing of it runs any more. Open the page about the run in a browser:")
    print(options.report.resolve().as_uri())
    return 0


def _demonstrate(backend: str, flow: Sequence[str], report: Path, folder: Path) -> None:
    _confine(folder)
    with STANDS[backend](folder) as stand:
        (folder / "flowenv.toml").write_text(stand.configuration, "utf-8")
        page = folder / "run.html"
        try:
            show(stand, Shell(folder, stand.variables), flow, page)
        finally:  # nothing cuts the platform's end short
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda *_: None)
    if not page.is_file():
        raise Failed("there is no page about the run.")
    shutil.move(page, report)


def _confine(folder: Path) -> None:
    """Let this process and what it starts see little of the machine, and write to the folder."""
    tempfile.tempdir = str(folder)
    (folder / "examples").symlink_to(ROOT / "examples")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    os.environ.clear()
    os.environ.update({**kept, **dict.fromkeys(places, str(folder))})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rigs.demo",
        description="Run a flow on the stand-in of a backend's platform, and show what is typed.",
    )
    parser.add_argument("backend", choices=STANDS)
    parser.add_argument(
        "flow",
        nargs=argparse.REMAINDER,
        help=f"the flow's file, and further arguments of flowenv run (default: {EXAMPLE})",
    )
    parser.add_argument(
        "--report", type=Path, default=Path("demo.html"), help="the page to write (%(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
