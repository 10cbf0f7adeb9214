"""How a batch goes, at the foot of a terminal: a table of what runs, or a line with the counts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from flowenv.cli.following import interrupts
from flowenv.cli.following.live import Foot, live_foot
from flowenv.cli.following.run_line import STYLES, clock, in_colour, why
from flowenv.cli.output.printing import tell
from flowenv.states import State
from flowenv.wording import shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from flowenv.batches.batch import Batch
    from flowenv.batches.rows import Row

_SHARE, _SHORT, _LONG = 0.1, 10.0, 60.0
"""In a log: the share of runs more that must be over for a line, at the earliest after so many
seconds; and the seconds after which there is one anyway."""
_REFRESH = 0.5
"""Seconds between two looks of the line with the counts."""
_MOST_ROWS = 12
"""Runs in the table; of more than these the last line says how many."""
_OTHER_LINES = 4
"""Lines of the terminal that the table's runs leave to others."""
_BAR = 30
_CTRL_C = "^C"
"""What a terminal shows behind the line where a user interrupts."""
_ORDER = (State.RUNNING, State.STARTING, State.SUBMITTED)


class BatchView:
    """Shows nothing: nobody looks."""

    def show(self) -> None:
        """Show how all stand, after a look at them."""

    def clear(self) -> None:
        """Make place for other lines."""

    def aside(self) -> AbstractContextManager[object]:
        """A block in which whoever likes to may print whole lines."""
        self.clear()
        return nullcontext()


@contextmanager
def batch_view(batch: Batch) -> Iterator[BatchView]:
    """A view of a batch while the block lasts.

    Args:
        batch: the batch; one whose flows run on this machine has none on a terminal, as they
            print there by themselves.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield InALog(batch)
        return
    if batch.is_here:
        yield BatchView()
        return
    table = BatchTable(batch)
    with live_foot(table.render) as foot:
        if foot.is_live:
            yield _AtFoot(foot)
            return
        counts = Counts(batch)
        try:
            with interrupts.echoed_into(lambda: counts.is_shown):
                yield counts
        finally:
            counts.clear()


class InALog(BatchView):
    """Lines for whoever reads them later: why runs don't start, and now and then how many are over.

    Args:
        batch: the batch.
    """

    def __init__(self, batch: Batch) -> None:
        from flowenv.batches.reasons import Reasons

        self._batch = batch
        self._reasons = Reasons()
        self._began = self._last = time.monotonic()
        self._over = 0

    def show(self) -> None:
        """Say what is news, if it is time."""
        now = time.monotonic()
        for words in self._reasons.news(self._batch.rows, now):
            self._say(words, now)
        over = sum(row.last_status.state.is_final for row in self._batch.rows)
        many = over - self._over >= max(_SHARE * len(self._batch.rows), 1)
        if now - self._last >= (_SHORT if many else _LONG):
            self._say(f"{over} of {len(self._batch)} over: {self._batch.summary()}", now)
            self._last, self._over = now, over

    def _say(self, text: str, now: float) -> None:
        tell(f"[{now - self._began:6.1f} s] {text}")


class Counts(BatchView):
    """A line on a terminal that says how many runs stand in which state, always the last one.

    Args:
        batch: the batch.
    """

    def __init__(self, batch: Batch) -> None:
        from flowenv.batches.reasons import Reasons

        self._batch = batch
        self._reasons = Reasons()
        self._shown = ""
        self._next = 0.0

    @property
    def is_shown(self) -> bool:
        """Whether the line is there, and the cursor in it."""
        return bool(self._shown)

    def show(self) -> None:
        """Show the counts, if they are news."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _REFRESH
        for words in self._reasons.news(self._batch.rows, now):
            self.clear()
            tell(words)
        text = _cut(self._batch.summary())
        if text != self._shown:
            self.clear()
            self._shown = text
            click.echo(click.style(text, dim=True), err=True, nl=False)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A block in which whoever likes to may print whole lines; the line is below them."""
        self.clear()
        yield
        self._next = 0.0
        self.show()

    def clear(self) -> None:
        """Make place for other lines."""
        if self._shown:
            blank = " " * (len(self._shown) + len(_CTRL_C))
            click.echo(f"\r{blank}\r", err=True, nl=False)
            self._shown = ""


def _cut(text: str) -> str:
    """A text that is never wider than the terminal, also with a Ctrl-C behind it."""
    import shutil

    room = shutil.get_terminal_size((0, 0)).columns - len(_CTRL_C) - 1
    return text if len(text) <= room or room < 1 else text[: room - 1] + "…"


class _AtFoot(BatchView):
    """The table, which is drawn by itself."""

    def __init__(self, foot: Foot) -> None:
        self._foot = foot

    def aside(self) -> AbstractContextManager[object]:
        return self._foot.aside()


class BatchTable:
    """A table of the runs that go on, below it the counts of all.

    Args:
        batch: the batch; nobody is asked, its runs are shown as this process last saw them.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._started = time.monotonic()
        self._since: dict[Row, tuple[State, float]] = {}

    def render(self, console: Console) -> RenderableType:
        """The table as it is now.

        Args:
            console: the terminal.
        """
        from rich.console import Group
        from rich.table import Table

        going = [row for row in self._batch.rows if row.last_status.state in _ORDER]
        going.sort(key=lambda row: (_ORDER.index(row.last_status.state), row.number))
        most = max(min(_MOST_ROWS, console.height - _OTHER_LINES), 0)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for row in going[:most]:
            table.add_row(str(row.number), *self._cells(row))
        counts = self._counts(console, len(going) - most if going else 0)
        return Group(table, counts) if going else counts

    def _cells(self, row: Row) -> Iterator[RenderableType]:
        from rich.text import Text

        status, now = row.last_status, time.monotonic()
        state, since = self._since.get(row, (None, now))
        if state is not status.state:
            since = now
            self._since[row] = (status.state, now)
        parameters = " ".join(f"{n}={value}" for n, value in row.draft.shown_parameters.items())
        yield Text(*in_colour(status))
        yield Text(clock(now - since), "bold")
        said = f"  {why(status)}" if status.message else ""
        yield Text.assemble(shown(parameters, lines=False), (said, "dim"))

    def _counts(self, console: Console, more: int) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        counts, rows = self._batch.counts(), len(self._batch.rows)
        over = sum(count for state, count in counts.items() if state.is_final)
        in_all = clock(time.monotonic() - self._started)
        said = Text.assemble((f"{over} of {rows}", "bold"), f" in {in_all}")
        for state in State:
            if counts[state]:
                said.append(f"  {counts[state]} {state.value}", STYLES[state.value])
        if more > 0:
            said.append(f"  {more} more go on", "dim")
        if self._batch.waits:
            said.append(f"  {shown(self._batch.waits, lines=False)}", "yellow")
        line, wide = Table.grid(padding=(0, 1, 0, 0)), min(_BAR, console.width // 4)
        line.add_column(width=wide)
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_row(ProgressBar(total=rows or 1, completed=over, width=wide), said)
        return line
