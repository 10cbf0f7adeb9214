"""A container's variables, divided: what the definition holds, and what each run adds.

Nothing of a run's identity and no secret text may enter a registered definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.plugin import (
    SPEC_FILE,
    THIS_PROCESS,
    Entry,
    Merged,
    Secret,
    Target,
    Variables,
    contract,
)

_DEFINED_BY = frozenset(
    {SPEC_FILE, THIS_PROCESS, "contract", "contract logging", "configuration", "environment"}
)
_AT_RUN_TIME = frozenset({contract.AUTH_TOKEN, contract.FLOW_RUN_ID})
_REFERENCE = re.compile(r"arn:[\w-]+:(secretsmanager|ssm):")


@dataclass(frozen=True)
class Divided:
    """One container's variables.

    Args:
        environment: the definition's `environment`.
        secrets: the definition's `secrets`: ARNs that ECS resolves.
        run: the override's `environment`; values can be Secrets.
    """

    environment: list[dict[str, Any]]
    secrets: list[dict[str, Any]]
    run: list[dict[str, Any]]


def divide(container: Mapping[str, Any], variables: Variables, target: Target) -> Divided:
    """Merge a container's own variables with the layers, and divide the result.

    What a hook sets goes to the run, since it may depend on the run.

    Args:
        container: the user's container definition.
        variables: the layers.
        target: which container it is.
    """
    merged = variables.merge(_existing(container), target)
    environment, secrets, run = [], [], []
    for entry in sorted(merged, key=lambda one: one.name):
        # sorted, so that the same variables make the same definition
        reference = _reference(entry)
        if reference is not None:
            secrets.append({"name": entry.name, "valueFrom": reference})
        elif _is_for_run(entry):
            run.append({"name": entry.name, "value": entry.value})
        else:
            environment.append({"name": entry.name, "value": entry.value})
    return Divided(environment, secrets, run)


def run_entries(override: Mapping[str, Any], variables: Variables) -> Merged:
    """The variables of a run of an existing definition: all of them are overrides."""
    return variables.merge(override.get("environment") or [], Target.FLOW)


def _existing(container: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield from container.get("environment") or []
    yield from container.get("secrets") or []


def _reference(entry: Entry) -> str | None:
    if entry.reference is not None:
        return str(entry.reference)
    if isinstance(entry.value, Secret):
        return secret_reference(entry.value)
    return None


def secret_reference(secret: Secret) -> str | None:
    """The ARN of a secret that ECS can resolve; None if only its text is known.

    A token whose text is itself an ARN of Secrets Manager or the parameter store is meant as
    a reference: nobody's token looks like that.
    """
    if secret.reference is not None:
        return secret.reference
    text = secret.reveal()
    return text if _REFERENCE.match(text) else None


def _is_for_run(entry: Entry) -> bool:
    if entry.name in _AT_RUN_TIME and entry.layer != SPEC_FILE:
        return True
    return isinstance(entry.value, Secret) or entry.layer not in _DEFINED_BY
