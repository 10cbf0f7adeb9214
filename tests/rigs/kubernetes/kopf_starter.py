"""Run kopf with its timers at another pace, and without a client of Kubernetes that it can miss.

Called as ``python kopf_starter.py PERIOD ARGUMENTS…``: the arguments are kopf's own; the period is
the seconds between two calls of each timer, or empty for what the operator's handlers say.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Run kopf."""
    _, period, *arguments = sys.argv
    # kopf imports it for its types if it is there, which takes more than all the rest
    sys.modules["kubernetes_asyncio"] = None  # type: ignore[assignment]
    import kopf
    from kopf import cli

    if period:
        kopf.timer = _at_the_pace_of(float(period), kopf.timer)
    cli.main(arguments)


def _at_the_pace_of(seconds: float, timer: Callable[..., Any]) -> Callable[..., Any]:
    def paced(*args: Any, **options: Any) -> Any:
        return timer(*args, **{**options, "interval": seconds})

    return paced


if __name__ == "__main__":
    main()
