"""What this process knows of one account: its definitions, and a board of its tasks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowenv_fargate.board import Board
from flowenv_fargate.client import Aws, aws_of
from flowenv_fargate.registration import Definitions

if TYPE_CHECKING:
    from flowenv_fargate.environment import FargateTaskEnvironment


@dataclass
class Account:
    """One account in one region.

    Args:
        aws: calls AWS.
    """

    aws: Aws
    definitions: Definitions = field(init=False)
    _boards: dict[str, Board] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.definitions = Definitions(self.aws)

    def board(self, cluster: str) -> Board:
        """The board of a cluster's tasks, which all runs of this process share."""
        with self._lock:
            if cluster not in self._boards:
                self._boards[cluster] = Board(self.aws, cluster)
            return self._boards[cluster]


_accounts: dict[int, Account] = {}
_lock = threading.Lock()


def account_of(environment: FargateTaskEnvironment) -> Account:
    """The account that an environment means; one for the same credentials and region."""
    aws = aws_of(environment)
    with _lock:
        found = _accounts.get(id(aws))
        if found is None or found.aws is not aws:
            found = _accounts[id(aws)] = Account(aws)
        return found


def cluster_of(environment: FargateTaskEnvironment) -> str:
    """The cluster that an environment's tasks run in."""
    return str(environment.kwargs.get("cluster") or "default")


def forget() -> None:
    """Forget what was learnt of all accounts, as a new process would. For tests."""
    with _lock:
        _accounts.clear()
