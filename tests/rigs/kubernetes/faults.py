"""Faults by name: what can go wrong on a real cluster, at the moment a test wants it."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.selectors import Predicate
from rigs.kubernetes.selectors import label_selector as selector_of
from rigs.kubernetes.store import Key


class UnknownFaultError(LookupError):
    """No fault has this name."""


@dataclass(frozen=True)
class FaultKind:
    """A fault that can be injected, and what it strikes.

    Args:
        name: how it is injected.
        strikes: ``request``, ``watch``, ``log``, ``log_file``, ``pod``, ``job``,
            ``token`` or ``outage``.
        meaning: one sentence.
        options: further arguments with their defaults.
        verb: verb of the requests that it strikes unless told otherwise.
        lasting: it holds the same pod until it is removed, instead of striking once.
    """

    name: str
    strikes: str
    meaning: str
    options: dict[str, Any] = field(default_factory=dict)
    verb: str = "*"
    lasting: bool = False


_KINDS = (
    FaultKind("answer_lost", "request", "done, but the connection drops first", verb="create"),
    FaultKind("429", "request", "too many requests", {"retry_after": 1}),
    FaultKind("500", "request", "internal error", {"message": "etcdserver: leader changed"}),
    FaultKind("503", "request", "the server is unavailable", {"retry_after": None}),
    FaultKind("forbidden", "request", "the user may not do this"),
    FaultKind("over_quota", "request", "a quota counts such objects, and is full", verb="create"),
    FaultKind("token_expired", "token", "401 for the present token; a new one is written"),
    FaultKind("watch_cut", "watch", "the connection drops", {"after_events": 0}),
    FaultKind("watch_gone", "watch", "410 inside the stream", {"after_events": 0}),
    FaultKind("log_cut", "log", "the log's connection drops", {"after_lines": 0}),
    FaultKind("log_unretrievable", "log_file", "200, but the log is only a line that says so"),
    FaultKind(
        "image_pull",
        "pod",
        "the image can't be pulled",
        {
            "message": None,
            "container": None,
        },
        lasting=True,
    ),
    FaultKind("quota", "pod", "a quota keeps everybody from making the pod", lasting=True),
    FaultKind(
        "unschedulable",
        "pod",
        "no node can hold the pod",
        {"message": None},
        lasting=True,
    ),
    FaultKind("oom_kill", "pod", "a container is killed for memory", {"container": None}),
    FaultKind("evicted", "pod", "the node is short of memory", {"container_statuses": False}),
    FaultKind("status_unknown", "pod", "the node has lost the container when it looks for it"),
    FaultKind("preempted", "pod", "a pod of higher priority takes the place"),
    FaultKind("node_lost", "pod", "the node goes silent and is removed"),
    FaultKind("stopped_at_start", "pod", "deleted while it starts: TERM comes before a handler"),
    FaultKind("api_down", "outage", "the API server is gone; connections are cut and refused"),
    FaultKind("api_silent", "outage", "the API server hangs; connections stay, nothing is said"),
    FaultKind(
        "kubelet_down",
        "outage",
        "no logs, no news of pods, no starts; containers go on; noticed: the node isn't ready",
        {"noticed": False},
    ),
    FaultKind("collector_slow", "outage", "what has lost its owner isn't collected yet"),
    FaultKind("job_deleted", "job", "somebody else deletes the Job", {"propagation": "Background"}),
)
KINDS = {kind.name: kind for kind in _KINDS}


class Fault:
    """A fault that has been injected. Leaving its ``with`` block removes it."""

    def __init__(
        self,
        kind: FaultKind,
        target: dict[str, str],
        selects: Predicate | None,
        times: int | None,
        options: dict[str, Any],
        remove: Callable[[Fault], None],
    ) -> None:
        self.kind = kind
        self.options = options
        self.hits = 0
        self._target = target
        self._selects = selects
        self._times = times
        self._remove = remove
        self._struck: set[str] = set()
        self._hit = threading.Event()

    def __repr__(self) -> str:
        return f"<fault {self.kind.name} at {self._target}, struck {self.hits} times>"

    def __enter__(self) -> Fault:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    @property
    def is_spent(self) -> bool:
        """Whether it has struck as often as it was to."""
        return self._times is not None and self.hits >= self._times

    def remove(self) -> None:
        """Take the fault back; nothing happens if it is spent or removed already."""
        self._remove(self)

    def wait_until_hit(self, timeout: float = 60.0) -> None:
        """Wait for the fault to strike for the first time.

        Raises:
            TimeoutError: it didn't within ``timeout`` seconds.
        """
        if not self._hit.wait(timeout):
            raise TimeoutError(f"{self!r} struck nothing within {timeout} s")

    def matches_request(self, verb: str, resource: str, namespace: str, name: str) -> bool:
        """Whether a request is one that the fault strikes."""
        given = {"verb": verb, "resource": resource, "namespace": namespace, "name": name}
        return all(fnmatch.fnmatchcase(given[key], self._target[key]) for key in given)

    def matches_object(self, key: Key, manifest: Manifest) -> bool:
        """Whether an object is one that the fault strikes."""
        return (
            fnmatch.fnmatchcase(key.namespace, self._target["namespace"])
            and fnmatch.fnmatchcase(key.name, self._target["name"])
            and (self._selects is None or self._selects(manifest))
        )

    def strike(self, uid: str | None = None) -> bool:
        """Count a strike and say whether it may happen.

        Args:
            uid: of the pod that is struck; a pod is struck once, unless the fault lasts: then it
                goes on being struck, and is counted once.
        """
        if uid is not None and uid in self._struck:
            return self.kind.lasting
        if self.is_spent:
            return False
        if uid is not None:
            self._struck.add(uid)
        self.hits += 1
        self._hit.set()
        return True


class Faults:
    """The faults that are injected now.

    Args:
        on_server: runs a function in the server's thread and returns its result.
    """

    def __init__(self, on_server: Callable[[Callable[[], Any]], Any]) -> None:
        self._on_server = on_server
        self._active: list[Fault] = []
        self._listeners: dict[str, list[Callable[[Fault, bool], None]]] = {}

    def inject(
        self,
        fault: str,
        /,
        *,
        verb: str | None = None,
        resource: str = "*",
        namespace: str = "*",
        name: str = "*",
        label_selector: str | None = None,
        times: int | None = 1,
        **options: Any,
    ) -> Fault:
        """Inject a fault and return it; it is also a context manager that removes it.

        Args:
            fault: its name, one of ``KINDS``.
            verb: verb of the requests to strike (``create``, ``list``, ``watch``, …).
            resource: plural, or ``pods/log``; shell patterns match, here and below.
            namespace: namespace of the request or the object.
            name: name of the object.
            label_selector: labels of the pod or Job to strike.
            times: how many requests or pods it strikes; None for as long as it is there.
            options: further options of this kind of fault.

        Raises:
            UnknownFaultError: no fault has this name.
            TypeError: this kind of fault has no such option.
        """
        kind = _known_kind(fault)
        if unknown := set(options) - set(kind.options):
            has = ", ".join(kind.options) or "none"
            raise TypeError(f"fault {fault!r} has no option {sorted(unknown)}; it has: {has}")
        target = {"verb": verb or kind.verb, "resource": resource}
        target.update(namespace=namespace, name=name)
        selects = selector_of(label_selector)
        made = Fault(kind, target, selects, times, {**kind.options, **options}, self._remove)
        self._on_server(lambda: self._add(made))
        return made

    def clear(self) -> None:
        """Remove all faults."""
        for fault in list(self._active):
            fault.remove()

    def listen(self, strikes: str, listener: Callable[[Fault, bool], None]) -> None:
        """Call a function when a fault of a kind is injected (True) or removed (False)."""
        self._listeners.setdefault(strikes, []).append(listener)

    def unlisten(self, strikes: str, listener: Callable[[Fault, bool], None]) -> None:
        """Stop calling a function."""
        self._listeners[strikes].remove(listener)

    def active(self, strikes: str) -> Iterable[Fault]:
        """Return the faults that are injected and strike this."""
        return [fault for fault in self._active if fault.kind.strikes == strikes]

    def has(self, name: str) -> bool:
        """Whether a fault of this name is there now."""
        return any(fault.kind.name == name for fault in self._active)

    def of_request(
        self, strikes: str, verb: str, resource: str, namespace: str, name: str
    ) -> Fault | None:
        """Return the fault that a request meets, and count the strike; None if it meets none."""
        for fault in self.active(strikes):
            if fault.matches_request(verb, resource, namespace, name) and fault.strike():
                return fault
        return None

    def of_pod(self, names: Iterable[str], key: Key, pod: Manifest) -> Fault | None:
        """Return the fault of one of these names that a pod meets, and count the strike."""
        for fault in self.active("pod"):
            meant = fault.kind.name in names and fault.matches_object(key, pod)
            if meant and fault.strike(pod["metadata"]["uid"]):
                return fault
        return None

    def _add(self, fault: Fault) -> None:
        self._active.append(fault)
        self._tell(fault, injected=True)

    def _remove(self, fault: Fault) -> None:
        def take_out() -> None:
            if fault in self._active:
                self._active.remove(fault)
                self._tell(fault, injected=False)

        self._on_server(take_out)

    def _tell(self, fault: Fault, *, injected: bool) -> None:
        for listener in list(self._listeners.get(fault.kind.strikes, ())):
            listener(fault, injected)


def _known_kind(name: str) -> FaultKind:
    if name not in KINDS:
        listed = "; ".join(f"{kind.name} ({kind.meaning})" for kind in _KINDS)
        raise UnknownFaultError(f"no fault is called {name!r}; there are: {listed}")
    return KINDS[name]
