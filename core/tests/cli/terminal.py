"""A terminal for the tests: a command in it, what it printed, and what is on the screen then."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping

from .project import DEADLINE, FLOWENV, Project

COLUMNS, LINES = 100, 30
_STEP = re.compile(r"\x1b\[2K|\x1b\[1A|\x1b\[[0-9;]*m|\r|\n|[^\x1b\r\n]+|\x1b")


class Terminal:
    """A call of `flowenv` in a terminal of its own."""

    def __init__(
        self,
        project: Project,
        arguments: tuple[str, ...],
        variables: Mapping[str, str],
        columns: int = COLUMNS,
    ) -> None:
        self._columns = columns
        self._ours, self._theirs = pty.openpty()
        size = struct.pack("HHHH", LINES, columns, 0, 0)
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, size)
        self._settings = termios.tcgetattr(self._theirs)
        self._printed = b""
        # a terminal has a size of its own, whatever the one of these tests has
        others = ("CI", "COLUMNS", "LINES")
        kept = {name: value for name, value in project.variables.items() if name not in others}
        self.process = subprocess.Popen(
            [FLOWENV, *arguments],
            cwd=project.folder,
            env={**kept, "TERM": "xterm-256color", **variables},
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def printed(self) -> str:
        """All that was printed, as it was printed."""
        return self._printed.decode(errors="replace")  # what is read last may be half a letter

    @property
    def screen(self) -> list[str]:
        """What a user sees: the lines as they are after all that moved the cursor.

        A line that is wider than the terminal goes on in the row below, as the cursor does; here
        it is one again.
        """
        rows, wrapped, row, column = [""], set[int](), 0, 0
        for step in _STEP.findall(self.printed):
            if step == "\n":
                row += 1
            elif step == "\r":
                column = 0
            elif step == "\x1b[2K":
                rows[row] = ""
                wrapped.discard(row)
            elif step == "\x1b[1A":
                row -= 1
            elif not step.startswith("\x1b"):
                while step:
                    if column == self._columns:
                        row, column = row + 1, 0
                        wrapped.add(row)
                    rows += [""] * (row + 1 - len(rows))
                    part, step = step[: self._columns - column], step[self._columns - column :]
                    rest = rows[row][column + len(part) :]
                    rows[row] = rows[row][:column].ljust(column) + part + rest
                    column += len(part)
            rows += [""] * (row + 1 - len(rows))
        lines = list[str]()
        for at, text in enumerate(rows):
            if at in wrapped:
                lines[-1] += text
            else:
                lines.append(text)
        return [line.rstrip() for line in lines]

    @property
    def is_as_before(self) -> bool:
        """Whether the terminal is set as it was."""
        hidden = self.printed.rfind("\x1b[?25l") > self.printed.rfind("\x1b[?25h")
        return not hidden and termios.tcgetattr(self._theirs) == self._settings

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)

    def wait(self) -> int:
        """Wait for the end of the call, and return its exit code."""
        code = self.process.wait(DEADLINE)
        os.write(self._theirs, b"\x00")  # all before has been read once this is
        self._reader.join(DEADLINE)
        return code

    def hang_up(self) -> int:
        """Close the window, wait for the end of the call, and return its exit code."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (self._theirs, self._ours):
            os.dup2(nowhere, number)
        os.close(nowhere)
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """End what a failed test has left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._theirs)
        os.close(self._ours)

    def _read(self) -> None:
        while not self._printed.endswith(b"\x00"):
            try:
                more = os.read(self._ours, 65536)
            except OSError:
                return
            if not more:
                return
            self._printed += more
        self._printed = self._printed[:-1]


def take_terminal() -> None:
    """Have the standard input for the session's terminal, so that Ctrl-C reaches the process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def in_terminal(
    project: Project, *arguments: str, columns: int = COLUMNS, **variables: str
) -> Iterator[Terminal]:
    """Call `flowenv` in a terminal."""
    terminal = Terminal(project, arguments, variables, columns)
    try:
        yield terminal
    finally:
        terminal.close()
