"""What this process knows of one account: its definitions, and a poller of its tasks."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.session import Access
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs.registration import Definitions
from flowenv_fargate.runs.shared_objects import SharedObjects
from flowenv_fargate.runs.tasks import TaskPoller, task_poller


@dataclass
class Account:
    """One account in one region.

    Args:
        aws: calls AWS.
    """

    aws: Aws
    definitions: Definitions = field(init=False)
    shared: SharedObjects = field(init=False)
    _pollers: dict[str, TaskPoller] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.definitions = Definitions(self.aws)
        self.shared = SharedObjects(self.aws)

    def poller(self, cluster: str) -> TaskPoller:
        """The poller of a cluster's tasks, which all runs of this process share."""
        with self._lock:
            if cluster not in self._pollers:
                self._pollers[cluster] = task_poller(self.aws, cluster)
            return self._pollers[cluster]


_accounts: dict[Access, Account] = {}
_lock = threading.Lock()


def account_of(environment: FargateTaskEnvironment) -> Account:
    """The account that an environment means; one for the same credentials and region."""
    access = Access(
        environment.aws_access_key_id,
        environment.aws_secret_access_key,
        environment.aws_session_token,
        environment.region_name,
        os.environ.get("AWS_REGION"),  # boto3 alone of AWS's SDKs doesn't look there
        environment.endpoint_url,
        environment.profile_name,
        environment.role_arn,
    )
    with _lock:
        if access not in _accounts:
            _accounts[access] = Account(Aws(access))
        return _accounts[access]


def cluster_of(environment: FargateTaskEnvironment) -> str:
    """The cluster that an environment's tasks run in."""
    return str(environment.kwargs.get("cluster") or "default")


def forget() -> None:
    """Forget what was learnt of all accounts, as a new process would. For tests."""
    with _lock:
        _accounts.clear()
