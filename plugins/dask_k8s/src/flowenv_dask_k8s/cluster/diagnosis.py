"""From what Kubernetes says of a cluster's pods to why they don't run. Pure.

A pod of Dask's is restarted for ever by its Deployment, so that a container that ends is not an
end by itself, unlike in a Job's pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowenv.errors import PlatformError
from flowenv.plugin import OTHER_VERSIONS, Reason, State, Status
from flowenv_dask_k8s.spec.resources import INSTALL
from flowenv_k8s.plugin import HINTS, container_status, disruption, hint_for, living

KILLED = frozenset({137, 143})
"""Exit codes of a process that SIGKILL or SIGTERM has ended."""
ENOUGH_RESTARTS = 2
"""Restarts after which a container that ends again counts as unable to run."""
_OPERATOR_HINT = (
    "Does the operator run, and does it look after this namespace? See `kubectl get pods -A -l "
    f"app.kubernetes.io/name=dask-kubernetes-operator` and its log. It is installed by:\n{INSTALL}"
)
_VERSIONS_HINT = (
    "Use one image for the flow and the workers, and not one whose tag moves while runs go on."
)


def operator_missing(words: str) -> PlatformError:
    """The resource types of the operator aren't there."""
    return PlatformError(
        f"There is no Dask operator in this Kubernetes: {words}",
        hint=f"Install it, or have it installed: {INSTALL}",
        reason=Reason.CONFIGURATION,
    )


def operator_silent(name: str, seconds: float) -> PlatformError:
    """The operator hasn't touched the DaskCluster."""
    return PlatformError(
        f"The Dask operator has not answered: {seconds:.0f} s after the DaskCluster {name} was "
        "made, it has not begun to make its scheduler.",
        hint=_OPERATOR_HINT,
        reason=Reason.DEADLINE,
    )


def operator_refuses(name: str) -> PlatformError:
    """The operator has marked the DaskCluster as wrong."""
    return PlatformError(
        f"The Dask operator refuses the DaskCluster {name}: its phase is Error.",
        hint="The operator's log says why.",
        reason=Reason.CONFIGURATION,
    )


def newest(pods: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The pod that counts: the newest that isn't being deleted."""
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return max(alive, key=lambda pod: pod["metadata"].get("creationTimestamp") or "", default=None)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """True if the pod runs and its readiness probe succeeds."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def standing(pod: Mapping[str, Any]) -> Status:
    """How a pod that its Deployment keeps alive stands.

    Returns:
        Running; Starting, with a reason where it may wait for ever; or Crashed where no
        waiting helps.
    """
    if why := disruption(pod):
        return Status(State.STARTING, why.reason, why.message, why.hint)
    status = container_status(pod, "")
    state, last = status.get("state") or {}, status.get("lastState") or {}
    restarts = int(status.get("restartCount") or 0)
    ended = state.get("terminated") or last.get("terminated")
    if ended and "running" not in state:
        final = restarts >= ENOUGH_RESTARTS
        return _ended(ended, restarts, State.CRASHED if final else State.STARTING)
    return living(pod, "")


def _ended(terminated: Mapping[str, Any], restarts: int, state: State) -> Status:
    word, words = terminated.get("reason") or "", terminated.get("message") or ""
    if terminated.get("exitCode") == OTHER_VERSIONS:
        message = (
            f"It left the cluster at once: {words or 'its versions are not those of the flow'}"
        )
        return Status(state, Reason.CONFIGURATION, message, _VERSIONS_HINT)
    how = f"{word}, exit code {terminated.get('exitCode')}"
    times = f", after {restarts} restarts" if restarts else ""
    message = f"The container ends{times}: {how}" + (f": {words}" if words else "")
    if word == "OOMKilled":
        return Status(state, Reason.OOM_KILLED, message, HINTS[Reason.OOM_KILLED])
    hint = "Can the image run `dask scheduler` and `dask worker`? It needs dask and distributed."
    if "dask-worker" in words or "dask-scheduler" in words:
        hint = "The dask-worker and dask-scheduler scripts are gone: write `dask worker`."
    return Status(state, Reason.START_ERROR, message, hint)


def worker_end(pod: Mapping[str, Any]) -> tuple[Status, bool]:
    """Why a worker's plain pod is over, and whether the worker itself is to blame.

    Args:
        pod: the pod, as it was last seen.
    """
    if why := disruption(pod):
        return why, False
    status = pod.get("status") or {}
    terminated = (container_status(pod, "").get("state") or {}).get("terminated")
    is_deleted = bool(pod["metadata"].get("deletionTimestamp"))
    if terminated and (terminated.get("reason") == "OOMKilled" or not is_deleted):
        code = int(terminated.get("exitCode") or 0)
        if terminated.get("reason") != "OOMKilled" and code in KILLED:
            words = f"its process was killed by signal {code - 128}."
            return Status(State.CRASHED, Reason.LOST, words, HINTS[Reason.LOST]), True
        return _ended(terminated, 0, State.CRASHED), True
    if status.get("phase") == "Failed" and not is_deleted:
        words = ": ".join(filter(None, (status.get("reason"), status.get("message"))))
        return Status(State.CRASHED, Reason.EXITED, words or "its pod failed."), True
    return Status(State.CRASHED, Reason.LOST, "its pod was deleted."), False


def is_alive(pod: Mapping[str, Any]) -> bool:
    """Whether a pod isn't over, and isn't about to be."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Failed", "Succeeded") and not pod["metadata"].get("deletionTimestamp")


