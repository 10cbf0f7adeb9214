"""The status of a pod, from the states of its containers; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rigs.kubernetes.objects import Manifest, condition, timestamp, with_condition


@dataclass
class ContainerStatus:
    """What the kubelet knows of one container."""

    name: str
    image: str
    is_init: bool = False
    is_sidecar: bool = False
    state: Manifest = field(default_factory=lambda: waiting("ContainerCreating"))
    last_state: Manifest = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    started: bool = False

    @property
    def exit_code(self) -> int | None:
        """Exit code, or None while the container hasn't ended."""
        ended = self.state.get("terminated")
        return None if ended is None else int(ended["exitCode"])

    def manifest(self) -> Manifest:
        """Return the entry in the pod's status."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": "" if "waiting" in self.state and not self.restarts else self.image,
            "containerID": "" if "waiting" in self.state else f"rig://{self.name}",
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last_state,
        }


def waiting(reason: str, message: str | None = None) -> Manifest:
    """Return the state of a container that doesn't run yet."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running() -> Manifest:
    """Return the state of a container that runs since now."""
    return {"running": {"startedAt": timestamp()}}


def terminated(exit_code: int, reason: str, started_at: str | None, message: str = "") -> Manifest:
    """Return the state of a container that has just ended."""
    now = timestamp()
    state: Manifest = {
        "exitCode": exit_code,
        "reason": reason,
        "startedAt": started_at or now,
        "finishedAt": now,
    }
    if message:
        state["message"] = message
    return {"terminated": state}


def unknown() -> Manifest:
    """Return the state of a container of which the kubelet finds nothing when its pod ends.

    The sentence is that of ``convertToAPIContainerStatuses`` in ``pkg/kubelet/kubelet_pods.go``.
    """
    words = "The container could not be located when the pod was terminated"
    return {
        "terminated": {
            "exitCode": 137,
            "reason": "ContainerStatusUnknown",
            "message": words,
            "startedAt": None,
            "finishedAt": None,
        }
    }


def phase_of(containers: Sequence[ContainerStatus], restart_policy: str) -> str:
    """Return the phase of a pod."""
    init = [item for item in containers if item.is_init and not item.is_sidecar]
    main = [item for item in containers if not item.is_init]
    if restart_policy == "Never" and any(item.exit_code not in (0, None) for item in init):
        return "Failed"
    if any(item.exit_code != 0 for item in init):
        return "Pending"
    # The order is that of getPhase in pkg/kubelet/kubelet_pods.go.
    if any("waiting" in item.state and not item.last_state for item in main):
        return "Pending"  # also while others run, or have ended
    if restart_policy == "Always" or any(item.exit_code is None for item in main):
        return "Running"
    if all(item.exit_code == 0 for item in main):
        return "Succeeded"
    return "Failed" if restart_policy == "Never" else "Running"


def pod_status(
    containers: Sequence[ContainerStatus], phase: str, conditions: list[Manifest] | None
) -> dict[str, Any]:
    """Return the fields of a pod's status that follow from its containers."""
    init = [item for item in containers if item.is_init]
    main = [item for item in containers if not item.is_init]
    is_initialized = phase in ("Running", "Succeeded") or all(
        item.started if item.is_sidecar else item.exit_code == 0 for item in init
    )
    is_ready = phase == "Running" and all(item.ready for item in main)
    unready = [item.name for item in main if not item.ready]
    reason, message = None, None
    if phase == "Succeeded":
        reason = "PodCompleted"
    elif phase == "Failed":
        reason = "PodFailed"
    elif not is_ready:
        reason = "ContainersNotReady"
        message = f"containers with unready status: [{' '.join(unready)}]"
    made = conditions
    for kind, holds in (("PodScheduled", True), ("Initialized", is_initialized)):
        made = with_condition(made, condition(kind, holds))
    for kind in ("ContainersReady", "Ready"):
        made = with_condition(made, condition(kind, is_ready, reason, message))
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": made,
        "containerStatuses": [item.manifest() for item in main],
    }
    if init:
        status["initContainerStatuses"] = [item.manifest() for item in init]
    return status
