"""Specs of a run whose id, time and submitter are known."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment

RUN_ID = "11111111-2222-4333-8444-555555555555"
CREATED = datetime.datetime(2026, 11, 22, 18, 0, tzinfo=datetime.UTC)
TWO_CONTAINERS: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "my-job", "labels": {"team": "a"}},
    "spec": {
        "backoffLimit": 3,
        "template": {
            "spec": {
                "serviceAccountName": "runner",
                "containers": [
                    {
                        "image": "old:1",
                        "command": ["old"],
                        "env": [
                            {"name": "MY", "value": "1"},
                            {"name": "PREFECT__LOGGING__EXTRA_LOGGERS", "value": "['mine']"},
                            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s"}}},
                        ],
                        "resources": {"limits": {"cpu": "2"}},
                    },
                    {"name": "sidecar", "image": "side:1", "command": ["side"]},
                ],
            }
        },
    },
}

Environments = Callable[..., KubernetesJobEnvironment]


def prepared(environment: KubernetesJobEnvironment, flow: Any = flows.add, **more: Any) -> Prepared:
    made = prepare(flow, environment=environment, parameters={"a": 1}, **more)
    made.flow_run.id, made.flow_run.created = RUN_ID, CREATED
    made.flow_run.submitter = "me@here"
    return made


def build(environment: KubernetesJobEnvironment, **more: Any) -> dict[str, Any]:
    return prepared(environment, **more).spec


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["job"]["spec"]["template"]["spec"]["containers"]
    return found


def env(container: dict[str, Any]) -> dict[str, Any]:
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names)), "a variable comes twice"
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}
