"""`flowenv plugins`: what is installed, from metadata alone unless asked to load it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.options import echo_json, echo_table, output_option, plugin_option

if TYPE_CHECKING:
    from flowenv.registry import Registry


@click.command()
@click.option("--load", is_flag=True, help="Import them too: type, hooks, and load errors.")
@plugin_option
@output_option("text", "json")
def plugins(load: bool, plugins: tuple[str, ...], output: str) -> None:
    """List the installed backends and plugins.

    Without --load nothing of theirs is imported.
    """
    if not load and not plugins:
        from flowenv.discovery import installed

        rows = [one.to_json() for one in installed()]
        columns = ["name", "kind", "distribution", "version"]
    else:
        from flowenv.registry import registry, use_local_plugins

        logging.getLogger("flowenv.plugins").setLevel(logging.ERROR)  # errors are in the table
        use_local_plugins(plugins)
        rows = _loaded(registry())
        columns = ["name", "kind", "distribution", "version", "type", "hooks", "error"]
    if output == "json":
        echo_json(rows)
    elif not rows:
        click.echo("No backend is installed. Run: pip install flowenv-local")
    else:
        echo_table([[_cell(row.get(column)) for column in columns] for row in rows], columns)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return str(len(value))
    return "" if value is None else str(value)


def _loaded(registry: Registry) -> list[dict[str, Any]]:
    from flowenv.errors import PluginError

    try:
        local = registry.plugins()
        problem = None
    except PluginError as error:
        local, problem = [], str(error)
    rows = [
        {**one.to_json(), **_load(registry, one.name, one.kind)} for one in registry.installed()
    ]
    packaged = {f"plugin {row['name']}" for row in rows if row["kind"] == "plugin"}
    for plugin in local:
        if plugin.name not in packaged:
            hooks = _hooks_in(plugin.module)
            name = plugin.name.removeprefix("plugin ")
            rows.append({"name": name, "kind": "local", "hooks": hooks, "error": None})
    if problem:
        rows.append({"name": "--plugin", "kind": "local", "hooks": [], "error": problem})
    return rows


def _load(registry: Registry, name: str, kind: str) -> dict[str, Any]:
    import importlib

    found: dict[str, Any] = {"type": None, "hooks": [], "error": None}
    try:
        if kind == "backend":
            hooks = registry.hooks(name)
            module = hooks.manager.get_plugin(f"backend {name}")
            found["type"] = registry.environment_type(name).__name__
        else:
            if name in registry.errors:
                raise registry.errors[name]
            module = importlib.import_module(
                next(o.module for o in registry.installed() if o.name == name and o.kind == kind)
            )
        found["hooks"] = _hooks_in(module)
    except Exception as error:
        found["error"] = f"{type(error).__name__}: {error}"
    return found


def _hooks_in(module: Any) -> list[str]:
    """The hooks that a module implements, also under another name with `specname`."""
    marks = {name: getattr(value, "flowenv_impl", None) for name, value in vars(module).items()}
    return sorted(mark.get("specname") or name for name, mark in marks.items() if mark)
