"""A run's workers: plain pods, made and removed as is asked for, and replaced if they fail."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flowenv.errors import FlowenvError, PlatformError
from flowenv.plugin import Patience, Reason, Status
from flowenv_dask_k8s.cluster import diagnosis
from flowenv_dask_k8s.cluster.interface import ClusterPlan
from flowenv_dask_k8s.cluster.pods.requests import WorkerRequests, refusal_of, why_refused
from flowenv_dask_k8s.cluster.pods.watch import WorkerWatch
from flowenv_k8s.plugin import PODS, Client, container_status, is_owned_by, last_lines

_log = logging.getLogger("flowenv.dask_k8s")

REPLACED = 10
"""How many workers that failed are replaced in an hour; where `max_workers` is more, so many."""
_HOUR = 3600.0
ENOUGH_STARTS = 3
"""How many workers may fail before any has joined."""
_SENT_AWAY = 1.0
"""Seconds to tell whether a worker that ended well, or was deleted, was sent away.

A run that is cancelled loses its workers with its Job, a moment before or after its own pod.
"""
_REQUESTS = 8
"""How many requests are under way at once."""
_QUOTA_PAUSE = 2.0
_LOG_LINES = 15


@dataclass
class _Worker:
    """One worker: whether it is to be there, and what is known of its pod."""

    name: str
    is_wanted: bool = True
    uid: str = ""
    is_removed: bool = False
    has_ended: bool = False


class WorkerPods:
    """Makes and removes the pods. All requests are made in threads of its own.

    Args:
        client: the connection.
        plan: the cluster.
        run_id: the run.
        scheduler: the scheduler's address for workers.
        say: tells what is going on.
        on_end: called with the name of a worker that another one is to take the place of.
        on_give_up: called with the error when no worker is there and none is replaced any more.
    """

    def __init__(
        self,
        client: Client,
        plan: ClusterPlan,
        run_id: str,
        scheduler: str,
        *,
        say: Callable[[str], object],
        on_end: Callable[[str], object],
        on_give_up: Callable[[PlatformError], object],
    ) -> None:
        self._client, self.plan = client, plan
        self._requests = WorkerRequests(client, plan, run_id, scheduler)
        self._say, self._on_end, self._on_give_up = say, on_end, on_give_up
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._workers: dict[str, _Worker] = {}
        self._pool = ThreadPoolExecutor(_REQUESTS, "worker-pods")
        self._watch = WorkerWatch(client, plan.namespace, self._requests.selector, self._heard)
        self._failures: list[float] = []
        self.is_exhausted = False
        self.problem: tuple[Reason, str] | None = None
        self.refusal: FlowenvError | None = None
        self.last_failure: PlatformError | None = None

    # -- what is asked for (see `api.spec_cluster.Workers`) ----------------------------------

    def new_name(self) -> str:
        """A name that no worker has had."""
        return f"{self.plan.name}-{self._requests.attempt}-{next(self._numbers)}"

    def want(self, name: str) -> None:
        """A worker is to be there, if it isn't asked for already."""
        with self._lock:
            if name in self._workers or self.is_exhausted:
                return
            worker = self._workers[name] = _Worker(name)
        self._pool.submit(self._logged, self._make, worker)

    def unwant(self, name: str) -> None:
        """A worker is to be there no more."""
        with self._lock:
            worker = self._workers.get(name)
            if worker is None or not worker.is_wanted:
                return
            worker.is_wanted = False
        self._pool.submit(self._logged, self._remove, worker)

    # -- from the first to the last ----------------------------------------------------------

    def start(self) -> None:
        """Watch the workers, and remove those of an attempt that is over.

        Raises:
            FlowenvError: if pods can't be listed.
        """
        for pod in self._watch.start():
            metadata, owner = pod["metadata"], self.plan.owner
            if owner and is_owned_by(pod, owner):  # labels can be copied
                self._pool.submit(
                    self._logged, self._requests.delete, metadata["name"], metadata["uid"]
                )

    def pods(self) -> list[dict[str, Any]]:
        """The pods of the workers that are to be there."""
        known = self._watch.pods
        with self._lock:
            wanted = [one.name for one in self._workers.values() if one.is_wanted]
        return [known[name] for name in wanted if name in known]

    @property
    def failures(self) -> int:
        """How many workers have failed in the last hour."""
        limit = time.monotonic() - _HOUR
        self._failures = [one for one in self._failures if one > limit]
        return len(self._failures)

    def begin_to_close(self) -> None:
        """Remove all of them, and make no more."""
        self.is_exhausted = True
        for name in list(self._workers):
            self.unwant(name)

    def close(self) -> None:
        """Return when all of them are gone.

        Raises:
            FlowenvError: if that can't be seen.
            PlatformError: if some are still there after a while.
        """
        self.begin_to_close()
        self._pool.shutdown(wait=False)
        try:
            self._requests.wait_until_gone()
        finally:
            self._watch.stop()

    # -- requests, each in a thread ----------------------------------------------------------

    def _logged(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except FlowenvError as error:
            _log.warning("%s", error)
        except Exception:
            _log.exception("A worker's pod can't be looked after")

    def _make(self, worker: _Worker) -> None:
        patience = Patience(late="The workers")
        while worker.is_wanted:
            try:
                worker.uid = self._requests.create(worker.name)
                self.problem = self.refusal = None
                break
            except (FlowenvError, ConnectionError) as error:
                time.sleep(self._pause(error, patience))
        if not worker.is_wanted:
            # it may be there although nobody has answered
            worker.uid = worker.uid or (
                self._requests.find(worker.name) if patience.is_tried else ""
            )
            self._remove(worker)

    def _pause(self, error: Exception, patience: Patience) -> float:
        """Seconds until a worker that can't be made is tried again.

        Raises:
            FlowenvError: if no try can help.
        """
        if patience.bears(error):
            return patience.failed(error)
        assert isinstance(error, FlowenvError)
        told = why_refused(error)
        if told[0] is not Reason.QUOTA:
            self.refusal = refusal_of(error, told)
            raise self.refusal from error
        patience.succeeded()
        self.problem = told
        return _QUOTA_PAUSE

    def _remove(self, worker: _Worker) -> None:
        """Remove a worker's pod, once; one that is just being made is removed by who makes it."""
        with self._lock:
            if not worker.uid or worker.is_removed:
                return
            worker.is_removed = True
        self._requests.delete(worker.name, worker.uid)

    # -- what becomes of them ----------------------------------------------------------------

    def _heard(self, pod: Mapping[str, Any], is_gone: bool) -> None:
        # a sidecar may go on when the worker has ended
        has_ended = "terminated" in (container_status(pod, "").get("state") or {})
        if not (is_gone or has_ended or not diagnosis.is_alive(pod)):
            return
        with self._lock:
            worker = self._workers.get(pod["metadata"]["name"])
            if worker is None or not worker.is_wanted or worker.has_ended:
                return
            worker.has_ended = True
        self._pool.submit(self._logged, self._ended, worker, pod)

    def _ended(self, worker: _Worker, pod: Mapping[str, Any]) -> None:
        """A worker that is to be there has ended: say why, and have another one."""
        ended = (container_status(pod, "").get("state") or {}).get("terminated") or {}
        is_deleted = "deletionTimestamp" in pod["metadata"]
        if ended.get("exitCode") == 0 or is_deleted:
            time.sleep(_SENT_AWAY)
            if not worker.is_wanted or (is_deleted and self._is_being_removed()):
                return
        status, is_failure = diagnosis.worker_end(pod)
        if is_failure:
            log = self._log_of(pod) if status.reason is Reason.START_ERROR else []
            self._failures.append(time.monotonic())
            self.last_failure = diagnosis.not_started(f"worker {worker.name}", status, log=log)
        # a worker with other versions will be followed by more
        is_last = status.reason is Reason.CONFIGURATION and not self.is_any_expected()
        if is_failure and (is_last or self.failures > max(REPLACED, self.plan.maximum)):
            self._exhaust(worker, status)
            return
        why = status.message.rstrip(".")
        self._say(f"The worker {worker.name} is gone: {why}. Another one is made.")
        self._on_end(worker.name)

    def _is_being_removed(self) -> bool:
        """Whether the pod that this process is in goes too; where that can't be seen, it stays."""
        if not (self.plan.here and self.plan.here.name):
            return False
        try:
            own = self._client.get(PODS, self.plan.namespace, self.plan.here.name)
        except FlowenvError:
            return False
        return own is None or "deletionTimestamp" in own["metadata"]

    def _exhaust(self, worker: _Worker, status: Status) -> None:
        self.is_exhausted = True
        error = diagnosis.too_many_failed(self.failures, worker.name, status)
        _log.error("%s", error.message)
        if not self.is_any_expected():
            self._on_give_up(error)

    def is_any_expected(self) -> bool:
        """Whether a worker is there, or is being made; a pod's phase comes later than its end."""
        with self._lock:
            return any(one.is_wanted and not one.has_ended for one in self._workers.values())

    def _log_of(self, pod: Mapping[str, Any]) -> list[str]:
        container = pod["spec"]["containers"][0]["name"]
        where = (self.plan.namespace, pod["metadata"]["name"], container)
        return last_lines(self._client, *where, _LOG_LINES)
