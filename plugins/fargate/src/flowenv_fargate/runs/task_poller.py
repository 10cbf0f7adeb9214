"""The status of many tasks: one DescribeTasks call for up to 100 of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowenv.plugin import Poller
from flowenv_fargate.api.client import Aws
from flowenv_fargate.runs.tasks import BATCH, describe_tasks

POLL_SECONDS = 2.0
"""Seconds between two rounds while somebody waits for a run."""
FRESH_SECONDS = 0.2
"""A look that is younger than this serves everybody who asks for a look."""
CALLS_PER_SECOND = 5.0
"""DescribeTasks calls a second at most: rounds that take more of them come less often."""

TaskPoller = Poller[Mapping[str, Any]]


def task_poller(aws: Aws, cluster: str) -> TaskPoller:
    """A poller of a cluster's tasks, by their ARNs.

    Args:
        aws: calls AWS.
        cluster: name or ARN.
    """

    def ask(arns: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {task["taskArn"]: task for task in describe_tasks(aws, cluster, arns)}

    return Poller(
        ask,
        batch=BATCH,
        interval=POLL_SECONDS,
        fresh=FRESH_SECONDS,
        calls_per_second=CALLS_PER_SECOND,
    )
