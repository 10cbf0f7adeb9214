"""`flowenv explain`: which layer set every variable, and what each plugin changed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.arguments.options import flow_options, output_option
from flowenv.cli.output.printing import echo, echo_json, echo_table
from flowenv.wording import shown

if TYPE_CHECKING:
    from flowenv.submission.prepared import Prepared

_LEAST_ROOM = 24


@click.command()
@flow_options
@output_option("text", "json")
def explain(output: str, **target: Any) -> None:
    """Show where each variable of a run comes from.

    TARGET is file.py, file.py:flow or package.module:flow. Shows the variables of every
    container, which layer set each and what it replaced, and what each plugin has changed in
    the spec. Works offline; secrets are masked.

    \b
      flowenv explain flow.py --env k8s
      flowenv explain flow.py --env prod --plugin policy.py -o json
    """
    from flowenv.cli.arguments.prepare import prepare_run
    from flowenv.submission.explain import explain as explain_run

    prepared = prepare_run(**target, is_preview=True)
    data = explain_run(prepared)
    if output == "json":
        echo_json(data)
        return
    if not data["containers"]:
        _echo_here(prepared)
    for container in data["containers"]:
        name, kind = container["container"], container["target"]
        click.secho(f"{name} container" if name == kind else f"{name} ({kind})", bold=True)
        _echo_variables([*container["variables"], *container["removed"]])
        echo()
    if any(one["target"] == "flow" for one in data["containers"]):
        _echo_runtime(data["runtime"], has_image=prepared.flow_run.environment.capabilities.image)
    for change in data["changes"]:
        _echo_change(change["plugin"], change["differences"])


def _echo_here(prepared: Prepared) -> None:
    """What a flow that runs in this process finds there besides the process's own variables."""
    from flowenv.submission.process_variables import given_here

    given = given_here(prepared.flow_run, prepared.hooks, prepared.process.variables)
    echo(
        "The flow runs in this process, which has these variables meanwhile, besides its own:"
        if given
        else "The flow runs in this process and finds its variables; nobody sets others."
    )
    if given:
        rows = [
            [name, "(removed)" if value is None else str(value), layer]
            for name, (value, layer) in given.items()
        ]
        echo_table(rows, ["variable", "value", "set by"])
    echo(
        "For a container's: --env with a backend that has some, or `flowenv run --rehearse`, which "
        "gives the flow what a container would get."
    )


def _echo_runtime(runtime: dict[str, Any] | None, *, has_image: bool) -> None:
    if runtime:
        size = f"{runtime['bytes'] / 1000:,.0f} kB"
        echo(f"flowenv itself travels with the run, in {runtime['file']} ({size}).\n")
    else:
        where = "its image" if has_image else "where it runs, Python"
        echo(f"flowenv itself doesn't travel with the run: {where} has to have it.\n")


def _echo_variables(variables: list[dict[str, Any]]) -> None:
    """A table that fits the terminal: below each variable what it replaced, last first."""
    rows = []
    for one in variables:
        rows.append([one["name"], _value(one), one["layer"]])
        rows += [["", f"was {_value(before)}", before["layer"]] for before in one["replaced"]]
    taken = sum(max(len(row[i]) for row in rows) + 2 for i in (0, 2)) if rows else 0
    room = max(shutil.get_terminal_size((100, 24)).columns - taken, _LEAST_ROOM)
    rows = [[name, _cut(value, room), layer] for name, value, layer in rows]
    echo_table(rows, ["variable", "value", "set by"])


def _value(entry: dict[str, Any]) -> str:
    if entry.get("removed"):
        return "(removed)"
    if (reference := entry.get("valueFrom")) is not None:
        return f"from {_plain(reference)}"
    return _plain(entry["value"])


def _echo_change(plugin: str, differences: list[dict[str, Any]]) -> None:
    click.secho(f"{shown(plugin)} changed {'the spec' if differences else 'nothing'}", bold=True)
    for one in differences:
        echo(f"  {one['path']}")
        for sign, value, color in (("-", one["before"], "red"), ("+", one["after"], "green")):
            if value is not None:
                click.secho(shown(f"    {sign} {_plain(value)}"), fg=color)
    echo()


def _plain(value: Any) -> str:
    """Text as it is, data as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text or "(empty)"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
