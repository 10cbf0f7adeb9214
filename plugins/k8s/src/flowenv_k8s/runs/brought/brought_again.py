"""What a run shares with others, brought before it and again if somebody removes it too early."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowenv_k8s.api.client import Client
from flowenv_k8s.runs.brought.common_part import bring_common
from flowenv_k8s.runs.brought.runtime import bring_runtime


@dataclass(frozen=True)
class Brought:
    """One object that a run's pod mounts and that isn't the run's own.

    Args:
        missing: what the kubelet says when it isn't there.
        bring: brings it again.
    """

    missing: str
    bring: Callable[[], object]


def bring(client: Client, spec: Mapping[str, Any]) -> None:
    """See to it that what a run shares with others is there.

    Of runs that are submitted at the same time the first one brings it, and the others wait.

    Raises:
        RunConflict: if somebody else has made an object of that name.
        FlowenvError: if the cluster refuses it.
    """
    with client.shared(_turns, spec["job"]["metadata"]["namespace"]):
        if runtime := spec.get("runtime"):
            bring_runtime(client, runtime)
        if common := spec.get("common"):
            bring_common(client, common)


def _turns(client: Client, namespace: str) -> threading.Lock:
    """What all who bring something to a namespace share: its lock."""
    return threading.Lock()


def brought(client: Client, spec: Mapping[str, Any]) -> tuple[Brought, ...]:
    """What `bring` has brought for a run."""
    found = []
    if runtime := spec.get("runtime"):
        missing = f'configmap "{runtime["metadata"]["name"]}" not found'
        found.append(Brought(missing, lambda: bring_runtime(client, runtime, anew=True)))
    if common := spec.get("common"):
        missing = f'secret "{common["secret"]["metadata"]["name"]}" not found'
        found.append(Brought(missing, lambda: bring_common(client, common, anew=True)))
    return tuple(found)


class Lacking:
    """What events tell anew that it isn't there.

    Attributes:
        objects: what a run shares with others, where this process has it.
    """

    def __init__(self) -> None:
        self.objects: tuple[Brought, ...] = ()
        self._seen: set[tuple[str, int]] = set()
        self._missing: list[Brought] = []

    def hear(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take note of events of the run's pods; each counts once, by UID and count."""
        for one in events if self.objects else ():
            told = (str(one["metadata"].get("uid")), int(one.get("count") or 1))
            words = str(one.get("message"))
            missing = [found for found in self.objects if found.missing in words]
            if missing and told not in self._seen:
                self._seen.add(told)
                self._missing += missing

    def is_all_of(self, words: str) -> bool:
        """True if that is all that events say: it passes by itself, as `bring_again` sees to it."""
        parts = words.split("; ")
        return bool(self.objects) and all(
            any(one.missing in part for one in self.objects) for part in parts
        )

    def bring_again(self) -> None:
        """Bring what isn't there.

        Raises:
            FlowenvError: if the cluster refuses it.
        """
        for one in dict.fromkeys(self._missing):
            one.bring()
        self._missing = []
