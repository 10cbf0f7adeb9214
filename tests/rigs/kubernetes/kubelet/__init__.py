"""Kubelets: what makes the cluster's pods run, as processes or by a script."""

from __future__ import annotations

from typing import Protocol

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.log_files import ContainerLog

__all__ = ["Kubelet"]


class Kubelet(Protocol):
    """What the rig asks of a kubelet. All of it happens in the server's thread."""

    def start(self, cluster: Cluster) -> None:
        """Take charge of the cluster's pods."""

    async def stop(self) -> None:
        """End all pods and leave nothing behind."""

    def kill(self) -> list[str]:
        """Kill what is left of pods after all, in any thread; return which containers it was."""

    def log(self, uid: str, container: str, *, previous: bool) -> ContainerLog | None:
        """Return the log of a container of the pod with this UID, or None."""
