"""Faults by name: what goes wrong at AWS, made to happen on demand.

Example: `with rig.faults.inject("throttling", operation="RunTask", times=2): …`
"""

import difflib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from .errors import Answer, AwsError
from .requests import ApiCall

# https://repost.aws/knowledge-center/ecs-fargate-runtask-capacity
CAPACITY_UNAVAILABLE = (
    "Capacity is unavailable at this time. "
    "Please try again later or in a different availability zone"
)

When = Literal["call", "answer", "task"]


@dataclass(frozen=True)
class FaultKind:
    """What a fault of a name does.

    `when` says where it strikes: instead of the call, after the call, or on a task. A kind with
    `operations` strikes only those, and the first of them unless told otherwise; of their calls
    those that `matches` takes.
    """

    name: str
    when: When
    summary: str
    operations: tuple[str, ...] = ()
    error: Callable[[ApiCall], AwsError] | None = None
    answer: Callable[["Fault"], Answer] | None = None
    matches: Callable[[ApiCall], bool] = lambda _call: True


def _throttled(_call: ApiCall) -> AwsError:
    # github.com/dask/dask-cloudprovider/issues/309
    return AwsError("ThrottlingException", "Rate exceeded")


def _throttled_in_disguise(call: ApiCall) -> AwsError:
    if call.operation == "RegisterTaskDefinition":
        # github.com/dask/dask-cloudprovider/issues/290
        return AwsError(
            "ClientException",
            "Too many concurrent attempts to create a new revision of the specified family.",
        )
    network = call.parameters.get("networkConfiguration") or {}
    subnets = (network.get("awsvpcConfiguration") or {}).get("subnets") or ["subnet-0"]
    # github.com/dagster-io/dagster/issues/33439
    return AwsError(
        "InvalidParameterException",
        f"Error retrieving subnet information for [{subnets[0]}]: Rate exceeded "
        "(ErrorCode: Throttling)",
    )


def _expired(call: ApiCall) -> AwsError:
    message = "The security token included in the request is expired"
    if call.service in ("sts", "iam", "s3"):
        # github.com/jenkinsci/ec2-plugin/pull/1008 (STS)
        return AwsError("ExpiredToken", message, 403)
    if call.service == "ec2":
        # github.com/hellofresh/eks-rolling-update/issues/103
        return AwsError("RequestExpired", "Request has expired.", 400)
    # github.com/aws-samples/cdk-fargate-gitlab-runner/issues/15 (RunTask)
    return AwsError("ExpiredTokenException", message, 400)


def _denied(call: ApiCall) -> AwsError:
    action = f"{call.service}:{call.operation}"
    # github.com/LBHackney-IT/Data-Platform/pull/1818 and, for `*`, cdklabs/construct-hub/pull/1207
    user = f"User: arn:aws:iam::123456789012:user/rig is not authorized to perform: {action}"
    message = f"{user} on resource: * because no identity-based policy allows the {action} action"
    if call.operation.startswith("AssumeRole"):
        # github.com/nccgroup/aws-inventory/issues/34
        message = f"{user} on resource: {call.parameters.get('RoleArn')}"
    if call.service == "ec2":
        # EC2's own code for this, from its API reference on client errors; the message is the
        # one above, as no source for EC2's was looked for.
        return AwsError("UnauthorizedOperation", message, 403)
    code = "AccessDenied" if call.service in ("sts", "iam", "s3") else "AccessDeniedException"
    return AwsError(code, message, 403 if code == "AccessDenied" else 400)


def started_by_alone(_call: ApiCall) -> AwsError:
    """ListTasks' refusal of `startedBy` together with something else."""
    # github.com/aws/aws-sdk-go-v2/issues/1893
    return AwsError("InvalidParameterException", "cannot specify startedBy with other arguments")


def _proxys_page(fault: "Fault") -> Answer:
    """A page for people, such as a proxy's, in place of AWS's answer."""
    page = (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>Proxy</title></head>'
        "<body><h1>Please log in to use the network</h1></body></html>\n"
    )
    headers = [("Content-Type", "text/html")]
    return Answer(fault.status or 502, page.encode(), headers, "(html)")


def _stream_missing(_call: ApiCall) -> AwsError:
    # CloudWatch's words as moto has them
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


_LOSABLE = ("RunTask", "RegisterTaskDefinition", "StopTask", "DeregisterTaskDefinition")

