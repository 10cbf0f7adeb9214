"""`flowenv plugins`: what is installed, from metadata alone unless asked to load it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.arguments.options import output_option, plugin_option
from flowenv.cli.output.printing import echo, echo_json, echo_table

if TYPE_CHECKING:
    from flowenv.cli.loading import Loaded


@click.command()
@click.option("--load", is_flag=True, help="Import them too: type, abilities, hooks, load errors.")
@plugin_option
@output_option("text", "json")
def plugins(load: bool, plugins: tuple[str, ...], output: str) -> int:
    """List the installed backends and plugins.

    Without --load (or --plugin) nothing of theirs is imported. With it the JSON also has each
    backend's settings: name, type, default and meaning. Exits with 3 if one can't be loaded, as
    `flowenv doctor` does.

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
        return 3 if any(one.error for one in loaded) else 0

    found = _listed()
    if output == "json":
        echo_json(found)
    elif not found:
        from flowenv.origin import how_to_install

        echo(f"No backend is installed. {how_to_install('flowenv-local')}", err=True)
    else:
        rows = [
            [
                one["name"],
                _kind(one["kind"], one["required"]),
                one["distribution"] or "(not installed)",
                one["version"],
            ]
            for one in found
        ]
        echo_table(rows, ["name", "kind", "distribution", "version"])
    return 0


def _listed() -> list[dict[str, Any]]:
    """What is installed, and what is required and isn't, as plain data."""
    from flowenv.errors import ConfigurationError
    from flowenv.registry.discovery import Installed, installed
    from flowenv.settings.configuration import required_plugins

    try:
        required = set(required_plugins())
    except ConfigurationError:  # `flowenv doctor` says what is wrong with it
        required = set()
    found = installed()
    missing = required - {one.name for one in found if one.kind == "plugin"}
    found += [Installed(name, "plugin", "", "", "") for name in sorted(missing)]
    return [
        {**one.to_json(), "required": one.kind == "plugin" and one.name in required}
        for one in found
    ]


def _kind(kind: str, required: bool) -> str:
    return f"required {kind}" if required else kind


def _print_loaded(loaded: Sequence[Loaded]) -> None:
    rows = []
    for one in loaded:
        can = one.environment.capabilities.to_json() if one.environment else {}
        rows.append(
            [
                one.name,
                _kind(one.kind, one.required),
                one.distribution,
                one.version,
                one.environment.__name__ if one.environment else "",
                " ".join(name for name, has in can.items() if has),
                "left out" if one.left_out else "error" if one.error else str(len(one.hooks)),
            ]
        )
    echo_table(rows, ["name", "kind", "distribution", "version", "type", "can", "hooks"])
    # two owners of one name have one error between them
    told = ((one, one.problem or one.warning) for one in loaded)
    for line in dict.fromkeys(f"{one.kind} {one.name}: {what}" for one, what in told if what):
        echo(f"\n{line}")
