"""Keeping track of one run: what is known of it, and when the cluster must be asked for more."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import (
    OUTAGES,
    Outcome,
    Patience,
    Reason,
    RunTimes,
    State,
    Status,
)
from flowenv_k8s.api.client import Client
from flowenv_k8s.runs.asked_job import AskedJob
from flowenv_k8s.runs.diagnosis import events
from flowenv_k8s.runs.diagnosis.job_status import is_over
from flowenv_k8s.runs.diagnosis.run_status import Observed, Verdict, judge
from flowenv_k8s.runs.diagnosis.times import PULLED, UNPLACED, is_made_gated, times_of
from flowenv_k8s.runs.own_objects import StoredPayload
from flowenv_k8s.runs.start import Start
from flowenv_k8s.runs.termination import (
    end_job,
    leave_outcome,
    remove_further_pods,
    wait_until_over,
)
from flowenv_k8s.runs.watch.pod_updates import PodUpdates
from flowenv_k8s.runs.watch.pod_watch import PodWatch

_log = logging.getLogger("flowenv.k8s")

CHECK_JOB = 60.0
"""Seconds without news after which the Jobs are looked at, in one list for all runs."""
CATCH_UP = 5.0
"""Seconds for the watch to tell how pods ended that the cluster no longer has."""
ASK_AGAIN = 1.0
"""Seconds between two looks at a Job that has to say how its run ended."""
NO_POD = 5.0
"""Seconds without a pod after which the Job is looked at."""


class RunTracker:
    """What is known of one run. Its methods may be called from several threads.

    Args:
        client: the connection.
        job: the Job, as it was last seen.
        start_deadline: seconds until the flow's container must be running; 0 for no limit.
        age: seconds since the Job was made.
        payload: its payload, if that is in a store; it is removed at the end.

    Attributes:
        name: the Job's name.
        namespace: its namespace.
        uid: its UID.
        marks: the run that it belongs to.
        final: how the run ended; None while it goes on.
        lacking: what the run shares with others, where this process has it: should somebody
            remove it before the run has started, it is brought again.
        before_pods_go: called with the run's record before its Job, whose flow has ended, is ended.
    """

    def __init__(
        self,
        client: Client,
        job: Mapping[str, Any],
        start_deadline: float,
        age: float = 0.0,
        *,
        payload: StoredPayload | None = None,
    ) -> None:
        self._asked = asked = AskedJob(client, job)
        self.name, self.namespace, self.uid = asked.name, asked.namespace, asked.uid
        self.marks, self.lacking = asked.marks, asked.lacking
        self.final: Verdict | None = None
        self.before_pods_go: Callable[[Outcome], None] = lambda outcome: None
        self._payload = payload
        self._client = client
        self._latest = Verdict(Status(State.SUBMITTED))
        self._lock = threading.RLock()
        self._had_pod = False
        self._pods: Sequence[Mapping[str, Any]] = ()
        self._is_settled = False
        self._start = Start(start_deadline, age, asked.events_lately, asked.look)
        now = time.monotonic()
        self._next_ask = now
        self._patience = Patience()
        self._is_blind = False
        self._ask_from = now

    @property
    def is_over(self) -> bool:
        """True if the run is over, or its Job was when it was last seen."""
        return self.final is not None or self._asked.is_over

    def look(self, *, acts: bool = False) -> Status:
        """Ask the cluster for the Job and its pods, and say how the run stands.

        Args:
            acts: whether to end what is over, and to leave the outcome on the Job. Without it
                nothing changes on the cluster.
        """
        with self._lock:
            if self.final is None:
                self._asked.look()
                self._judge(self.list_pods(), frozenset(), acts)
            self._settle(acts)
            return self._latest.status

    def observe(self, updates: PodUpdates, *, acts: bool = False) -> Status:
        """Say how the run stands by the latest news; ask the cluster only where they don't do.

        In an outage the status says so, for as long as it is worth to wait for its end.

        Args:
            updates: the run's pods.
            acts: as for `look`.

        Raises:
            FlowenvError: if the outage lasts too long, or the cluster refuses.
        """
        with self._lock:
            if self._is_blind and not updates.outage:
                self._ask_from = time.monotonic()  # there is an answer again
            self._is_blind = bool(updates.outage)
            try:
                self._observe(updates, acts)
                self._settle(acts)
            except FlowenvError as error:
                if not self._patience.bears(error):
                    raise
                self._ask_from = time.monotonic() + self._patience.failed(error)
                if self._patience.is_over:
                    raise
            status = self._latest.status
            outage = updates.outage or self._patience.outage
            if outage and not status.state.is_final:
                return dataclasses.replace(status, message=outage, hint="")
            return status

    def _observe(self, updates: PodUpdates, acts: bool) -> None:
        if self.final is None:
            self._judge(list(updates.pods.values()), frozenset(updates.gone), acts)
        if self.final is None and self._ask_cluster(updates):
            pods = dict(updates.pods)
            if self._asked.latest is None or is_over(self._asked.latest):
                # the Job may be ahead of the watch
                listed = {pod["metadata"]["uid"]: pod for pod in self.list_pods()}
                _let_catch_up(updates, listed)
                pods = dict(updates.pods) | listed
            self._judge(list(pods.values()), frozenset(updates.gone), acts)
            self._patience.succeeded()

    def follow(self) -> AbstractContextManager[PodUpdates]:
        """The run's pods, kept up to date for as long as the block lasts."""
        return self._client.shared(PodWatch, self.namespace).follow(self.uid)

    def wait(self, updates: PodUpdates, end: float | None = None) -> None:
        """Wait for news, or until something else is due.

        Args:
            updates: the run's pods.
            end: the latest moment to return, by the monotonic clock.
        """
        now = time.monotonic()
        moments = [self._asked.seen + (CHECK_JOB if updates.pods else NO_POD)]
        if self._latest.ask_job:
            moments.append(self._next_ask)
        if self._patience.is_tried:
            moments.append(self._ask_from)
        if (at := self._start.at(self._latest.status)) is not None:
            moments.append(at)
        due = max(min(moments), self._ask_from)
        updates.wait(max(min(due, end or due) - now + 0.005, 0.0))

    def cancelled(self) -> None:
        """Note that this process deletes the Job, so that its absence is no surprise."""
        self._asked.is_cancelled = True

    def gone(self, pods: Sequence[Mapping[str, Any]]) -> None:
        """Judge the run by its pods as they were last; neither they nor the Job are there."""
        with self._lock:
            if self.final is None:
                self._asked.latest = None
                self._judge(pods, frozenset(pod["metadata"]["uid"] for pod in pods), acts=False)
                self._settle(acts=True)

    def times(self) -> RunTimes:
        """When what of the run happened; asks when its image was there, which only events say."""
        with self._lock:
            if not self._pods and self.final is None:
                self.look()
            pods, job = self._pods, self._asked.latest
            reasons = (PULLED, UNPLACED) if is_made_gated(job or {}) else (PULLED,)
            events = self._asked.events_for(pods, reasons)
            outcome = self.final.outcome if self.final else None
            times = times_of(job, pods, self.marks.flow_container, events, outcome)
            if self.final and not times.ended and job is not None and not is_over(job):
                job = self._asked.look()  # its container never ran, and the Job has ended since
                times = times_of(job, pods, self.marks.flow_container, events, outcome)
            return times

    def events(self) -> list[dict[str, Any]]:
        """The events of the Job and the run's pods, also of Dask's that are gone.

        Raises:
            FlowenvError: if they can't be read.
        """
        with self._lock:
            if not self._pods and self.final is None:
                self.look()
            pods = [*self._pods]
        return self._asked.all_events(pods)

    def list_pods(self) -> list[dict[str, Any]]:
        """Ask the cluster for the Job's pods, oldest first."""
        return self._asked.pods()

    # -- judging ---------------------------------------------------------------------------

    def _judge(self, pods: Sequence[Mapping[str, Any]], gone: frozenset[str], acts: bool) -> None:
        verdict = self._judged(self._asked.latest, pods, gone)
        if self._had_pod and not pods and not verdict.status.state.is_final:
            verdict = Verdict(Status(State.STARTING, message="The pod is gone."), ask_job=True)
        self._had_pod = self._had_pod or bool(pods)
        self._pods = pods or self._pods
        verdict = self._start.judge(verdict, self._asked.latest, pods, is_blind=self._is_blind)
        waits = verdict.status.state in (State.SUBMITTED, State.STARTING)
        if acts and waits and not self._asked.is_cancelled:
            verdict = self._with_what_it_lacks(verdict)
        if verdict.is_hopeless:
            verdict = self._given_up(verdict) if acts else _not_given_up(verdict)
        if verdict.status.reason is Reason.STOPPED and not verdict.is_left:
            verdict = events.with_who_stopped_it(verdict, self._asked.events(pods))
        self._latest = verdict
        if verdict.status.state.is_final:
            self.final = verdict

    def _judged(
        self,
        job: Mapping[str, Any] | None,
        pods: Sequence[Mapping[str, Any]],
        gone: frozenset[str] = frozenset(),
    ) -> Verdict:
        now, marks = datetime.datetime.now(datetime.UTC), self.marks
        container, cancelled = marks.flow_container, self._asked.is_cancelled
        return judge(Observed(marks.run_id, job, pods, container, now, gone, cancelled, marks.seal))

    def _with_what_it_lacks(self, verdict: Verdict) -> Verdict:
        """Bring again what the run shares with others; where that fails, it can't start."""
        try:
            self.lacking.bring_again()
        except OUTAGES:
            raise
        except FlowenvError as error:
            words = f"Something of flowenv's that its pod needs has been removed. {error.message}"
            status = Status(verdict.status.state, Reason.CONFIGURATION, words, error.hint or "")
            return Verdict(status, is_hopeless=True)
        if self.lacking.is_all_of(verdict.status.message) and not verdict.is_hopeless:
            return dataclasses.replace(verdict, status=Status(verdict.status.state))
        return verdict

    def _given_up(self, verdict: Verdict) -> Verdict:
        """A run that can't start is over: on the cluster first, since it may start after all."""
        verdict = Verdict(dataclasses.replace(verdict.status, state=State.CRASHED))
        if self._asked.latest is None:
            return verdict
        end_job(self._client, self._asked.latest, verdict, self.marks.run_id)
        wait_until_over(self._client, self._asked.latest)
        seen = self._judged(None, self.list_pods())
        if seen.outcome is not None:
            return seen  # it started at the last moment
        self._is_settled = True
        return verdict

    def _settle(self, acts: bool) -> None:
        """Once a run is over: end what of its Job still runs, and leave the outcome there."""
        verdict = self.final
        if verdict is None or self._is_settled or not acts:
            return
        if self._asked.latest is not None and not verdict.is_left:
            if verdict.job_must_end and verdict.outcome:
                self.before_pods_go(verdict.outcome)
            act = end_job if verdict.job_must_end else leave_outcome
            act(self._client, self._asked.latest, verdict, self.marks.run_id)
            remove_further_pods(self._client, self._asked.latest, self.marks.run_id)
        self._is_settled = True
        if self._payload:
            try:
                if self._payload.is_claimed_once(self._client):
                    self._payload.remove()
                else:
                    _log.warning("The payload is left: another Job says that it is the run.")
            except FlowenvError as error:
                _log.warning("The payload is left behind: %s", error)

    # -- asking the cluster ------------------------------------------------------------------

    def _ask_cluster(self, updates: PodUpdates) -> bool:
        """Look at the Job if that is due; True if there is something new to judge by."""
        now = time.monotonic()
        if now < self._ask_from:
            return False
        if self._patience.is_tried or (self._latest.ask_job and now >= self._next_ask):
            self._next_ask = now + ASK_AGAIN
            self._asked.look()
            return True
        patience = CHECK_JOB if updates.pods else NO_POD
        if now - self._asked.seen < patience:
            return False
        self._asked.look_in(updates.jobs, patience)
        return True


def _not_given_up(verdict: Verdict) -> Verdict:
    """For who only looks: the run isn't over before its Job is."""
    hint = f"{verdict.status.hint} Whoever follows the run ends its Job.".lstrip()
    return dataclasses.replace(verdict, status=dataclasses.replace(verdict.status, hint=hint))


def _let_catch_up(updates: PodUpdates, listed: Mapping[str, Any]) -> None:
    """Wait for the news of pods that aren't there any more: only they say why they ended."""
    end = time.monotonic() + CATCH_UP
    while (
        updates.pods.keys() - listed.keys() - updates.gone and (left := end - time.monotonic()) > 0
    ):
        updates.wait(left)
