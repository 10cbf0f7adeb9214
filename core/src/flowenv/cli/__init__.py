"""The command line: a group whose commands are imported when they are called."""

from __future__ import annotations

import signal
import sys
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit: 0, 1 the flow failed, 2 usage, 3 platform, 130 interrupt."""
    from flowenv.cli.app import app

    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run_app(app, sys.argv[1:]))


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_app(app: object, arguments: list[str]) -> int:
    """Call the command line and return its exit code; errors are one paragraph."""
    import click

    from flowenv.errors import FlowenvError

    assert isinstance(app, click.Command)
    try:
        code = app.main(arguments, prog_name="flowenv", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone: `flowenv runs | head`
        return 0
    except FlowenvError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
