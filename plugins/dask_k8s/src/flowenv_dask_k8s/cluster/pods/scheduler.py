"""What a run needs of a scheduler of its own, wherever that is."""

from __future__ import annotations

import contextlib
from typing import Protocol

from flowenv.errors import PlatformError


class Scheduler(Protocol):
    """A scheduler of the run's own."""

    @property
    def address(self) -> str:
        """Where this process reaches it, once it is up."""

    @property
    def contact(self) -> str:
        """Where the workers reach it."""

    @property
    def pod(self) -> str:
        """The pod that it is in."""

    @property
    def dashboard(self) -> str:
        """The dashboard's address."""

    @property
    def dashboard_port(self) -> int:
        """The dashboard's port in the pod."""

    def wait_until_up(self) -> None:
        """Wait until it is there.

        Raises:
            PlatformError: if it can't be, or not in time.
        """

    def log(self) -> contextlib.AbstractContextManager[None]:
        """Has its log in the run's while the block lasts, if that is asked for."""

    def why_lost(self, error: Exception) -> PlatformError | None:
        """What became of it while the flow ran; None if it is there.

        Args:
            error: what made somebody ask.
        """

    def stop(self) -> None:
        """End it.

        Raises:
            FlowenvError: if that can't be done.
        """
