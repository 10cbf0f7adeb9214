"""The Job of one run, its pods and their events, as the cluster has them when it is asked."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import OUTAGES
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import EVENTS, JOBS, PODS
from flowenv_k8s.runs.brought.brought_again import Lacking
from flowenv_k8s.runs.diagnosis.events import is_cancellation
from flowenv_k8s.runs.diagnosis.job_status import is_marked_cancelled, is_over
from flowenv_k8s.runs.diagnosis.pod_status import by_age
from flowenv_k8s.runs.watch.event_list import EventList
from flowenv_k8s.runs.watch.job_list import JobList
from flowenv_k8s.runs.watch.trimming import trimmed_job
from flowenv_k8s.spec.labels import FURTHER_PODS, RunMarks, job_of, pod_selector, selector
from flowenv_k8s.spec.names import run_suffix

_log = logging.getLogger("flowenv.k8s")

Job = Mapping[str, Any]
Pods = Iterable[Mapping[str, Any]]
Events = list[dict[str, Any]]


class AskedJob:
    """A Job that the cluster is asked for.

    Args:
        client: the connection.
        job: the Job, as it was last seen.

    Attributes:
        name: its name.
        namespace: its namespace.
        uid: its UID.
        marks: the run that it belongs to.
        latest: the Job as it was last seen, as far as its run's status needs it; None if it is
            gone.
        seen: when that was, by the monotonic clock.
        is_cancelled: whether somebody has cancelled its run.
        lacking: hears of its events.
    """

    def __init__(self, client: Client, job: Job) -> None:
        metadata = job["metadata"]
        self.name: str = metadata["name"]
        self.namespace: str = metadata["namespace"]
        self.uid: str = metadata["uid"]
        self.marks = RunMarks.of(job)
        # thousands of runs of a batch keep theirs
        self.latest: Job | None = trimmed_job(job)
        self.seen = time.monotonic()
        self.is_cancelled = False
        self.lacking = Lacking()
        self._client = client

    @property
    def is_over(self) -> bool:
        """Whether the Job was over when it was last seen; not if it is gone."""
        return self.latest is not None and is_over(self.latest)

    def look(self) -> Job | None:
        """The Job as it is now; another one that has taken its name isn't it."""
        found = self._client.get(JOBS, self.namespace, self.name)
        if found is not None and found["metadata"]["uid"] != self.uid:
            found = None
        if not self.is_cancelled:
            self.is_cancelled = (
                any(map(is_cancellation, self.events(())))
                if found is None
                else is_marked_cancelled(found)
            )
        self.latest, self.seen = found and trimmed_job(found), time.monotonic()
        return self.latest

    def look_in(self, jobs: JobList, patience: float) -> None:
        """The same in the list of all runs' Jobs, which may be as old as that."""
        listed = jobs.look(self.uid, patience).found
        if listed is None:
            self.look()  # gone, or younger than the list
        else:
            self.latest, self.seen = listed, time.monotonic()

    def pods(self) -> list[dict[str, Any]]:
        """Its pods, oldest first."""
        labels = pod_selector(run_id=self.marks.run_id)
        found, _ = self._client.list(PODS, self.namespace, labels=labels)
        return sorted((pod for pod in found if job_of(pod) == self.uid), key=by_age)

    def events_for(self, pods: Pods, reasons: Iterable[str]) -> Events:
        """The events of pods that were made for these reasons; who may not see events has none."""
        found: Events = []
        for pod, reason in itertools.product(pods, reasons):
            fields = f"involvedObject.uid={pod['metadata']['uid']},reason={reason}"
            with contextlib.suppress(FlowenvError):
                found += self._client.list(EVENTS, self.namespace, fields=fields)[0]
        return found

    def events(self, pods: Pods) -> Events:
        """The events of the Job and of pods; none where they can't be read.

        Raises:
            FlowenvError: in an outage: without them what was known would be judged wrongly.
        """
        return self._events_by(self._client.shared(EventList, self.namespace).now, pods)

    def events_lately(self, pods: Pods) -> Events:
        """The same, but maybe a few seconds old: one list for all runs that wait."""
        return self._events_by(self._client.shared(EventList, self.namespace).of, pods)

    def all_events(self, pods: Pods) -> Events:
        """The events of the Job, of pods, of whatever else of the run there is now or was.

        Raises:
            FlowenvError: if they can't be read.
        """
        labels = selector(run_id=self.marks.run_id)
        there = [*pods, *self._client.list(PODS, self.namespace, labels=labels)[0]]
        uids = dict.fromkeys((self.uid, *(pod["metadata"]["uid"] for pod in there)))
        events_of = self._client.shared(EventList, self.namespace).of
        found = [event for uid in uids for event in events_of(uid)]
        annotations = ((self.latest or {}).get("metadata") or {}).get("annotations") or {}
        return found + self._of_pods_gone(uids) if FURTHER_PODS in annotations else found

    def _of_pods_gone(self, known: Collection[str]) -> Events:
        """The events of pods that the run has made and that are gone, as Dask's workers.

        They are told by their names, which hold the run's id; their UIDs nobody knows any more.
        """
        part = f"-{run_suffix(self.marks.run_id)}-"
        of_pods, _ = self._client.list(EVENTS, self.namespace, fields="involvedObject.kind=Pod")
        about = ((one, one.get("involvedObject") or {}) for one in of_pods)
        return [
            event
            for event, pod in about
            if part in str(pod.get("name")) and pod.get("uid") not in known
        ]

    def _events_by(self, ask: Callable[[str], Events], pods: Pods) -> Events:
        found: Events = []
        for uid in (self.uid, *(pod["metadata"]["uid"] for pod in pods)):
            try:
                found += ask(uid)
            except OUTAGES:
                raise
            except FlowenvError as error:  # they only explain
                _log.debug("No events: %s", error)
        self.lacking.hear(found)
        return found
