"""Lines of results that come while runs go on: whoever reads them may leave, the runs stay."""

from __future__ import annotations

import sys

import click

from flowenv.cli.output.printing import echo, results
from flowenv.cli.output.stdout import drop_output


class ResultLines:
    """What a command prints of each run as soon as it is over.

    Attributes:
        are_lost: True if some could not be written though somebody wants them.
    """

    def __init__(self) -> None:
        self.are_lost = False

    def write(self, line: str) -> None:
        """Print a line; if nobody can have it, this and all others are left out.

        Args:
            line: the line, in which nothing acts.
        """
        stream = results() or sys.stdout
        try:
            click.echo(line, file=stream)
        except OSError as error:
            drop_output(stream.fileno())
            if not isinstance(error, BrokenPipeError):  # as with a reader who has seen enough
                self.are_lost = True
                said = f"The output can't be written: {error.strerror}. The runs go on."
                echo(said, err=True)
