"""What the demo shows, in order, each under a heading that says what for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rigs.demo.shell import Failed, Shell
from rigs.demo.stands import Stand

_ENV = ("--env", "demo")
_SPEC_LINES = 24


def show(stand: Stand, shell: Shell, flow: Sequence[str], page: Path) -> None:
    """Show a flow's run on a platform, and what is known of it afterwards.

    Args:
        stand: the platform.
        shell: where commands are typed.
        flow: the flow's file, and further arguments of `flowenv run`.
        page: the file to write a page about the run to.

    Raises:
        Failed: something isn't as it should be.
    """
    can = stand.environment.capabilities
    _heading("The environment: flowenv.toml gives a place a name", stand.what)
    print(stand.configuration, end="")

    _heading("What would be sent, without sending it", "The whole request, offline.")
    shell.show("spec", *flow, *_ENV, longest=_SPEC_LINES)

    _heading("The run", "Its states and its log as they come, its result, and a page about it.")
    shell.show("run", *flow, *_ENV, "--report", page.name)

    if can.find:
        _heading("Which runs there are", "The platform says so, to anybody who may ask it.")
        shell.show("runs", *_ENV)
        reference = _the_only_run(shell)
        _heading("How it stands, and when what happened", "From any machine, by its reference.")
        shell.show("status", reference, *_ENV)

    _heading("What is left of it, and its removal", "Without a sweep it goes by itself, later.")
    shell.show("sweep", *_ENV, "--older-than", "0s", "--yes")
    if left := shell.ask("sweep", *_ENV, "--older-than", "0s"):
        raise Failed(f"this is left after the sweep: {left}")


def _the_only_run(shell: Shell) -> str:
    found = shell.ask("runs", *_ENV)
    if [one["state"] for one in found] != ["Completed"]:
        raise Failed(f"one run should be there, completed: {found}")
    return str(found[0]["reference"])


def _heading(title: str, about: str) -> None:
    bold, plain = ("\x1b[1m", "\x1b[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}== {title} =={plain}\n{about}\n", flush=True)
