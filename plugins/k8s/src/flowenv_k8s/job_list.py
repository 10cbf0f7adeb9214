"""The Jobs of all runs in a namespace, in one list for all who follow a run there."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from flowenv_k8s.essence import job_essence, run_of
from flowenv_k8s.labels import selector
from flowenv_k8s.resources import JOBS

if TYPE_CHECKING:
    from flowenv_k8s.client import Client


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
                self._jobs = {run_of(job): job_essence(job) for job in found}
                self._listed = began
            return self._jobs.get(run_id)
