"""`flowenv plugins`: what is installed, from metadata alone unless asked to load it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flowenv.cli.options import output_option, plugin_option
from flowenv.cli.printing import echo_json, echo_table

if TYPE_CHECKING:
    from flowenv.cli.loading import Loaded


@click.command()
@click.option("--load", is_flag=True, help="Import them too: type, abilities, hooks, load errors.")
@plugin_option
@output_option("text", "json")
def plugins(load: bool, plugins: tuple[str, ...], output: str) -> None:
    """List the installed backends and plugins.

    Without --load (or --plugin) nothing of theirs is imported. With it the JSON also has each
    backend's settings: name, type, default and meaning.

    \b
      flowenv plugins
      flowenv plugins --load -o json
    """
    if load or plugins:
        from flowenv.cli.loading import load_all

        loaded = load_all(plugins)
        if output == "json":
            echo_json([one.to_json() for one in loaded])
        else:
            _print_loaded(loaded)
        return

    from flowenv.discovery import installed

    found = installed()
    if output == "json":
        echo_json([one.to_json() for one in found])
    elif not found:
        click.echo("No backend is installed. Run: pip install flowenv-local", err=True)
    else:
        rows = [[one.name, one.kind, one.distribution, one.version] for one in found]
        echo_table(rows, ["name", "kind", "distribution", "version"])


def _print_loaded(loaded: Sequence[Loaded]) -> None:
    rows = []
    for one in loaded:
        can = one.environment.capabilities.to_json() if one.environment else {}
        rows.append(
            [
                one.name,
                one.kind,
                one.distribution,
                one.version,
                one.environment.__name__ if one.environment else "",
                " ".join(name for name, has in can.items() if has),
                "left out" if one.left_out else "error" if one.error else str(len(one.hooks)),
            ]
        )
    echo_table(rows, ["name", "kind", "distribution", "version", "type", "can", "hooks"])
    for one in loaded:
        if one.error:
            click.echo(f"\n{one.kind} {one.name}: {one.error}")
