"""The states of a run, the reasons why a platform failed it, and the status that joins both."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """Where a run stands. A run's state never goes backwards.

    >>> State.RUNNING.is_final, State.FAILED.is_final
    (False, True)
    >>> State("Completed")
    <State.COMPLETED: 'Completed'>
    """

    PENDING = "Pending"
    """Made here; the platform doesn't know it yet."""
    SUBMITTED = "Submitted"
    """The platform has accepted it; nothing of it has started."""
    STARTING = "Starting"
    """The platform is preparing it: scheduling, pulling images, making a cluster."""
    RUNNING = "Running"
    """The flow's process is running."""
    COMPLETED = "Completed"
    """The flow returned."""
    FAILED = "Failed"
    """The flow raised an exception."""
    CRASHED = "Crashed"
    """The platform or the start failed; `Status.reason` says how."""
    CANCELLED = "Cancelled"
    """Somebody cancelled it: with flowenv, or with Ctrl-C."""

    @property
    def is_final(self) -> bool:
        """True if no other state can follow."""
        return self in _FINAL

    def may_become(self, other: State) -> bool:
        """True if `other` may follow this state: states go forwards only."""
        return not self.is_final and _RANK[other] > _RANK[self]


_FINAL = frozenset({State.COMPLETED, State.FAILED, State.CRASHED, State.CANCELLED})
_RANK = {
    State.PENDING: 0,
    State.SUBMITTED: 1,
    State.STARTING: 2,
    State.RUNNING: 3,
    State.COMPLETED: 4,
    State.FAILED: 4,
    State.CRASHED: 4,
    State.CANCELLED: 4,
}


class Reason(enum.Enum):
    """Why a run crashed (or waits): one list for all backends.

    >>> Reason.PREEMPTED.retryable
    True
    """

    IMAGE_PULL = "image_pull"
    """The container image can't be pulled."""
    UNSCHEDULABLE = "unschedulable"
    """No node or capacity fits what the run asks for."""
    QUOTA = "quota"
    """A quota of the platform refuses the run's containers."""
    OOM_KILLED = "oom_killed"
    """A container used more memory than it may."""
    EVICTED = "evicted"
    """The node needed the resources for itself."""
    PREEMPTED = "preempted"
    """A more important workload, or the end of spot capacity, took the place."""
    DEADLINE = "deadline"
    """A phase, or the whole run, took longer than its deadline."""
    START_ERROR = "start_error"
    """The container came up, but the flow could not be started in it."""
    CONFIGURATION = "configuration"
    """The platform refuses the container's configuration (a missing secret, say)."""
    ACCESS_DENIED = "access_denied"
    """The platform's access control refuses something the run needs."""
    NETWORK = "network"
    """The network of the container could not be set up."""
    EXITED = "exited"
    """The flow's process ended without saying how the flow ended."""
    STOPPED = "stopped"
    """Something on the platform asked the flow's process to stop; nobody cancelled the run."""
    LOST = "lost"
    """What the run consists of was deleted, or the platform no longer knows how it ended."""

    @property
    def retryable(self) -> bool:
        """True if the same run may well succeed when it is tried again."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        *(Reason.EVICTED, Reason.PREEMPTED, Reason.STOPPED, Reason.LOST),
        *(Reason.UNSCHEDULABLE, Reason.NETWORK),
    }
)


@dataclass(frozen=True)
class Status:
    """What is known of a run at one moment.

    Args:
        state: where the run stands.
        reason: for a crash, and for a run that waits, why; otherwise None.
        message: one sentence, in the platform's own words where it has some.
        hint: what to do about it; empty when there is nothing to do.
        retryable: whether trying again can help; by default what the reason says.

    >>> print(Status(State.CRASHED, Reason.OOM_KILLED, "The container was killed."))
    Crashed (oom_killed): The container was killed.
    """

    state: State
    reason: Reason | None = None
    message: str = ""
    hint: str = ""
    retryable: bool | None = None

    @property
    def can_retry(self) -> bool:
        """Whether trying the same run again can help."""
        if self.retryable is not None:
            return self.retryable
        return self.reason.retryable if self.reason else False

    def __str__(self) -> str:
        from flowenv.wording import sentences

        text = self.state.value
        if self.reason:
            text += f" ({self.reason.value})"
        if self.message:
            text += f": {self.message}"
        return sentences(text, self.hint)

    def to_json(self) -> dict[str, object]:
        """The status as plain data, as `flowenv status -o json` prints it."""
        return {
            "state": self.state.value,
            "reason": self.reason.value if self.reason else None,
            "message": self.message,
            "hint": self.hint,
            "can_retry": self.can_retry,
        }
