"""A handle on one run's Job: its status, log, outcome, and end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import Event, Outcome, RunTimes, Status, without_lines
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS
from flowenv_k8s.runs.cancellation import DEFAULT_GRACE, delete_job
from flowenv_k8s.runs.diagnosis.told_events import told
from flowenv_k8s.runs.logs.run_log import RunLog
from flowenv_k8s.runs.own_objects import StoredPayload
from flowenv_k8s.runs.tracking import RunTracker
from flowenv_k8s.runs.watch.watched import Watched

_log = logging.getLogger("flowenv.k8s")


class KubernetesHandle:
    """A handle on the Job of one run; the same for submitted and attached ones.

    Args:
        client: the connection.
        job: the Job, as it was last seen.
        start_deadline: seconds until the flow's container must be running; 0 for no limit.
        age: seconds since the Job was made.
        payload: the URL of its payload, if that is in a store; it is removed at the end, unless
            another Job says that it is the run.
        is_own: True if this process has submitted the run, so that it looks after its Job also
            if it only looks at the run's state again and again.

    Attributes:
        tracker: what is known of the run.
    """

    def __init__(
        self,
        client: Client,
        job: Mapping[str, Any],
        start_deadline: float,
        age: float = 0.0,
        *,
        payload: str | None = None,
        is_own: bool = False,
    ) -> None:
        self._payload = StoredPayload.of(job, payload, is_own=is_own)
        self.tracker = RunTracker(client, job, start_deadline, age, payload=self._payload)
        self.tracker.before_pods_go = self._keep_result
        self._is_own = is_own
        self._watched: Watched | None = None
        self._watched_lock = threading.Lock()
        self._result_lines: list[str] | None = None
        self._client = client
        pod_spec = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
        self._grace = float(pod_spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE))

    @property
    def reference(self) -> str:
        """`namespace/name` of the Job."""
        return f"{self.tracker.namespace}/{self.tracker.name}"

    def status(self) -> Status:
        """What is known of the run now: one look at the Job, one at its pods. Nothing changes."""
        return self.tracker.look()

    def latest(self) -> Status:
        """How the run stands by the shared watch; the cluster is asked where that doesn't do.

        Raises:
            FlowenvError: if the run can't be watched any more; it goes on.
        """
        with self._watched_lock:
            if self.tracker.is_over:
                return self.tracker.look(acts=self._is_own)
            if self._watched is None:
                self._watched = Watched(self.tracker.follow())
            try:
                updates = self._watched.updates
                updates.raise_problem()
                status = self.tracker.observe(updates, acts=self._is_own)
            except FlowenvError:
                self._unwatch()
                raise
            if status.state.is_final:
                self._unwatch()
            return status

    def take_over(self) -> None:
        """From now on, looks at the run end its Job if it can't start."""
        self._is_own = True

    def times(self) -> RunTimes:
        """When what of the run happened, by the cluster's clocks and the flow's own record.

        Raises:
            FlowenvError: if the cluster can't be asked.
        """
        return self.tracker.times()

    def events(self) -> list[Event]:
        """What the cluster says of the Job and its pods, oldest first.

        Raises:
            FlowenvError: if the events can't be read.
        """
        return told(self.tracker.events())

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._watched.leave()
            self._watched = None

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The current status, then each change, up to and with the final one.

        Who follows a run also looks after its Job: one that can't start is ended, one whose flow
        has ended is ended too, and the outcome is left on it.

        Args:
            timeout: seconds after which to stop; None for never.

        Raises:
            FlowenvError: if the run can't be watched any more; it goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        tracker = self.tracker
        if tracker.is_over:
            yield (status := tracker.look(acts=True))
            if status.state.is_final:
                return
        last: Status | None = None
        with tracker.follow() as updates:
            while True:
                status = tracker.observe(updates, acts=True)
                if status != last:
                    yield status
                    last = status
                if status.state.is_final or (end is not None and time.monotonic() >= end):
                    return
                tracker.wait(updates, end)

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """The lines of the flow's container, of all attempts, each line once.

        Args:
            follow: wait for more until the run is over.

        Raises:
            FlowenvError: if the log can't be read.
        """
        log = RunLog(self._client, self.tracker)
        return log.follow() if follow else log.read()

    def result_lines(self, sha256: str = "") -> list[str]:
        """The lines of the log that carry the flow's result and files, or one of them.

        Args:
            sha256: of which; all are given in any case.

        Raises:
            FlowenvError: if the log can't be read.
        """
        if self._result_lines is not None:
            return self._result_lines
        found: list[str] = []
        for _ in without_lines(self.logs(), self.tracker.marks.run_id, found):
            pass
        return found

    def _keep_result(self, outcome: Outcome) -> None:
        """The pods are about to be ended, and their log goes with them."""
        if outcome.logged or outcome.files_logged:
            try:
                self._result_lines = self.result_lines()
            except FlowenvError as error:
                _log.warning("Result and files can't be read from the log: %s", error)

    def outcome(self) -> Outcome | None:
        """The record of how the flow ended, if the run is over and there is one."""
        if self.tracker.final is None:
            self.tracker.look()
        return self.tracker.final.outcome if self.tracker.final else None

    def cancel(self) -> None:
        """Delete the Job, and return when neither it nor a pod of it is there.

        Raises:
            PlatformError: if something is still there after the pods' grace period.
        """
        if self.tracker.final is None:
            delete_job(self._client, self.tracker, self._grace)

    def delete(self) -> None:
        """Delete the Job of a run that is over, and its payload if that is in a store."""
        where = (self.tracker.namespace, self.tracker.name)
        payload = self._payload
        goes_too = payload is not None and payload.is_claimed_once(self._client)
        self._client.delete(JOBS, *where, uid=self.tracker.uid)
        if payload and goes_too:
            payload.remove()
