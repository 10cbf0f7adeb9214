"""Secrets of a definition: ECS resolves them, and a run can neither add nor change one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import Secret, contract
from flowenv_fargate.spec.definition.container_variables import secret_reference
from flowenv_fargate.spec.tags import MARKS

_OF_THE_RUN = frozenset(
    {
        *(contract.FLOW_RUN_ID, contract.PAYLOAD, contract.PAYLOAD_COMMON, contract.PAYLOAD_SEAL),
        MARKS,
    }
)


def check_secrets(wanted: Mapping[str, Any], there: Mapping[str, Any], arn: str) -> None:
    """Check that a definition's container has the secrets that a run's would have.

    Args:
        wanted: the container as flowenv would define it.
        there: as it is defined.
        arn: of the definition.

    Raises:
        SpecError: naming the one that it lacks.
    """
    for one in wanted.get("secrets") or []:
        _check_there(one["name"], one["valueFrom"], there, arn)


def check_own_values(there: Mapping[str, Any], arn: str) -> None:
    """Check that no secret of the flow's container takes the place of a run's own values.

    Args:
        there: the container as it is defined.
        arn: of the definition.

    Raises:
        SpecError: naming those that do.
    """
    if names := {one["name"] for one in there.get("secrets") or []} & _OF_THE_RUN:
        raise SpecError(
            f"{arn.rpartition('/')[2]} has {', '.join(sorted(names))} among its secrets, and every "
            "run has its own.",
            hint="Take it out of the definition's secrets.",
        )


def leave_secrets(override: dict[str, Any], there: Mapping[str, Any], arn: str) -> None:
    """Take out of a run's override what is among the secrets of its container's definition.

    Args:
        override: of one container; changed.
        there: the container as it is defined.
        arn: of the definition.

    Raises:
        SpecError: if a secret is wanted that the definition lacks.
    """
    names = {one["name"] for one in there.get("secrets") or []}
    kept = []
    for entry in override.get("environment") or []:
        value = entry.get("value")
        reference = secret_reference(value) if isinstance(value, Secret) else None
        if reference is not None:
            _check_there(entry["name"], reference, there, arn)
        elif entry["name"] not in names:
            kept.append(entry)
    if "environment" in override:
        override["environment"] = kept


def _check_there(name: str, reference: object, there: Mapping[str, Any], arn: str) -> None:
    known = {one["name"]: one["valueFrom"] for one in there.get("secrets") or []}
    if known.get(name) != reference:
        raise SpecError(
            f"The secret {name} can't be given to a run of {arn}: ECS takes secrets only in the "
            "definition.",
            hint="Add it to that definition's secrets, or use a family of flowenv's own.",
        )
