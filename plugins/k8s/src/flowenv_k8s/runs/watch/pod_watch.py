"""One list and one watch of a namespace's pods, shared by all runs that a process follows.

A run needs no request of its own while it goes well: the pods' events say everything. The
Jobs are listed once a minute for all runs together, for what pods can't tell.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from flowenv.errors import FlowenvError, PlatformUnreachable
from flowenv.plugin import Patience
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import PODS
from flowenv_k8s.api.session import Stream
from flowenv_k8s.runs.watch.job_list import job_list
from flowenv_k8s.runs.watch.pod_events import WatchExpired, pod_events
from flowenv_k8s.runs.watch.pod_updates import PodUpdates
from flowenv_k8s.runs.watch.trimming import trimmed_pod
from flowenv_k8s.spec.labels import job_of, pod_selector

_log = logging.getLogger("flowenv.k8s")

LINGER = 5.0
"""Seconds that the watch goes on after the last run is over, for the next one to use."""


class PodWatch:
    """The pods of all runs in a namespace, kept up to date while any of them is followed.

    Args:
        client: the connection.
        namespace: the namespace.
        linger: seconds to go on after the last run is over; by default `LINGER`.
    """

    def __init__(self, client: Client, namespace: str, linger: float | None = None) -> None:
        self._client = client
        self._namespace = namespace
        self._linger = LINGER if linger is None else linger
        self._lock = threading.Lock()
        self._pods: dict[str, dict[str, dict[str, Any]]] = {}
        self._followers: dict[str, set[PodUpdates]] = {}
        self._generation = 0
        self._thread: threading.Thread | None = None
        self._stream: Stream | None = None
        self._synced = threading.Event()
        self._patience = Patience()
        self._jobs = job_list(client, namespace)

    @contextlib.contextmanager
    def follow(self, job: str) -> Iterator[PodUpdates]:
        """A run's pods, kept up to date for as long as the block lasts.

        Args:
            job: the UID of the run's Job.

        Raises:
            FlowenvError: if the pods can't be watched.
        """
        updates = PodUpdates(job, self._jobs)
        try:
            self._join(updates)
            updates.raise_problem()
            yield updates
        finally:
            self._leave(updates)

    @property
    def is_active(self) -> bool:
        """True while the watch's thread is there."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    # -- followers -----------------------------------------------------------------------

    def _join(self, updates: PodUpdates) -> None:
        """Give a follower its pods and all news of them; the first one starts the watch."""
        with self._lock:
            self._followers.setdefault(updates.job, set()).add(updates)
            updates.pods.update(self._pods.get(updates.job, {}))
            updates.outage = self._patience.outage if self._thread else ""
            if self._thread is None:
                self._generation += 1
                self._patience = Patience()
                self._synced.clear()
                self._thread = threading.Thread(
                    target=self._run,
                    args=(self._generation,),
                    name=f"flowenv-watch-{self._namespace}",
                    daemon=True,
                )
                self._thread.start()
            synced = self._synced
        # without an answer there are no pods yet, and the outage is what there is to tell
        while not synced.wait(0.05) and not updates.problem and not updates.outage:
            pass

    def _leave(self, updates: PodUpdates) -> None:
        """Give a follower no more news; after the last one the watch ends."""
        if sys.is_finalizing():  # the interpreter ends, and a thread that starts now never runs
            return
        with self._lock:
            followers = self._followers.get(updates.job, set())
            followers.discard(updates)
            if not followers:
                self._followers.pop(updates.job, None)
            if self._followers or self._thread is None:
                return
            generation = self._generation
        if self._linger > 0:
            timer = threading.Timer(self._linger, self._stop_if_idle, (generation,))
            timer.daemon = True
            timer.start()
        else:
            self._stop_if_idle(generation)

    def _stop_if_idle(self, generation: int) -> None:
        with self._lock:
            if self._followers or generation != self._generation or self._thread is None:
                return
            self._forget()
            stream = self._stream
        if stream:
            stream.interrupt()

    def _forget(self) -> None:
        """Let the present thread end; the next follower starts a new one."""
        self._generation += 1
        self._thread = None
        self._pods.clear()

    # -- the thread ----------------------------------------------------------------------

    def _run(self, generation: int) -> None:
        version = ""
        while generation == self._generation:
            try:
                if not version:
                    version = self._list(generation)
                    self._heard(generation)
                for seen in self._events(version, generation):
                    version = seen
            except WatchExpired:
                version = ""
            except (ConnectionError, FlowenvError) as error:
                _log.debug("The watch of pods in %s was cut: %s", self._namespace, error)
                if self._patience.bears(error):
                    self._broke(generation, error)
                elif isinstance(error, FlowenvError):
                    self._fail(generation, error)
                if self._patience.outage:
                    version = ""  # all is well only when what happened meanwhile is known
            except Exception as error:  # whoever follows must not wait for ever
                _log.exception("The watch of pods in %s failed", self._namespace)
                self._fail(generation, _lost_contact(self._namespace, error))

    def _heard(self, generation: int) -> None:
        """All is well: tell those who were told of an outage."""
        if self._patience.is_tried:
            self._patience.succeeded()
            self._tell_outage(generation)

    def _broke(self, generation: int, error: Exception) -> None:
        """Wait before the next try, and tell those who follow runs if it takes long."""
        pause = self._patience.failed(error)
        if self._patience.is_over:
            self._fail(generation, _lost_contact(self._namespace, error))
        elif generation == self._generation:
            self._tell_outage(generation)
            time.sleep(pause)

    def _tell_outage(self, generation: int) -> None:
        with self._lock:
            if generation == self._generation:
                for followers in self._followers.values():
                    for updates in followers:
                        updates.set_outage(self._patience.outage)

    def _list(self, generation: int) -> str:
        found, version = self._client.list(PODS, self._namespace, labels=pod_selector())
        pods: dict[str, dict[str, dict[str, Any]]] = {}
        for pod in found:
            pods.setdefault(job_of(pod), {})[pod["metadata"]["uid"]] = trimmed_pod(pod)
        with self._lock:
            if generation != self._generation:
                return version
            self._pods = pods
            for job, followers in self._followers.items():
                for updates in followers:
                    updates.replace(pods.get(job, {}))
            self._synced.set()
        return version

    def _events(self, version: str, generation: int) -> Iterator[str]:
        """Take in events; yields the version after each."""

        def opened(stream: Stream) -> None:
            with self._lock:
                if generation != self._generation:
                    stream.interrupt()
                self._stream = stream
            self._heard(generation)

        where = (self._namespace, pod_selector(), version)
        for pod, is_gone in pod_events(self._client, *where, opened):
            if generation != self._generation:
                return
            if is_gone is not None:
                self._take(pod, is_gone, generation)
            yield str(pod["metadata"]["resourceVersion"])

    def _take(self, pod: dict[str, Any], is_gone: bool, generation: int) -> None:
        job, uid, kept = job_of(pod), pod["metadata"]["uid"], trimmed_pod(pod)
        with self._lock:
            if generation != self._generation:
                return
            known = self._pods.setdefault(job, {})
            if is_gone:
                known.pop(uid, None)
            else:
                known[uid] = kept
            for updates in self._followers.get(job, ()):
                updates.change(uid, kept, gone=is_gone)
            if not known:
                self._pods.pop(job, None)

    def _fail(self, generation: int, error: FlowenvError) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._forget()
            for followers in self._followers.values():
                for updates in followers:
                    updates.fail(error)
            self._synced.set()


def _lost_contact(namespace: str, error: Exception) -> PlatformUnreachable:
    return PlatformUnreachable(
        f"The pods in the namespace {namespace} can't be watched: {error}",
        hint="Runs there go on; attach to them again when the cluster answers.",
    )
