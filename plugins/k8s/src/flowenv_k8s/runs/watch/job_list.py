"""The Jobs of all runs in a namespace, in one list for all who follow a run there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowenv.plugin import Poller
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS
from flowenv_k8s.runs.watch.trimming import trimmed_job
from flowenv_k8s.spec.labels import selector

JobList = Poller[dict[str, Any]]


def job_list(client: Client, namespace: str) -> JobList:
    """The Jobs by UID, listed by whoever needs them first.

    Args:
        client: the connection.
        namespace: the namespace.
    """

    def ask(_: Sequence[str]) -> dict[str, dict[str, Any]]:
        found, _version = client.list(JOBS, namespace, labels=selector())
        return {job["metadata"]["uid"]: trimmed_job(job) for job in found}

    return Poller(ask, batch=0)
