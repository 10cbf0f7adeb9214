"""`flowenv explain`: which layer set every variable, and what each plugin changed."""

from __future__ import annotations

from typing import Any

import click

from flowenv.cli.options import output_option, target_options
from flowenv.cli.printing import echo_json, echo_table


@click.command()
@target_options
@output_option("text", "json")
def explain(output: str, **target: Any) -> None:
    """Show where each variable of a run comes from.

    TARGET is file.py, file.py:flow or package.module:flow. Shows the variables of every
    container and which layer set each, and what each plugin has changed in the spec. Works
    offline; secrets are masked.

    \b
      flowenv explain flow.py --env k8s
      flowenv explain flow.py --env prod --plugin policy.py -o json
    """
    from flowenv.cli.prepare import prepare_target
    from flowenv.explain import explain as explain_run

    data = explain_run(prepare_target(**target))
    if output == "json":
        echo_json(data)
        return
    if not data["containers"]:
        click.echo("The flow runs in this process: it gets this process's own variables.")
    for container in data["containers"]:
        click.secho(f"{container['container']} ({container['target']})", bold=True)
        echo_table(_rows(container), ["variable", "value", "set by", "replaced"])
        click.echo()
    for change in data["changes"]:
        click.secho(f"{change['plugin']} changed the spec", bold=True)
        rows = [[d["path"], _short(d["before"]), _short(d["after"])] for d in change["differences"]]
        if rows:
            echo_table(rows, ["where", "before", "after"])
        else:
            click.echo("nothing")
        click.echo()


def _rows(container: dict[str, Any]) -> list[list[str]]:
    there = [(one, _short(one.get("valueFrom", one["value"]))) for one in container["variables"]]
    gone = [(one, "(removed)") for one in container["removed"]]
    return [
        [one["name"], value, one["layer"], ", ".join(one["replaced"])]
        for one, value in [*there, *gone]
    ]


def _short(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
