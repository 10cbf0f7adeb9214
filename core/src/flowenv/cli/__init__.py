"""The command line: a group whose commands are imported when they are called."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BUG = 3
"""The exit code for a bug, and for output that can't be written."""


def main() -> None:
    """Run the command line and exit: 0, 1 the flow failed, 2 usage, 3 platform, 130 interrupt."""
    from flowenv.cli.following import interrupts

    interrupts.install()
    _show_warnings_plainly()
    _never_fail_to_encode()
    try:
        code = run_app(sys.argv[1:])
    except KeyboardInterrupt:  # another one, while the first was being reported
        code = interrupts.INTERRUPTED
    if interrupts.came_twice():
        interrupts.leave()
    interrupts.is_over()
    sys.exit(_flush(code))


def _show_warnings_plainly() -> None:
    """A warning is a line for people, not a place in the source."""
    import warnings

    def show(message: Warning | str, *_: object, **__: object) -> None:
        print(f"Warning: {message}", file=sys.stderr)

    warnings.showwarning = show


def run_app(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; errors are one paragraph on the standard error."""
    try:
        return _call(arguments)
    except KeyboardInterrupt:
        from flowenv.cli.following.interrupts import INTERRUPTED

        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has gone: `flowenv runs | head`
        _drop_output()
        return 0


def _drop_output() -> None:
    from flowenv.cli.output.stdout import drop_output

    drop_output()


def _call(arguments: Sequence[str]) -> int:
    import os

    import click

    from flowenv.cli.app import app
    from flowenv.errors import FlowenvError, PluginFailed
    from flowenv.wording import shown

    try:
        os.getcwd()  # noqa: PTH109 - pathlib costs time that most commands need not spend
    except FileNotFoundError:
        click.echo("Error: The working directory is gone. Change to another one.", err=True)
        return FlowenvError.exit_code
    colour = False if os.environ.get("NO_COLOR") else None  # None: if it's a terminal
    try:
        if "_FLOWENV_COMPLETE" in os.environ:
            app.main(prog_name="flowenv")  # answers the shell and exits
        # not `main`, which has ways of its own with interrupts and closed pipes
        with app.make_context("flowenv", list(arguments), color=colour) as context:
            code = app.invoke(context)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        if advice := _advice(error, arguments):
            said = error.message.rstrip(".") + advice
            error = click.UsageError(said, getattr(error, "ctx", None))
        error.show()
        return error.exit_code
    except FlowenvError as error:
        if isinstance(error, PluginFailed):
            _show_cause(error)
        click.echo(shown(f"Error: {error}"), err=True)
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and (refused := _refused_by_machine(error)):
            print(f"Error: {refused}", file=sys.stderr)
            return BUG if error.filename is None else FlowenvError.exit_code
        return _report_bug()


def _refused_by_machine(error: OSError) -> str:
    """What this machine didn't let flowenv do, which is nobody's bug; else nothing."""
    import errno

    codes = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
    if error.errno not in codes:
        return ""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    _drop_output()
    return f"The output can't be written: {error.strerror}."


def _advice(error: Exception, arguments: Sequence[str]) -> str:
    """What to do about a word too many, or an option, that looks like a parameter."""
    import re

    import click

    message = getattr(error, "message", "")
    if found := re.match(r"Got unexpected extra arguments? \((\w+=\S*)", message):
        return f". A parameter is given with -p: -p {found[1].rstrip(')')}"
    if isinstance(error, click.NoSuchOption):
        from flowenv.cli.arguments.meant_parameter import meant_parameter

        params = error.ctx.command.params if error.ctx else []
        known = [name for one in params for name in (*one.opts, *one.secondary_opts)]
        return meant_parameter(error.option_name, arguments, known)
    return ""


def _show_cause(error: Exception) -> None:
    """What a plugin raised, with the plugin's own frames."""
    import traceback

    traceback.print_exception(error.__cause__)


def _report_bug() -> int:
    import traceback

    traceback.print_exc()
    print(
        "Error: This is a bug in flowenv; please report it with the lines above and the output "
        "of `flowenv doctor`.",
        file=sys.stderr,
    )
    return BUG


def _flush(code: int) -> int:
    """See to it that what is printed reaches its reader, or that nobody minds.

    Returns:
        The exit code: the one given, unless what was asked for could not be written.
    """
    try:
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        print(f"Error: {_refused_by_machine(error) or error}", file=sys.stderr)
        return code or BUG
    return code


def _never_fail_to_encode() -> None:
    """What the terminal's or the file's encoding lacks is escaped, and fails nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
