"""The Jobs of all runs in a namespace, in one list for all who follow a run there."""

from __future__ import annotations

import threading
import time
from typing import Any

from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS
from flowenv_k8s.runs.watch.trimming import run_of, trimmed_job
from flowenv_k8s.spec.labels import selector


class JobList:
    """The Jobs of all runs in a namespace, listed by whoever needs them first.

    Args:
        client: the connection.
        namespace: the namespace.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._lock = threading.Lock()
        self._jobs: dict[str, dict[str, Any]] = {}
        self._listed: float | None = None

    def find(self, run_id: str, max_age: float) -> dict[str, Any] | None:
        """A run's Job; None if it isn't in the list.

        Args:
            run_id: the run.
            max_age: seconds; an older list is fetched anew.
        """
        with self._lock:
            if self._listed is None or time.monotonic() - self._listed > max_age:
                began = time.monotonic()
                found, _ = self._client.list(JOBS, self._namespace, labels=selector())
                self._jobs = {run_of(job): trimmed_job(job) for job in found}
                self._listed = began
            return self._jobs.get(run_id)
