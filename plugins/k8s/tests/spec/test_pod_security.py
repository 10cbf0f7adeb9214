"""What a container of flowenv's may not do, unless the user says so."""

from __future__ import annotations

from typing import Any

import pytest

from flowenv_k8s.spec.pod_security import restrict

DROPPED = {"capabilities": {"drop": ["ALL"]}}
ESCALATES = {"allowPrivilegeEscalation": False}
CONFINED = {"seccompProfile": {"type": "RuntimeDefault"}}
UNCONFINED = {"seccompProfile": {"type": "Unconfined"}}


@pytest.mark.parametrize(
    ("of_pod", "own", "expected"),
    [
        ({}, {}, {**DROPPED, **ESCALATES, **CONFINED}),
        ({"runAsUser": 9}, {}, {**DROPPED, **ESCALATES, **CONFINED, "runAsNonRoot": True}),
        ({"runAsUser": 9, "runAsNonRoot": True}, {}, {**DROPPED, **ESCALATES, **CONFINED}),
        ({"runAsUser": 9}, {"runAsUser": 0}, {**DROPPED, **ESCALATES, **CONFINED, "runAsUser": 0}),
        (CONFINED, UNCONFINED, {**DROPPED, **ESCALATES, **UNCONFINED}),
        (UNCONFINED, {}, {**DROPPED, **ESCALATES}),
        ({}, {"privileged": True}, {"privileged": True}),
        (
            {},
            {"capabilities": {"add": ["SYS_ADMIN"]}},
            {"capabilities": {"add": ["SYS_ADMIN"]}, **CONFINED},
        ),
    ],
)
def test_what_the_manifest_says_stays_and_the_rest_is_taken_away(
    of_pod: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]
) -> None:
    container: dict[str, Any] = {"securityContext": dict(own)}

    restrict({"securityContext": of_pod, "containers": [container]}, container)

    assert container["securityContext"] == expected
