"""`flowenv explain`: which layer set every variable, and what each plugin changed."""

from __future__ import annotations

from typing import Any

import click

from flowenv.cli.options import (
    echo_json,
    echo_table,
    output_option,
    prepare_target,
    target_options,
)


@click.command()
@target_options
@output_option("text", "json")
def explain(output: str, **target: Any) -> None:
    """Show where every variable of every container comes from, offline, secrets masked.

    TARGET is file.py, file.py:flow or package.module:flow. Also shows what each plugin has
    changed in the spec.

    \b
      flowenv explain flow.py --env k8s
      flowenv explain flow.py --env prod --plugin policy.py -o json
    """
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
    rows = []
    for entry in container["variables"]:
        value = _short(entry.get("valueFrom", entry["value"]))
        rows.append([entry["name"], value, entry["layer"], ", ".join(entry["replaced"])])
    for entry in container["removed"]:
        rows.append([entry["name"], "(removed)", entry["layer"], ", ".join(entry["replaced"])])
    return rows


def _short(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
