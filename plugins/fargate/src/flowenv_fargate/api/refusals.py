"""What AWS's error codes and messages mean: what to raise, and whether to try again. Pure."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from flowenv.errors import PlatformError, TransientPlatformError
from flowenv.plugin import Reason


class Kind(enum.Enum):
    """What a refusal calls for."""

    THROTTLED = "throttled"
    """Too many calls: the same one succeeds a little later."""
    FAILED = "failed"
    """AWS itself failed: the same call may succeed later."""
    EXPIRED = "expired"
    """The credentials are over: fresh ones are needed."""
    DENIED = "denied"
    """The credentials are wrong, or may not do this."""
    ABSENT = "absent"
    """What the call is about isn't there."""
    REFUSED = "refused"
    """The request itself is refused."""


_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "PriorRequestNotComplete",
        "SlowDown",
    }
)
# throttling can come with the code of a wrong request
_THROTTLED_WORDS = re.compile(r"rate exceeded|too many concurrent attempts|\bthrottl", re.I)
_FAILED = frozenset(
    {
        "ServerException",
        "InternalError",
        "InternalFailure",
        "ServiceUnavailable",
        "InternalServerError",
    }
)
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnauthorizedException",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "IncompleteSignature",
        "AuthFailure",
        "OptInRequired",
        "BlockedException",
        "403",
        "Forbidden",
    }
)
_ABSENT = frozenset(
    {
        "ClusterNotFoundException",
        "ResourceNotFoundException",
        "NoSuchEntity",
        "NoSuchBucket",
        "NoSuchKey",
        "NotFound",
        "404",
    }
)
_ABSENT_WORDS = re.compile(
    r"unable to describe task definition|task ?definition not found|referenced task was not found"
    r"|taskdefinition is inactive",
    re.I,
)


def kind_of(code: str, message: str, http_status: int = 400) -> Kind:
    """What an error of AWS's calls for.

    >>> kind_of("InvalidParameterException", "Error retrieving subnet information: Rate exceeded")
    <Kind.THROTTLED: 'throttled'>
    >>> kind_of("ClientException", "Unable to describe task definition.")
    <Kind.ABSENT: 'absent'>
    """
    if code in _THROTTLED or _THROTTLED_WORDS.search(message):
        return Kind.THROTTLED
    if code in _EXPIRED:
        return Kind.EXPIRED
    if code in _DENIED:
        return Kind.DENIED
    if code in _ABSENT or (code.startswith("Invalid") and code.endswith(".NotFound")):
        return Kind.ABSENT
    if _ABSENT_WORDS.search(message):
        return Kind.ABSENT
    if code in _FAILED or http_status >= 500:
        return Kind.FAILED
    return Kind.REFUSED


@dataclass(frozen=True)
class Refusal:
    """An error that AWS answered with.

    Args:
        operation: what was asked for, such as `RunTask`.
        code: AWS's error code.
        message: AWS's own words.
        http_status: of the answer.
        resources: the ARNs that a ConflictException names.
    """

    operation: str
    code: str
    message: str
    http_status: int = 400
    resources: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """What it calls for."""
        return kind_of(self.code, self.message, self.http_status)

    def error(self) -> AwsRefused | AwsBusy:
        """The error to raise for it."""
        said = f"{self.code}: {self.message}" if self.message else self.code
        text = f"AWS refused {self.operation}: {said}"
        kind = self.kind
        if kind in (Kind.THROTTLED, Kind.FAILED):
            hint = "Too many calls at once; try again later." if kind is Kind.THROTTLED else ""
            return AwsBusy(text, hint=hint or "Try again later.", refusal=self)
        reason, hint = _explained(self)
        return AwsRefused(text, hint=hint, reason=reason, refusal=self)


class AwsRefused(PlatformError):
    """AWS refused a call; `refusal` says which and why."""

    def __init__(
        self, message: str, *, refusal: Refusal, hint: str = "", reason: Reason | None = None
    ) -> None:
        super().__init__(message, hint=hint, reason=reason)
        self.refusal = refusal


class AwsBusy(TransientPlatformError):
    """AWS throttled a call or failed itself, again and again."""

    def __init__(self, message: str, *, refusal: Refusal, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.refusal = refusal


def _explained(refusal: Refusal) -> tuple[Reason, str]:
    kind, words = refusal.kind, refusal.message
    if kind is Kind.DENIED and refusal.operation.startswith("AssumeRole"):
        return Reason.ACCESS_DENIED, _ROLE_HINT
    if kind is Kind.EXPIRED:
        return Reason.ACCESS_DENIED, "Get fresh credentials; the task itself goes on."
    if kind is Kind.DENIED:
        if "not authorized" in words or "AccessDenied" in refusal.code:
            return Reason.ACCESS_DENIED, _policy_hint(refusal.operation)
        return Reason.ACCESS_DENIED, "Check the access key, its secret and the session token."
    if refusal.code == "ClusterNotFoundException":
        return Reason.CONFIGURATION, "Pass cluster=…, the name of a cluster in this region."
    if refusal.code == "NoSuchBucket":
        return Reason.CONFIGURATION, "Make it (aws s3 mb s3://…), or check payload_url."
    if "limit" in refusal.code.lower() or "reached the limit" in words:
        return Reason.QUOTA, "Wait for other tasks to end, or have the account's quota raised."
    if "assume the role" in words or "role is invalid" in words.lower():
        return Reason.ACCESS_DENIED, "Its trust policy must name ecs-tasks.amazonaws.com."
    return Reason.CONFIGURATION, ""


def _policy_hint(operation: str) -> str:
    passes = " (and iam:PassRole for the roles)" if operation in _PASSING_ROLES else ""
    return f"Allow {operation}{passes}; the backend's documentation has the whole policy."


_ROLE_HINT = (
    "Its trust policy must name who asks, and they must be allowed to assume it: see role_arn, "
    "the profile, or AWS_ROLE_ARN."
)
_PASSING_ROLES = frozenset({"RunTask", "RegisterTaskDefinition"})


def failures_error(failures: list[dict[str, str]], what: str) -> PlatformError:
    """The error for `failures` in RunTask's answer, when nothing has started.

    Args:
        failures: as ECS gave them: `reason`, and `arn` or `detail`.
        what: what was to be started.
    """
    said = "; ".join(" ".join(filter(None, (f.get("reason"), f.get("detail")))) for f in failures)
    reason, hint, transient = _failure(said)
    text = f"ECS did not start {what}: {said or 'it gave neither a task nor a reason'}"
    if transient:
        return TransientPlatformError(text, hint=hint, reason=reason)
    return PlatformError(text, hint=hint, reason=reason)


def _failure(said: str) -> tuple[Reason, str, bool]:
    """Reasons: docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html."""
    upper = said.upper()
    if "CAPACITY" in upper or "RESOURCE:FARGATE" in upper:
        hint = "Try again later, give subnets in more zones, or a capacity provider besides Spot."
        return Reason.UNSCHEDULABLE, hint, True
    if "RESOURCE:ENI" in upper:
        return Reason.NETWORK, "The instances have no network interface left.", True
    if "RESOURCE:" in upper:
        hint = "No instance of the cluster has room; add instances or ask for less."
        return Reason.UNSCHEDULABLE, hint, True
    if "AGENT" in upper:
        hint = "The ECS agents of the cluster's instances are not connected."
        return Reason.UNSCHEDULABLE, hint, True
    if "ATTRIBUTE" in upper or "LOCATION" in upper:
        hint = "No instance has what the task definition requires."
        return Reason.CONFIGURATION, hint, False
    return Reason.UNSCHEDULABLE, "Try again.", True
