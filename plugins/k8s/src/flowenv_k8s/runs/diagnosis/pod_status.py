"""From what Kubernetes says of one pod to a status. Pure; for any pod of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.plugin import Outcome, Reason, State, Status, without_record
from flowenv_k8s.runs.diagnosis.reasons import (
    BY_SIGNAL,
    CONFIGURATION_WAITS,
    DISRUPTIONS,
    HINTS,
    IMAGE_WAITS,
    POD_REASONS,
    START_FAILURES,
    UNKNOWN_TO_THE_NODE,
    hint_for,
    is_hopeless,
)


def pod_status(pod: Mapping[str, Any], container: str = "") -> Status:
    """The status of a pod by itself, such as a Dask scheduler's or worker's.

    Args:
        pod: the pod.
        container: the container that counts; empty for the first.

    Returns:
        Starting with what it waits for, Running, or how it ended.
    """
    over = ended(pod, container, "")
    return over.status if over else living(pod, container)


def by_age(pod: Mapping[str, Any]) -> tuple[str, bool]:
    """A key that sorts pods, oldest first.

    Moments are whole seconds. Of two pods of the same second the one that hasn't ended is the
    newer, and otherwise they stay in the order in which they were heard of.
    """
    has_ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return pod["metadata"].get("creationTimestamp") or "", not has_ended


def container_status(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    """The status of a container in a pod; empty if the pod has none yet.

    Args:
        pod: the pod.
        container: its name; empty for the first.
    """
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    if not container:
        declared = (pod.get("spec") or {}).get("containers") or [{}]
        container = declared[0].get("name", "")
    for one in statuses:
        if one.get("name") == container:
            return one  # type: ignore[no-any-return]
    return {}


def has_started(pod: Mapping[str, Any], container: str) -> bool:
    """True if the container runs or has run, so that it has a log."""
    status = container_status(pod, container)
    state = status.get("state") or {}
    return "running" in state or "terminated" in state or bool(status.get("lastState"))


@dataclass(frozen=True)
class Ended:
    """How the flow's container, or its pod, ended.

    Args:
        status: what to say of it.
        outcome: the record that the flow left, if it says how the flow ended.
        unexplained: True if something else than the flow has ended it, and its pod doesn't say
            what: the Job may.
    """

    status: Status
    outcome: Outcome | None = None
    unexplained: bool = False


def ended(pod: Mapping[str, Any], container: str, run_id: str, seal: str = "") -> Ended | None:
    """What became of the flow's container of a pod; None if it hasn't ended.

    Args:
        pod: the pod.
        container: the flow's container; empty for the first.
        run_id: the run, whose outcome record is looked for.
        seal: what that record fits; empty if it isn't known.
    """
    disrupted = disruption(pod)
    status = container_status(pod, container)
    terminated = (status.get("state") or {}).get("terminated")
    if terminated is None:
        return _pod_failed(pod, disrupted)
    return _container_ended(terminated, disrupted, run_id, seal)


def ended_before(
    pod: Mapping[str, Any], container: str, run_id: str, seal: str = ""
) -> Ended | None:
    """What became of the flow's container before it was last started again; None if it wasn't.

    It takes the arguments of `ended`.
    """
    last = (container_status(pod, container).get("lastState") or {}).get("terminated")
    return _container_ended(last, None, run_id, seal) if last else None


def _container_ended(
    terminated: Mapping[str, Any], disrupted: Status | None, run_id: str, seal: str
) -> Ended:
    record = Outcome.from_text(terminated.get("message") or "", run_id, seal)
    if record is not None and not record.was_stopped:
        return Ended(record.status(), record)
    if disrupted:
        return Ended(disrupted)
    if record is not None:
        return Ended(_stopped(record), unexplained=True)
    return _without_record(terminated)


def _stopped(record: Outcome) -> Status:
    # an image may have SIGINT as its stop signal, which looks like Ctrl-C to the process
    return Status(State.CRASHED, Reason.STOPPED, record.message, HINTS[Reason.STOPPED])


def _without_record(terminated: Mapping[str, Any]) -> Ended:
    reason, exit_code = terminated.get("reason"), int(terminated.get("exitCode", 1))
    words = terminated.get("message") or ""
    if reason == "OOMKilled":
        killed = f"The flow's container was killed for its memory: {reason}, exit code {exit_code}."
        return Ended(_crash(Reason.OOM_KILLED, killed, ""))
    if reason in START_FAILURES:
        message = f"The flow's container can't be started: {reason}: {words}".rstrip(": ")
        return Ended(_crash(Reason.START_ERROR, message, ""))
    if reason == UNKNOWN_TO_THE_NODE:
        return Ended(_crash(Reason.LOST, reason, words), unexplained=True)
    return Ended(without_record(exit_code, words), unexplained=exit_code in BY_SIGNAL)


def _pod_failed(pod: Mapping[str, Any], disrupted: Status | None) -> Ended | None:
    status = pod.get("status") or {}
    if status.get("phase") != "Failed":
        return None
    if disrupted:
        return Ended(disrupted)
    for one in status.get("initContainerStatuses") or ():
        terminated = (one.get("state") or {}).get("terminated") or {}
        if terminated.get("exitCode"):
            return Ended(_init_failed(one["name"], terminated))
    words = " ".join(filter(None, (status.get("reason"), status.get("message"))))
    message = f"The pod {pod['metadata']['name']} failed: {words or 'Kubernetes says no more'}."
    hint = "See its events: kubectl describe pod."
    return Ended(Status(State.CRASHED, Reason.EXITED, message, hint), unexplained=True)


def _init_failed(name: str, terminated: Mapping[str, Any]) -> Status:
    words = terminated.get("message") or terminated.get("reason") or ""
    return Status(
        State.CRASHED,
        Reason.START_ERROR,
        f"The init container {name} ended with exit code {terminated['exitCode']}: {words}",
        f"See its log: kubectl logs -c {name}.",
    )


def disruption(pod: Mapping[str, Any]) -> Status | None:
    """Why the cluster itself ended the pod, if it did."""
    status = pod.get("status") or {}
    for one in status.get("conditions") or ():
        if one.get("type") == "DisruptionTarget" and one.get("status") == "True":
            reason = DISRUPTIONS.get(one.get("reason"), Reason.EVICTED)
            return _crash(reason, one.get("reason"), one.get("message"))
    if status.get("phase") == "Failed" and status.get("reason") in POD_REASONS:
        reason = POD_REASONS[status["reason"]]
        return _crash(reason, status["reason"], status.get("message"))
    return None


def _crash(reason: Reason, words: str | None, message: str | None) -> Status:
    text = ": ".join(filter(None, (words, message))) or reason.value
    return Status(State.CRASHED, reason, text, hint_for(reason, text))


def living(pod: Mapping[str, Any], container: str) -> Status:
    """How a pod stands whose flow container hasn't ended: Running, or what it waits for.

    Crashed if it won't start, however long one waits. Its Job isn't over then.
    """
    state = container_status(pod, container).get("state") or {}
    if "running" in state:
        return _silence(pod) or Status(State.RUNNING)
    if pod["metadata"].get("deletionTimestamp"):
        return Status(State.STARTING, message="The pod is being deleted.")
    if waiting := _waiting(pod, state.get("waiting") or {}):
        return waiting
    return _preparing(pod)


def _silence(pod: Mapping[str, Any]) -> Status | None:
    """The status of a pod whose node has stopped answering; None if it hasn't.

    The node's controller makes the pod unready and says nothing, and leaves its containers as they
    were. They may run on, and the kubelet tells of them when it is back.
    """
    found = {one.get("type"): one for one in (pod.get("status") or {}).get("conditions") or ()}
    ready = found.get("Ready") or {}
    of_containers = (found.get("ContainersReady") or {}).get("status")
    if (ready.get("status"), of_containers) != ("False", "True") or ready.get("reason"):
        return None
    node = (pod.get("spec") or {}).get("nodeName") or ""
    return Status(
        State.RUNNING,
        message=f"The node {node} no longer answers; its containers may run on.",
        hint=f"Wait for it. If it is gone for good: kubectl delete node {node}; then the run is "
        "lost.",
    )


def is_gated(pod: Mapping[str, Any]) -> bool:
    """True if the scheduler doesn't look at a pod before somebody lifts its gates."""
    return _unscheduled(pod).get("reason") == "SchedulingGated"


