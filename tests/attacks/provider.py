"""A cluster class whose provider wants credentials."""

from __future__ import annotations

from typing import Any

from distributed import LocalCluster


class ClosedCluster(LocalCluster):
    """A LocalCluster that takes what providers take.

    Args:
        auth: credentials.
        environment: variables of the workers, as several providers call them.
        **kwargs: those of a LocalCluster.
    """

    def __init__(
        self,
        auth: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        assert auth
        assert auth["password"]
        super().__init__(**kwargs)
