"""From what ECS says of a task to a run's status. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowenv.plugin import (
    EXIT_CANCELLED,
    EXIT_COMPLETED,
    EXIT_CRASHED,
    EXIT_FAILED,
    Outcome,
    Reason,
    State,
    Status,
    without_record,
)

Task = Mapping[str, Any]

DEADLINE_MARK = "flowenv: not running after"
"""What the reason of a stop begins with when flowenv stopped a task that never ran."""
CANCEL_REASON = "flowenv: cancelled"
"""The reason of a stop that somebody asked flowenv for; only that is a cancelled run."""
ENDED_REASON = "flowenv: the flow has ended"
"""The reason of a stop of what else is in a task whose flow is over."""
_OWN_EXIT_CODES = frozenset({EXIT_COMPLETED, EXIT_FAILED, EXIT_CRASHED})
_BY_SIGNAL = frozenset({137, 143})
_TOLD_TO_STOP = frozenset({EXIT_CANCELLED, 143})
_STARTING = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})

_NETWORK_HINT = (
    "Does the subnet have a way out (a NAT gateway, a VPC endpoint, or assignPublicIp='ENABLED')?"
)
_START_FAILURES: tuple[tuple[str, Reason, str], ...] = (
    (
        r"unable to (pull secrets|retrieve secret)|secrets? from (ssm|asm)",
        Reason.CONFIGURATION,
        "Check the secret's ARN, that the execution role may read it, and that the subnet "
        "reaches Secrets Manager.",
    ),
    (
        r"CannotPull|ImagePull|pull image|manifest unknown|pull access denied",
        Reason.IMAGE_PULL,
        "Check the image's name and tag, the execution role's access to the registry, and "
        "the subnet's way to it.",
    ),
    (
        r"logging driver|logger args|log group|log stream",
        Reason.CONFIGURATION,
        "Make the log group, or check awslogs-group and awslogs-region.",
    ),
    (r"capacity|RESOURCE:", Reason.UNSCHEDULABLE, "Try again later, or in other zones."),
    (
        r"network interface|\bENI\b|i/o timeout|dial tcp|deadline exceeded",
        Reason.NETWORK,
        _NETWORK_HINT,
    ),
    (
        r"not authorized|AccessDenied|assume.*role",
        Reason.ACCESS_DENIED,
        "Check the execution role and its trust policy.",
    ),
    (
        r"CannotStartContainer|CannotCreateContainer|executable file not found|exec format",
        Reason.START_ERROR,
        "The image needs /bin/sh and python, for the task's CPU architecture.",
    ),
    (r"CannotCreateVolume|ResourceInitialization|EFS|mount", Reason.CONFIGURATION, ""),
)


def container_of(task: Task, name: str) -> Mapping[str, Any]:
    """The flow's container; empty while ECS shows none."""
    containers = task.get("containers") or []
    return next((one for one in containers if one.get("name") == name), {})


def is_over(task: Task, container: str) -> bool:
    """True once the flow's process has ended, or the task has stopped without it."""
    if task.get("lastStatus") == "STOPPED":
        return True
    flow = container_of(task, container)
    if flow.get("lastStatus") != "STOPPED" or flow.get("exitCode") is None:
        return False
    # a process that was told to stop: ECS may say a little later who told it
    return flow["exitCode"] in _OWN_EXIT_CODES or bool(task.get("stopCode"))


def left_a_record(task: Task, container: str) -> bool | None:
    """Whether the flow's process has left a record of its outcome; None if nobody can tell.

    One that ended as only flowenv's own do has. One that was killed has not, and what one that
    was told to stop has left says no more than ECS does.
    """
    flow = container_of(task, container)
    if flow.get("exitCode") in _OWN_EXIT_CODES:
        return True
    stopped = flow.get("exitCode") in (None, *_BY_SIGNAL)
    return False if stopped or "OutOfMemory" in (flow.get("reason") or "") else None


def diagnose(
    task: Task,
    container: str,
    outcome: Outcome | None = None,
    last_lines: str | None = None,
) -> Status:
    """The status of a run.

    Args:
        task: as DescribeTasks shows it.
        container: the name of the flow's container.
        outcome: the run's own record, if there is one.
        last_lines: the end of the flow's log; None if it isn't known.
    """
    if not is_over(task, container):
        return _living(task)
    flow = container_of(task, container)
    if outcome is not None and not outcome.was_stopped:
        return outcome.status()
    if flow.get("exitCode") == EXIT_COMPLETED:
        return without_record(EXIT_COMPLETED, last_lines or "", may_be_late=last_lines is None)
    if stopped := _stopped_from_outside(task):
        return stopped
    if stopped := _stopped_with_another(task, container, outcome):
        return stopped
    if outcome is not None or flow.get("exitCode") == EXIT_CANCELLED:
        return _stopped_from_inside()
    if "OutOfMemory" in (flow.get("reason") or ""):
        memory = task.get("memory")
        return Status(
            State.CRASHED,
            Reason.OOM_KILLED,
            f"{flow['reason']} (the task has {memory} MiB)" if memory else str(flow["reason"]),
            "Give the task more memory.",
        )
    if flow.get("exitCode") is None:
        return _never_started(task, flow)
    return without_record(int(flow["exitCode"]), last_lines or "")


