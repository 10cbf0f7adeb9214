"""What AWS's answers mean."""

import pytest

from flowenv.errors import PlatformError, TransientPlatformError
from flowenv.plugin import Reason
from flowenv_fargate.api.refusals import Kind, Refusal, failures_error, kind_of


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("ThrottlingException", "Rate exceeded", Kind.THROTTLED),
        (
            "InvalidParameterException",
            "Error retrieving subnet information for [subnet-0]: Rate exceeded "
            "(ErrorCode: Throttling)",
            Kind.THROTTLED,
        ),
        (
            "ClientException",
            "Too many concurrent attempts to create a new revision of the specified family.",
            Kind.THROTTLED,
        ),
        ("ServerException", "", Kind.FAILED),
        ("ExpiredTokenException", "The security token included is expired", Kind.EXPIRED),
        ("AccessDeniedException", "User: … is not authorized to perform: x", Kind.DENIED),
        ("UnrecognizedClientException", "The security token is invalid.", Kind.DENIED),
        ("ClientException", "Unable to describe task definition.", Kind.ABSENT),
        ("InvalidParameterException", "TaskDefinition is inactive", Kind.ABSENT),
        ("InvalidSubnetID.NotFound", "", Kind.ABSENT),
        ("ClientException", "Some other thing.", Kind.REFUSED),
        ("InvalidParameterException", "No Container Instances were found", Kind.REFUSED),
    ],
)
def test_a_refusal_is_of_the_kind_that_its_code_and_words_say(
    code: str, message: str, kind: Kind
) -> None:
    assert kind_of(code, message) is kind


def test_a_server_error_without_a_known_code_may_pass() -> None:
    assert kind_of("Oops", "", 503) is Kind.FAILED


def test_a_denied_call_says_what_to_allow() -> None:
    error = Refusal("RunTask", "AccessDeniedException", "… is not authorized …").error()

    assert isinstance(error, PlatformError)
    assert error.reason is Reason.ACCESS_DENIED
    assert "iam:PassRole" in error.hint


def test_an_unknown_cluster_says_which_argument_names_it() -> None:
    error = Refusal("RunTask", "ClusterNotFoundException", "Cluster not found.").error()

    assert "cluster=" in error.hint


def test_what_passes_is_another_class_of_error() -> None:
    error = Refusal("RunTask", "ThrottlingException", "Rate exceeded").error()

    assert isinstance(error, TransientPlatformError)


@pytest.mark.parametrize(
    ("said", "reason", "transient"),
    [
        ("Capacity is unavailable at this time. Please try again later", "unschedulable", True),
        ("RESOURCE:MEMORY", "unschedulable", True),
        ("RESOURCE:ENI", "network", True),
        ("AGENT", "unschedulable", True),
        ("ATTRIBUTE", "configuration", False),
    ],
)
def test_failures_are_raised_with_reason_and_hint(said: str, reason: str, transient: bool) -> None:
    error = failures_error([{"reason": said}], "a task")

    assert said in str(error)
    assert error.reason is Reason(reason)
    assert error.hint
    assert isinstance(error, TransientPlatformError) is transient
