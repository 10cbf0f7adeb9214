"""The journal, where there is one: it doesn't travel to where flows run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from flowenv import contract

if TYPE_CHECKING:
    from flowenv.journal.notes import Journal


def journal_here() -> Journal | None:
    """The journal of this user; None in a flow's container: what it submits, nobody asks there.

    Raises:
        ConfigurationError: if the configuration can't be read.
    """
    if contract.PAYLOAD in os.environ:
        return None
    from flowenv.journal.notes import journal

    return journal()


@contextmanager
def noted_together() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Within the block, what is heard of many runs is noted together; see `Journal.together`."""
    if journal := journal_here():
        with journal.together() as here:
            yield here
    else:
        yield nullcontext
