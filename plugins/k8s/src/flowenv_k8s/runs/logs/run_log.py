"""The log of a run: of its flow container, over all attempts and through cut streams."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import OUTAGES, Patience
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused
from flowenv_k8s.runs.diagnosis.pod_status import by_age, container_status, has_started
from flowenv_k8s.runs.logs.beginning import (
    BEGINNING_MISSING,
    LOOKED_AT,
    lacks_beginning,
    started_at,
)
from flowenv_k8s.runs.logs.container_log import ContainerLog
from flowenv_k8s.runs.logs.restarts import Restarts
from flowenv_k8s.runs.tracking import RunTracker
from flowenv_k8s.runs.watch.pod_updates import PodUpdates

_log = logging.getLogger("flowenv.k8s")

EARLIER_MISSING = (
    "[flowenv] The log of earlier attempts is missing: Kubernetes keeps only the last two of a "
    "container that is started again."
)
END_MISSING = "[flowenv] Lines may be missing here: the end of the log went with its pod."
_FRESH = 10.0
"""Seconds after its start for which nothing of a container's log can have been rotated away."""
_TRIED = 10.0
"""Seconds for which a log is tried that isn't followed."""
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class RunLog:
    """Reads the log of a run.

    Args:
        client: the connection.
        tracker: the run.
    """

    def __init__(self, client: Client, tracker: RunTracker) -> None:
        self._client = client
        self._tracker = tracker
        self._container = tracker.marks.flow_container
        self._late = f"The log of {tracker.name}"

    def read(self) -> Iterator[str]:
        """The lines that there are.

        Raises:
            FlowenvError: if they can't be read, or went with the pod.
        """
        pods = self._tracker.list_pods()
        if not pods and self._tracker.look().state.is_final:
            raise PlatformError(
                f"There is no log of {self._tracker.name}: the run is over and its pod is gone.",
                hint="A log goes with its pod; the cluster's log collector may have it.",
            )
        for pod in pods:
            if has_started(pod, self._container):
                log = self._log_of(pod)
                yield from self._earlier(pod)
                yield from self._from_beginning(
                    log, pod, self._rest(log, pod, Patience(_TRIED, late=self._late))
                )

    def follow(self) -> Iterator[str]:
        """The lines, as they come, until the run is over.

        Raises:
            FlowenvError: if they can't be read any more; the run goes on.
        """
        tracker, read = self._tracker, set[str]()
        if tracker.is_over:
            yield from self.read()
            return
        with tracker.follow() as updates:
            while True:
                status = tracker.observe(updates)
                if uid := self._next_pod(updates, read):
                    read.add(uid)
                    yield from self._follow_pod(uid, updates)
                elif status.state.is_final:
                    return
                else:
                    tracker.wait(updates)

    def _next_pod(self, updates: PodUpdates, read: set[str]) -> str | None:
        for pod in sorted(updates.pods.values(), key=by_age):
            uid = str(pod["metadata"]["uid"])
            if uid not in read and has_started(pod, self._container):
                return uid
        return None

    def _log_of(self, pod: Mapping[str, Any], restarts: Restarts | None = None) -> ContainerLog:
        container = self._container or pod["spec"]["containers"][0]["name"]
        where = (self._tracker.namespace, pod["metadata"]["name"], container)
        return ContainerLog(self._client, *where, restarts=restarts)

    def _follow_pod(self, uid: str, updates: PodUpdates) -> Iterator[str]:
        log = self._log_of(updates.pods[uid], Restarts(updates, uid, self._container))
        pause = _PAUSE
        patience = Patience(late=self._late)
        yield from self._earlier(updates.pods[uid])
        if time.time() - (started_at(updates.pods[uid], self._container) or time.time()) > _FRESH:
            yield from self._so_far(log, updates.pods[uid], patience)
        while not self._has_ended(uid, updates):
            try:
                try:
                    for line in log.follow(self._is_stale(uid, updates)):
                        patience.succeeded()
                        pause = _PAUSE
                        yield line
                except Refused as refused:
                    if self._is_gone(uid, refused):
                        break
            except (ConnectionError, FlowenvError) as error:
                if not patience.bears(error):
                    raise
                # the run goes on, and for how long is not up to its log
                pause = patience.failed(error)
            # an end can also mean that the kubelet is tired of the stream, or away
            if not self._has_ended(uid, updates):
                updates.wait(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        patience.begin_anew()  # the run has ended, and only its log is waited for
        yield from self._rest(log, updates.pods[uid], patience)

    def _is_gone(self, uid: str, refused: Refused) -> bool:
        """Whether a log isn't there since its pod isn't.

        A kubelet that was just started doesn't know its pods yet, and says the same.
        """
        if refused.code != 404:
            return False
        return uid not in {str(pod["metadata"]["uid"]) for pod in self._tracker.list_pods()}

    def _earlier(self, pod: Mapping[str, Any]) -> Iterator[str]:
        """What the container wrote before it was last started again."""
        status = container_status(pod, self._container)
        restarts = int(status.get("restartCount", 0))
        # a container that waits to be started again shows its last log as its own
        is_there = restarts > 0 and "waiting" not in (status.get("state") or {})
        if restarts > is_there:
            yield EARLIER_MISSING
        if is_there:
            try:
                yield from self._log_of(pod).read(previous=True)
            except (Refused, *OUTAGES) as error:
                _log.debug("The log before a restart of %s: %s", self._tracker.name, error)
                yield EARLIER_MISSING

    def _so_far(
        self, log: ContainerLog, pod: Mapping[str, Any], patience: Patience
    ) -> Iterator[str]:
        """The lines of a container that has been running for a while."""
        uid = pod["metadata"]["uid"]
        try:
            pods = self._tracker.list_pods()
            whole = next((one for one in pods if one["metadata"]["uid"] == uid), pod)
            yield from self._from_beginning(log, whole, log.read(hold_back=True))
        except (Refused, *OUTAGES) as error:  # it is read again
            _log.debug("The log of %s was cut: %s", self._tracker.name, error)

    def _from_beginning(
        self, log: ContainerLog, pod: Mapping[str, Any], lines: Iterator[str]
    ) -> Iterator[str]:
        """The lines, and before them a word if they aren't the first ones."""
        first: list[str] = []
        try:
            for line in itertools.islice(lines, LOOKED_AT):
                first.append(line)  # noqa: PERF402 - what is kept at an error is sure this way
        except OUTAGES:  # what was read isn't read again
            yield from first
            raise
        container = self._container or pod["spec"]["containers"][0]["name"]
        run_id = self._tracker.marks.run_id
        if lacks_beginning(first, log.began_at, pod, container, run_id):
            yield BEGINNING_MISSING
        yield from first
        yield from lines

    def _has_ended(self, uid: str, updates: PodUpdates) -> bool:
        pod = updates.pods[uid]
        if uid in updates.gone or pod["status"].get("phase") in ("Succeeded", "Failed"):
            return True
        state = container_status(pod, self._container).get("state") or {}
        return "terminated" in state and pod["spec"].get("restartPolicy") == "Never"

    def _is_stale(self, uid: str, updates: PodUpdates) -> Callable[[], bool]:
        """Whether a silent stream may be one that died: its container ended, or others died."""
        before = updates.breaks
        return lambda: (
            self._has_ended(uid, updates) or (updates.breaks != before and not updates.outage)
        )

    def _rest(self, log: ContainerLog, pod: Mapping[str, Any], patience: Patience) -> Iterator[str]:
        """What there is, and no more."""
        uid, has_run = str(pod["metadata"]["uid"]), started_at(pod, self._container) is not None
        while True:
            try:
                try:
                    yield from log.read()
                    return
                except Refused as refused:  # it never started, or is gone
                    if has_run and refused.code == 404 and not self._is_gone(uid, refused):
                        raise ConnectionError("the kubelet doesn't know the pod") from refused
                    if has_run and not log.is_whole:
                        yield END_MISSING
                    return
            except (ConnectionError, FlowenvError) as error:
                if not patience.bears(error):
                    raise
                pause = patience.failed(error)
                if patience.is_over:
                    raise PlatformError(
                        f"The end of the log of {self._tracker.name} can't be read: {error}"
                    ) from error
                time.sleep(pause)