KINDS = {
    kind.name: kind
    for kind in (
        FaultKind("answer_lost", "answer", "done, but the connection drops", _LOSABLE),
        FaultKind("throttling", "call", "ThrottlingException", error=_throttled),
        FaultKind(
            "throttling_disguised",
            "call",
            "throttling as InvalidParameterException or ClientException",
            ("RunTask", "RegisterTaskDefinition"),
            _throttled_in_disguise,
        ),
        FaultKind("capacity", "call", "`failures` in RunTask's answer", ("RunTask",)),
        FaultKind("missing", "call", "DescribeTasks says MISSING", ("DescribeTasks",)),
        FaultKind("credentials_expired", "call", "ExpiredTokenException", error=_expired),
        FaultKind("access_denied", "call", "AccessDeniedException", error=_denied),
        FaultKind(
            "started_by_alone",
            "call",
            "ListTasks takes no desiredStatus with startedBy",
            ("ListTasks",),
            started_by_alone,
            matches=lambda call: {"startedBy", "desiredStatus"} <= call.parameters.keys(),
        ),
        FaultKind(
            "log_stream_missing",
            "call",
            "GetLogEvents says that there is no such stream",
            ("GetLogEvents",),
            _stream_missing,
        ),
        FaultKind(
            "html",
            "call",
            "a page of a proxy, with `status` (502 unless told otherwise)",
            answer=_proxys_page,
        ),
        FaultKind("image_pull", "task", "no registry has the image"),
        FaultKind("eni_failure", "task", "the network interface doesn't come"),
        FaultKind("oom_kill", "task", "the first container is killed once it runs"),
        FaultKind("spot_interruption", "task", "the task is interrupted once it runs"),
    )
}


class Fault:
    """An injected fault. As a context manager it is removed at the end of the block."""

    def __init__(
        self,
        faults: "Faults",
        kind: FaultKind,
        operation: str | None,
        times: int | None,
        access_key_id: str | None,
        reason: str | None,
        status: int | None,
    ) -> None:
        self.kind = kind
        self.operation = operation
        self.remaining = times
        self.access_key_id = access_key_id
        self.reason = reason
        self.status = status
        self.struck = 0
        self._faults = faults

    def remove(self) -> None:
        """Let it strike no more."""
        self._faults.remove(self)

    def __enter__(self) -> "Fault":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


class Faults:
    """The faults of a rig. The one injected first strikes first."""

    def __init__(self) -> None:
        self._active: list[Fault] = []
        self._lock = threading.Lock()

    def inject(
        self,
        name: str,
        *,
        operation: str | None = None,
        times: int | None = 1,
        access_key_id: str | None = None,
        reason: str | None = None,
        status: int | None = None,
    ) -> Fault:
        """Let the next `times` matching calls (or new tasks) go wrong; None: until removed.

        `operation` narrows it to one operation of any service, `access_key_id` to the calls of one
        key. `reason` replaces the reason in the `failures` of `capacity`, for example
        `RESOURCE:MEMORY`; `status` is the HTTP status of `html`. Raises ValueError for a name or an
        operation that makes no sense.
        """
        kind = _kind(name)
        if times is not None and times < 1:
            raise ValueError(f"times has to be 1 or more, or None, not {times}")
        if kind.when == "task" and operation is not None:
            raise ValueError(f"fault {name} strikes tasks, not calls: leave out operation")
        if kind.operations and operation not in (None, *kind.operations):
            raise ValueError(
                f"fault {name} strikes {' or '.join(kind.operations)}, not {operation}"
            )
        if kind.operations and operation is None:
            operation = kind.operations[0]
        fault = Fault(self, kind, operation, times, access_key_id, reason, status)
        with self._lock:
            self._active.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove one fault; one that is used up already is no error."""
        with self._lock:
            if fault in self._active:
                self._active.remove(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._active.clear()

    @property
    def active(self) -> list[Fault]:
        """The faults that can still strike."""
        with self._lock:
            return list(self._active)

    def strike_call(self, call: ApiCall) -> Fault | None:
        """The fault that this call meets, before or after it is carried out."""
        return self._strike(
            lambda fault: (
                fault.kind.when != "task"
                and fault.operation in (None, call.operation)
                and fault.access_key_id in (None, call.access_key_id)
                and fault.kind.matches(call)
            )
        )

    def strike_task(self) -> str | None:
        """The name of the fault that a new task meets."""
        fault = self._strike(lambda fault: fault.kind.when == "task")
        return fault.kind.name if fault else None

    def _strike(self, matches: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self._active if matches(fault)), None)
            if fault is None:
                return None
            fault.struck += 1
            if fault.remaining is not None:
                fault.remaining -= 1
                if fault.remaining == 0:
                    self._active.remove(fault)
            return fault


def _kind(name: str) -> FaultKind:
    if name in KINDS:
        return KINDS[name]
    close = difflib.get_close_matches(name, KINDS, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise ValueError(f"there is no fault {name!r}.{hint} There are: {', '.join(KINDS)}")