def has_provider_of_instances(task: Task) -> bool:
    """True if a capacity provider brings instances for the task; Fargate's bring none."""
    return str(task.get("capacityProviderName") or "FARGATE") not in ("FARGATE", "FARGATE_SPOT")


def waits_for_capacity(task: Task) -> bool:
    """True while a task's capacity provider has no instance for it."""
    is_placed = task.get("containerInstanceArn") or task.get("lastStatus") != "PROVISIONING"
    return has_provider_of_instances(task) and not is_placed


def _living(task: Task) -> Status:
    status = str(task.get("lastStatus") or "PROVISIONING")
    state = State.RUNNING
    message = ""
    if waits_for_capacity(task):
        state = State.SUBMITTED
        message = f"The task waits for an instance of {task['capacityProviderName']}."
    elif status in _STARTING or ("startedAt" not in task and status != "RUNNING"):
        state, message = State.STARTING, f"The task is {status}."
    if task.get("desiredStatus") == "STOPPED":
        is_cancelled = task.get("stoppedReason") == CANCEL_REASON
        message = f"The {'run is being cancelled' if is_cancelled else 'task is being stopped'}."
    return Status(state, message=message)


def _stopped_from_outside(task: Task) -> Status | None:
    """The status of a task that somebody or AWS stopped; None if it ended by itself."""
    code, said = task.get("stopCode"), str(task.get("stoppedReason") or "")
    if code == "UserInitiated":
        if said.startswith(DEADLINE_MARK):
            hint = "Raise start_timeout, or see why the task waits: image, capacity, network."
            return Status(State.CRASHED, Reason.DEADLINE, said.removeprefix("flowenv: "), hint)
        if said == CANCEL_REASON:
            return Status(State.CANCELLED, message="The run was cancelled.")
        if said != ENDED_REASON:
            message = "The task was stopped, and not by flowenv" + (f": {said}" if said else ".")
            return Status(State.CRASHED, Reason.STOPPED, message, "Try again.")
    if code == "SpotInterruption":
        return Status(State.CRASHED, Reason.PREEMPTED, said, "Try again, or use FARGATE.")
    if code in ("TerminationNotice", "InfrastructureHealth", "ServiceSchedulerInitiated"):
        return Status(State.CRASHED, Reason.EVICTED, said, "Try again.")
    return None


def _stopped_from_inside() -> Status:
    """The status of a flow whose process got SIGTERM or Ctrl-C, and not from ECS."""
    return Status(
        State.CRASHED,
        Reason.STOPPED,
        "The flow's process was asked to stop by something in its own container.",
        "See its log.",
    )


def _stopped_with_another(task: Task, name: str, outcome: Outcome | None) -> Status | None:
    """The status of a flow that was told to stop since another essential container had ended.

    None if that isn't what happened. ECS doesn't say which one it was, but those that were
    stopped with the flow have the exit codes of signals.
    """
    told = outcome is not None or container_of(task, name).get("exitCode") in _TOLD_TO_STOP
    if task.get("stopCode") != "EssentialContainerExited" or not told:
        return None
    others = [
        one
        for one in task.get("containers") or []
        if one.get("name") != name and one.get("exitCode") is not None
    ]
    by_themselves = [one for one in others if one["exitCode"] not in _BY_SIGNAL]
    failed = [one for one in by_themselves if one["exitCode"] != 0]
    for ended in (failed or by_themselves or others)[:1]:
        message = f"The essential container {ended['name']} ended with {ended['exitCode']}."
        hint = f"See the log of {ended['name']}; with essential=False the flow goes on without it."
        return Status(State.CRASHED, Reason.EXITED, message, hint)
    return None


def _never_started(task: Task, flow: Mapping[str, Any]) -> Status:
    said = str(flow.get("reason") or "")
    general = str(task.get("stoppedReason") or "")
    if general and general not in said and said not in general:
        said = f"{general}: {said}" if said else general
    said = said or general or "The task stopped before the flow's container ran."
    for pattern, reason, hint in _START_FAILURES:
        if re.search(pattern, said, re.I):
            return Status(State.CRASHED, reason, said, hint)
    return Status(State.CRASHED, Reason.START_ERROR, said, "See the stopped task in the console.")


def lost(seen: bool) -> Status:
    """The status of a run that ECS no longer shows and whose log has no record."""
    message = (
        "ECS no longer shows the task: stopped tasks are shown for an hour."
        if seen
        else "ECS has accepted the task and never shown it."
    )
    return Status(State.CRASHED, Reason.LOST, message, "See its log in CloudWatch.")
