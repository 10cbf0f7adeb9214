"""Whether a log begins where its flow did, or its first lines went with an older file. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from flowenv.plugin import Outcome, State, contract, is_beginning
from flowenv_k8s.runs.diagnosis.pod_status import container_status

BEGINNING_MISSING = (
    "[flowenv] The beginning of the log is missing: Kubernetes serves only the newest file of a "
    "log, and has begun a new one since."
)
LOOKED_AT = 2000
"""Lines among which the one must be that flowenv writes before the flow's own."""
_SURELY_BEGUN = 60.0
"""Seconds after its container's start after which a flow surely has begun."""


def lacks_beginning(
    lines: Sequence[str], first: int | None, pod: Mapping[str, Any], container: str, run_id: str
) -> bool:
    """True if the first lines of a log aren't those that its flow began with.

    Args:
        lines: the first `LOOKED_AT` lines, or all there are.
        first: the first one's timestamp, in seconds since the epoch; None if it has none.
        pod: the whole pod.
        container: the flow's container.
        run_id: the run.
    """
    is_stamped = first is not None or not lines
    if not is_stamped or not _says_when_it_begins(pod, container):
        return False
    if any(is_beginning(line, run_id) for line in lines):
        return False
    state = container_status(pod, container).get("state") or {}
    message = (state.get("terminated") or {}).get("message") or ""
    record = Outcome.from_text(message, run_id)
    # one that crashed may not have come to its flow
    has_run = record is not None and record.state in (State.COMPLETED, State.FAILED)
    if has_run or len(lines) >= LOOKED_AT:
        return True
    start = started_at(pod, container)
    return first is not None and start is not None and first - start > _SURELY_BEGUN


def started_at(pod: Mapping[str, Any], container: str) -> float | None:
    """When a container started, in seconds since the epoch; None if it isn't known."""
    state = container_status(pod, container).get("state") or {}
    found = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    return datetime.datetime.fromisoformat(found).timestamp() if found else None


def _says_when_it_begins(pod: Mapping[str, Any], container: str) -> bool:
    """Whether the container logs at a level at which flowenv's first line is written."""
    for one in (pod.get("spec") or {}).get("containers") or ():
        if one.get("name") == container:
            variables = {var["name"]: var.get("value") for var in one.get("env") or ()}
            return (variables.get(contract.LOGGING_LEVEL) or "INFO").upper() in ("DEBUG", "INFO")
    return False
