"""`flowenv new-plugin`: a distribution to start from, with tests that pass."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import click

from flowenv.origin import own_requirement

_TEMPLATE = Path(__file__).parents[2] / "_template"
_PLACEHOLDER = "acme"


def plugin_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Check that the name can be an entry point, a distribution and a module."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", value):
        raise click.BadParameter(
            f"{value!r} is no name for a plugin; use small letters, digits and '-'."
        )
    # a distribution's name for the plugin's: `flowenv-acme` is the distribution of `acme`
    name = value.replace("-", "_").removeprefix("flowenv_")
    if not name.isidentifier():
        raise click.BadParameter(f"{name!r} is no name for a plugin; it begins with a letter.")
    if name in _taken():
        raise click.BadParameter(f"{value!r} is the name of a backend or plugin that there is.")
    return name


def _taken() -> set[str]:
    from flowenv.registry.discovery import KNOWN_BACKENDS, installed

    return {*KNOWN_BACKENDS, *(one.name for one in installed())}


@click.command("new-plugin")
@click.argument("name", callback=plugin_name)
@click.argument("directory", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(["backend", "hooks"]),
    default="backend",
    show_default=True,
    help="A backend of its own, or hooks that add to every backend.",
)
def new_plugin(name: str, directory: Path | None, kind: str) -> None:
    """Write a plugin to start from, with tests that pass.

    \b
      flowenv new-plugin ssh                     a backend, in ./flowenv-ssh
      flowenv new-plugin acme --kind hooks pkg   hooks for every backend, in ./pkg
    """
    dashed = name.replace("_", "-")
    directory = directory or Path(f"flowenv-{dashed}")
    if directory.exists() and any(directory.iterdir()):
        raise click.UsageError(f"{directory} isn't empty.")
    write_plugin(name, kind, directory)
    click.echo(f"Wrote {directory}. Next:")
    for line in next_steps(directory):
        click.echo(f"  {line}")


def next_steps(directory: Path) -> list[str]:
    """The lines to type from here to a plugin that passes its tests, on any machine."""
    requirement = own_requirement()
    return [
        f"cd {shlex.quote(str(directory))}",
        "python3 -m venv .venv && . .venv/bin/activate",
        *([f"pip install {shlex.quote(requirement)}"] if requirement else []),
        "pip install -e '.[test]'",
        "pytest",
        "flowenv plugins --load",
    ]


def write_plugin(name: str, kind: str, directory: Path) -> None:
    """Write the template of a kind with its placeholder replaced by the plugin's name.

    Args:
        name: as a Python identifier.
        kind: `backend` or `hooks`.
        directory: where; made if it isn't there.
    """
    camel = "".join(part.capitalize() for part in name.split("_"))
    words = {
        f"flowenv-{_PLACEHOLDER}": f"flowenv-{name.replace('_', '-')}",
        _PLACEHOLDER.upper(): name.upper(),
        _PLACEHOLDER.capitalize(): camel,
        _PLACEHOLDER: name,
    }
    for source in sorted((_TEMPLATE / kind).rglob("*")):
        if source.is_dir() or "__pycache__" in source.parts:
            continue
        path = directory / _replaced(str(source.relative_to(_TEMPLATE / kind)), words)
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix in (".py", ".toml", ".md"):
            path.write_text(_replaced(source.read_text("utf-8"), words), "utf-8")
        else:
            shutil.copyfile(source, path)


def _replaced(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text
