"""What is said of a run that hasn't started: why not, how long it may take, and whether it can."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowenv.plugin import Reason, State, Status, moment, seconds_since
from flowenv_k8s.runs.diagnosis import events
from flowenv_k8s.runs.diagnosis.job_status import is_held, is_over, released
from flowenv_k8s.runs.diagnosis.pod_status import by_age, is_back_off
from flowenv_k8s.runs.diagnosis.reasons import hint_for
from flowenv_k8s.runs.diagnosis.run_status import Verdict

EVENTS_AFTER = 1.5
"""Seconds without a known reason after which a waiting run's events are looked at; then twice as
many, and so on."""
_LONGEST_PAUSE = 60.0

Job = Mapping[str, Any]
Pods = Sequence[Mapping[str, Any]]


class Start:
    """The start of one run.

    Args:
        seconds: how many it may take; 0 for no limit. Time in which the run is held back, since
            its Job is suspended or its pod is gated, doesn't count.
        age: how many are over already.
        events: asks for the events of the Job and of these pods.
        ask_job: asks for the Job as it is now.
    """

    def __init__(
        self,
        seconds: float,
        age: float,
        events: Callable[[Pods], list[dict[str, Any]]],
        ask_job: Callable[[], Job | None],
    ) -> None:
        self._seconds = seconds
        self._events = events
        self._ask_job = ask_job
        now = time.monotonic()
        self._ends = now - age + seconds
        self._released = ""
        self._pause = EVENTS_AFTER
        self._next_events = now + max(EVENTS_AFTER - age, 0.0)
        self._told: tuple[Reason, str] | None = None
        self._last: Status | None = None
        self._has_run = False

    def at(self, status: Status) -> float | None:
        """When to look again, by the monotonic clock; None if nothing is due.

        Args:
            status: how the run stands.
        """
        moments = []
        if status.state in (State.SUBMITTED, State.STARTING):
            if status.reason is None or self._told is not None:
                moments.append(self._next_events)
            if self._seconds > 0 and not self._has_run and self._ends > time.monotonic():
                moments.append(self._ends)
        return min(moments, default=None)

    def judge(self, verdict: Verdict, job: Job | None, pods: Pods, *, is_blind: bool) -> Verdict:
        """A verdict with what is known of the run's start; one on a run that has begun as it is.

        Args:
            verdict: by the Job and its pods.
            job: the Job as it was last seen; None if it is gone.
            pods: its pods.
            is_blind: True in an outage: the run may have started meanwhile.
        """
        status = verdict.status
        self._has_run = self._has_run or status.state is State.RUNNING
        if status.state not in (State.SUBMITTED, State.STARTING):
            return verdict
        held = is_held(job, pods)
        if held:
            self._hold()
        verdict = self._with_events(verdict, pods)
        if not (held or is_blind or verdict.is_hopeless) and self._is_too_late(pods):
            told = events.explain(self._events(pods), has_node=_has_node(pods))
            late = events.too_late(verdict.status, self._seconds, told)
            late = dataclasses.replace(late, state=verdict.status.state)
            verdict = Verdict(late, is_hopeless=True)
        verdict = self._as_one_condition(verdict, held)
        self._last = verdict.status
        return verdict

    def _hold(self) -> None:
        self._ends = time.monotonic() + self._seconds

    def _is_too_late(self, pods: Pods) -> bool:
        if self._has_run or self._seconds <= 0 or time.monotonic() < self._ends:
            return False
        # the Job may have been suspended, and let go on, since it was last seen
        job = self._ask_job()
        if job is None or is_over(job):
            return False
        if is_held(job, pods):
            self._hold()
        when = released(job, pods)
        if when > self._released:  # each moment counts once, whatever the clocks say
            self._released = when
            left = self._seconds - seconds_since(moment(when))
            self._ends = max(self._ends, time.monotonic() + left)
        return time.monotonic() > self._ends

    def _with_events(self, verdict: Verdict, pods: Pods) -> Verdict:
        """Without a reason after a while, the events may have it: a quota, a mount that fails."""
        if verdict.status.reason is not None:
            self._told = None
            return verdict
        now = time.monotonic()
        if now >= self._next_events:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._next_events = now + self._pause
            found = [one for one in self._events(pods) if not events.is_passing(one)]
            self._told = events.explain(found, has_node=_has_node(pods))
        if self._told is None:
            return verdict
        reason, words = self._told
        status = Status(verdict.status.state, reason, words, hint_for(reason, words))
        hopeless = events.is_refused_for_good(self._told)
        return dataclasses.replace(verdict, status=status, is_hopeless=hopeless)

    def _as_one_condition(self, verdict: Verdict, held: bool) -> Verdict:
        """A wait that may last, as one condition, and until when it does.

        The kubelet says by turns that an image can't be pulled and that it holds off.
        """
        status, before = verdict.status, self._last
        if status.reason is None or verdict.is_hopeless:
            return verdict
        same = before and (before.state, before.reason) == (status.state, status.reason)
        if before and same and is_back_off(status):
            return dataclasses.replace(verdict, status=before)
        if held or self._seconds <= 0:
            return verdict
        until = f"The run is given up when it hasn't started within {self._seconds:g} s."
        hint = f"{status.hint} {until}".lstrip()
        return dataclasses.replace(verdict, status=dataclasses.replace(status, hint=hint))


def _has_node(pods: Pods) -> bool:
    """True if the newest pod has a node."""
    newest = sorted(pods, key=by_age)[-1:]
    conditions = [c for pod in newest for c in (pod.get("status") or {}).get("conditions") or ()]
    return any(c.get("type") == "PodScheduled" and c.get("status") == "True" for c in conditions)
