"""`flowenv hooks`: the contract, from the specs' own docstrings."""

from __future__ import annotations

import inspect
from typing import Any

import click

from flowenv.cli.arguments.options import output_option
from flowenv.cli.output.printing import echo_json

GROUPS = {
    "backend": "# Hooks that a backend implements; a plugin may wrap them",
    "everybody": "# Hooks that backends and plugins add to",
}
"""What `group` says, as the headings that are printed."""


@click.command()
@click.argument("name", required=False)
@output_option("text", "json")
def hooks(name: str | None, output: str) -> None:
    """Show the hooks, those for backends first.

    With NAME only that one.

    \b
      flowenv hooks
      flowenv hooks flowenv_modify_spec
    """
    found = all_hooks()
    if name is not None:
        if name not in found:
            from flowenv.settings.declaration import nearest

            raise click.BadParameter(f"There is no hook {name!r}. {nearest(name, found)}")
        found = {name: found[name]}
    if output == "json":
        echo_json([{"name": hook, **data} for hook, data in found.items()])
        return
    group = ""
    for hook, data in found.items():
        if name is None and data["group"] != group:
            group = data["group"]
            click.echo(f"{GROUPS[group]}\n")
        click.secho(f"{hook}{data['signature']}", bold=True)
        click.echo(f"    {data['kind']}\n")
        click.echo("\n".join(f"    {line}".rstrip() for line in data["doc"].splitlines()) + "\n")


def all_hooks() -> dict[str, dict[str, Any]]:
    """Every hook by name: group, signature, kind and docstring; those for backends first."""
    from flowenv.hooks import specs as hookspecs
    from flowenv.hooks.checks import CONTRIBUTED

    found = {}
    for name, function in vars(hookspecs).items():
        options = getattr(function, "flowenv_spec", None)
        if not options:
            continue
        signature = inspect.signature(function)
        found[name] = {
            "group": "everybody" if name in CONTRIBUTED else "backend",
            "signature": f"({', '.join(signature.parameters)})",
            "kind": "first result" if options["firstresult"] else "all results",
            "doc": inspect.getdoc(function) or "",
        }
    return dict(sorted(found.items(), key=lambda one: one[1]["group"]))
