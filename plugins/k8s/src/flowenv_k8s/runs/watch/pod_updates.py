"""What one follower of a run is told of its pods."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv_k8s.runs.watch.job_list import JobList


class PodUpdates:
    """What one follower of a run sees: its pods, those that are gone too, and when they change.

    Attributes:
        job: the UID of the run's Job.
        jobs: the Jobs of all runs in the namespace.
        pods: each pod by UID, trimmed, as it was last.
        gone: the UIDs of pods that are no longer there.
        outage: what to say of an outage in which there is no news; empty while there is.
        breaks: how often the connection of the watch broke.
        problem: why the watch had to be given up; None while it goes on.
    """

    def __init__(self, job: str, jobs: JobList) -> None:
        self.job = job
        self.jobs = jobs
        self.pods: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        self.outage = ""
        self.breaks = 0
        self.problem: FlowenvError | None = None
        self._changed = threading.Event()

    def wait(self, timeout: float | None) -> bool:
        """Wait for a change.

        Args:
            timeout: seconds; None for as long as it takes.

        Returns:
            False if there was none in time.

        Raises:
            FlowenvError: if the watch had to be given up.
        """
        changed = self._changed.wait(timeout)
        self._changed.clear()
        self.raise_problem()
        return changed

    def raise_problem(self) -> None:
        """Raise the error for which the watch was given up, if it was."""
        if self.problem is not None:
            raise self.problem

    def replace(self, pods: Mapping[str, dict[str, Any]]) -> None:
        """Take over a new list: pods that aren't in it are gone."""
        self.gone |= set(self.pods) - set(pods)
        self.pods.update(pods)
        self._changed.set()

    def change(self, uid: str, pod: dict[str, Any], gone: bool) -> None:
        """Take over one pod's new state."""
        self.pods[uid] = pod
        if gone:
            self.gone.add(uid)
        self._changed.set()

    def set_outage(self, outage: str) -> None:
        """Note that the watch was cut, or that it goes on."""
        self.breaks += 1
        if outage != self.outage:
            self.outage = outage
            self._changed.set()

    def fail(self, error: FlowenvError) -> None:
        """Note that there will be no more news."""
        self.problem = error
        self._changed.set()
