"""`flowenv completion`: the script that lets a shell complete commands and environments."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script.

    \b
      eval "$(flowenv completion bash)"          in ~/.bashrc
      eval "$(flowenv completion zsh)"           in ~/.zshrc
      flowenv completion fish | source           in config.fish
    """
    from flowenv.cli.app import app

    found = get_completion_class(shell)
    assert found
    source = found(app, {}, "flowenv", "_FLOWENV_COMPLETE").source()
    # click's own for fish cuts a help text at its first comma
    click.echo(source.replace('string split ","', 'string split --max 1 ","'))
