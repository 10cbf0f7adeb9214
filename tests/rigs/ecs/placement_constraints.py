"""Which placement constraints RegisterTaskDefinition and RunTask take.

`TaskDefinitionPlacementConstraint` in botocore knows `memberOf` only, `PlacementConstraint` of
RunTask also `distinctInstance`; both operations together take ten.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import AwsError

LIMIT = 10


def check_registered_constraints(parameters: Mapping[str, Any]) -> None:
    """Raise AwsError for constraints that a task definition can't have."""
    constraints = parameters.get("placementConstraints") or []
    for constraint in constraints:
        if constraint.get("type") != "memberOf":
            # github.com/aws-samples/aws-cdk-examples/issues/628
            raise AwsError(
                "ClientException", f"constraint.type '{constraint.get('type')}' is not supported."
            )
    _check_each(constraints, "ClientException")
    if constraints and "FARGATE" in (parameters.get("requiresCompatibilities") or []):
        # That there is an error: github.com/hashicorp/terraform-provider-aws/issues/26337; no
        # public source for its words was found.
        raise AwsError(
            "ClientException", "(rig) Placement constraints are not supported with FARGATE."
        )


def check_requested_constraints(
    constraints: Sequence[Mapping[str, Any]], of_definition: Sequence[Mapping[str, Any]]
) -> None:
    """Raise AwsError for constraints that RunTask doesn't take, wherever the task runs."""
    for constraint in constraints:
        if constraint.get("type") not in ("memberOf", "distinctInstance"):
            # The types are botocore's; no public source for the words was found.
            raise AwsError(
                "InvalidParameterException",
                f"(rig) {constraint.get('type')} is not a type of placement constraints.",
            )
    _check_each([*of_definition, *constraints], "InvalidParameterException")


def check_fargate_constraints(constraints: Sequence[Mapping[str, Any]]) -> None:
    """Raise AwsError for any constraint of a task on Fargate."""
    if constraints:
        # github.com/GetSimpl/cloudlift/pull/138 (CreateService)
        raise AwsError(
            "InvalidParameterException",
            "Placement constraints are not supported with FARGATE launch type.",
        )


def _check_each(constraints: Sequence[Mapping[str, Any]], code: str) -> None:
    # The rules: `placementConstraints` and `expression` in botocore; the words are ours.
    if len(constraints) > LIMIT:
        raise AwsError(code, f"(rig) A task has at most {LIMIT} placement constraints.")
    for constraint in constraints:
        if (constraint["type"] == "memberOf") != bool(constraint.get("expression")):
            raise AwsError(
                code, "(rig) memberOf needs an expression, and distinctInstance has none."
            )
