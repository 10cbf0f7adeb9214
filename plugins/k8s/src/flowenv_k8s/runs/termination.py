"""Ending a Job whose run is over while something of it goes on, such as a sidecar."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import Outcome
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS
from flowenv_k8s.runs.diagnosis.run_status import Verdict
from flowenv_k8s.spec.labels import OUTCOME

_log = logging.getLogger("flowenv.k8s")


def end_job(client: Client, job: Mapping[str, Any], verdict: Verdict, run_id: str) -> None:
    """End a Job, and leave the run's outcome on it for other processes.

    The Job stays until its TTL; its pods go.

    Args:
        client: the connection.
        job: the Job.
        verdict: how the run ended.
        run_id: the run.
    """
    status = verdict.status
    outcome = verdict.outcome or Outcome(
        run_id, status.state, reason=status.reason, message=status.message, hint=status.hint
    )
    where = (job["metadata"]["namespace"], job["metadata"]["name"])
    patch = {
        "metadata": {"annotations": {OUTCOME: outcome.to_bytes().decode()}},
        # the Job's own way to end its pods; deleting it would remove the evidence as well
        "spec": {"activeDeadlineSeconds": 1},
    }
    try:
        client.patch(JOBS, *where, patch)
    except FlowenvError as error:
        _log.warning("The Job %s/%s is deleted, as it can't be ended: %s", *where, error)
        client.delete(JOBS, *where, uid=job["metadata"].get("uid"))