def _unscheduled(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The condition that says that a pod has no node; empty if it doesn't say so."""
    for one in (pod.get("status") or {}).get("conditions") or ():
        if (one.get("type"), one.get("status")) == ("PodScheduled", "False"):
            return one  # type: ignore[no-any-return]
    return {}


def is_back_off(status: Status) -> bool:
    """True if a pod waits to pull an image again, which says less than why it must."""
    return "ImagePullBackOff: " in status.message


def _waiting(pod: Mapping[str, Any], waiting: Mapping[str, Any]) -> Status | None:
    """What a pod waits for, where it may wait for ever."""
    if is_gated(pod):
        gates = (str(one.get("name")) for one in pod["spec"].get("schedulingGates") or ())
        words = f"The pod's scheduling is gated by {', '.join(gates)}".removesuffix(" by ")
        return Status(State.SUBMITTED, message=f"{words}.")
    if unscheduled := _unscheduled(pod):
        words = f"{unscheduled.get('reason')}: {unscheduled.get('message')}"
        hint = hint_for(Reason.UNSCHEDULABLE, words)
        return Status(State.STARTING, Reason.UNSCHEDULABLE, words, hint)
    return _kept_from_starting(waiting)


def _kept_from_starting(waiting: Mapping[str, Any], whose: str = "") -> Status | None:
    """The status of a container that may wait for ever to be started."""
    word = waiting.get("reason") or ""
    said = ": ".join(filter(None, (word, waiting.get("message"))))
    words = whose + said
    for known, reason in (
        (IMAGE_WAITS, Reason.IMAGE_PULL),
        (CONFIGURATION_WAITS, Reason.CONFIGURATION),
        (START_FAILURES, Reason.START_ERROR),
    ):
        if word in known:
            state = State.CRASHED if is_hopeless(said) else State.STARTING
            return Status(state, reason, words, hint_for(reason, words))
    return None


def _preparing(pod: Mapping[str, Any]) -> Status:
    for one in (pod.get("status") or {}).get("initContainerStatuses") or ():
        state = one.get("state") or {}
        if "running" in state and one.get("started") is not True:
            return Status(State.STARTING, message=f"The init container {one['name']} is running.")
        whose = f"The init container {one['name']} waits: "
        if kept := _kept_from_starting(state.get("waiting") or {}, whose):
            return kept
    return Status(State.STARTING)
