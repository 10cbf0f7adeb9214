"""How a run's cluster is known at the provider: names and tags that derive from its id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowenv.plugin import FlowRun

RUN_ID, FLOW, CREATED = "flowenv-dask:run-id", "flowenv-dask:flow", "flowenv-dask:created"
SUBMITTER = "flowenv-dask:submitter"
"""Tags on everything that is made for a run; other names than those of flows that are tasks."""
STARTED_BY = "flowenv-dask/"
LOG_PREFIX = "flowenv-dask/"
_LONGEST_TAG = 256


def cluster_name(run_id: str) -> str:
    """The name of the run's Dask cluster.

    >>> cluster_name("123e4567-e89b-12d3-a456-426614174000")
    'flowenv-123e4567e89b'
    """
    # an IAM role is named dask-NAME-execution-role and has at most 64 characters
    return f"flowenv-{run_id.replace('-', '')[:12]}"


def log_prefix(run_id: str) -> str:
    """What the names of the run's log streams begin with."""
    return f"{LOG_PREFIX}{run_id}"


def started_by(run_id: str) -> str:
    """`startedBy` of the run's ECS tasks, by which they are found without tags."""
    return f"{STARTED_BY}{run_id}"


def run_tags(flow_run: FlowRun) -> dict[str, str]:
    """The tags of everything that is made for a run."""
    tags = {RUN_ID: flow_run.id, FLOW: tag_value(flow_run.flow_name)}
    if flow_run.created:
        tags[CREATED] = flow_run.created.isoformat(timespec="seconds")
    if flow_run.submitter:
        tags[SUBMITTER] = tag_value(flow_run.submitter)
    return tags


def tag_value(text: str) -> str:
    """A text in the characters and the length that a tag's value may have at AWS.

    >>> tag_value("crème brûlée (№ 7)")
    'crème brûlée - 7-'
    """
    return re.sub(r"[^\w .:/=+@-]+", "-", text)[:_LONGEST_TAG].strip() or "-"