def too_many_failed(count: int, name: str, status: Status) -> PlatformError:
    """Workers fail again and again, and aren't replaced any more.

    Args:
        count: how many have failed in an hour.
        name: the last one.
        status: how that one ended.
    """
    return PlatformError(
        f"{count} Dask workers have failed within an hour, and no more are made. The last one, "
        f"{name}: {status.message.rstrip('.')}.",
        hint=status.hint,
        reason=status.reason,
    )


def not_started(
    what: str,
    status: Status,
    *,
    seconds: float | None = None,
    told: tuple[Reason, str] | None = None,
    log: Sequence[str] = (),
) -> PlatformError:
    """A pod that doesn't run, as the error of the run.

    Args:
        what: which: `scheduler n1-scheduler-x`.
        status: how it stands.
        seconds: the deadline that has passed; None if waiting longer wouldn't help.
        told: what the events say.
        log: the last lines of its container's log.
    """
    reason, words = status.reason, status.message
    if told and (reason is None or told[1] not in words):
        words = f"{words} ({told[1]})" if words else told[1]
        reason = reason or told[0]
    if seconds is None:
        message = f"The Dask {what} can't run: {words}"
    else:
        message = f"The Dask {what} was not up after {seconds:g} s: "
        message += words or "Kubernetes gives no reason"
    if log:
        message += "\nThe end of its log:\n" + "\n".join(f"  {line}" for line in log)
    hint = status.hint or (hint_for(reason, words) if reason else "")
    return PlatformError(message, hint=hint, reason=reason or Reason.DEADLINE)


def why_lost(
    known: Mapping[str, Any],
    pods: Iterable[Mapping[str, Any]],
    cluster: Mapping[str, Any] | None,
) -> PlatformError | None:
    """What became of a scheduler, as far as Kubernetes tells; None if it tells nothing yet.

    Args:
        known: its pod, as it was when it was up.
        pods: the schedulers' pods now.
        cluster: the DaskCluster now; None if there is none.
    """
    name, uid = known["metadata"]["name"], known["metadata"]["uid"]
    pod = next((one for one in pods if one["metadata"]["uid"] == uid), None)
    if pod is not None:
        if why := disruption(pod):
            return lost(name, why.message, why.reason or Reason.LOST, why.hint)
        before, now = container_status(known, ""), container_status(pod, "")
        ended = (now.get("state") or {}).get("terminated")
        if int(now.get("restartCount") or 0) > int(before.get("restartCount") or 0):
            ended = ended or (now.get("lastState") or {}).get("terminated")
        is_deleted = bool(pod["metadata"].get("deletionTimestamp"))
        if ended and (ended.get("reason") == "OOMKilled" or not is_deleted):
            return _container_ended(name, ended)
        if not is_deleted:
            return None
    if cluster is None or cluster["metadata"].get("deletionTimestamp"):
        return lost(name, "its DaskCluster was deleted")
    return lost(name, "its pod was deleted")


def _container_ended(name: str, terminated: Mapping[str, Any]) -> PlatformError:
    how = (
        f"its container ended ({terminated.get('reason')}, exit code {terminated.get('exitCode')})"
    )
    if terminated.get("reason") == "OOMKilled":
        hint = "Raise its memory: scheduler_resources={'limits': {'memory': …}}."
        return lost(name, how, Reason.OOM_KILLED, hint)
    return lost(name, how)


def lost(
    name: str, words: str, reason: Reason = Reason.LOST, hint: str = HINTS[Reason.LOST]
) -> PlatformError:
    """The scheduler of the run is gone.

    Args:
        name: its pod's name.
        words: what became of it.
        reason: as what the run has crashed.
        hint: what to do.
    """
    message = f"The Dask scheduler {name} was lost while the flow ran: {words}"
    return PlatformError(message.rstrip(". ") + ".", hint=hint, reason=reason)


def silent_scheduler(name: str, seconds: float) -> PlatformError:
    """The scheduler's pod runs, but nobody answers there."""
    return PlatformError(
        f"The Dask scheduler {name} runs, but doesn't answer within {seconds:.0f} s.",
        hint="Does something keep ports from being forwarded? Try `kubectl port-forward`; and see "
        "its log: `kubectl logs`.",
        reason=Reason.NETWORK,
    )


def cut_off(name: str) -> PlatformError:
    """The scheduler is there, but the flow's connection to it has broken."""
    return PlatformError(
        f"The connection to the Dask scheduler {name} broke while the flow ran; its pod runs.",
        hint=HINTS[Reason.LOST],
        reason=Reason.NETWORK,
    )
