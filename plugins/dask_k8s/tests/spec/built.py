"""Specs of a run whose id, time and submitter are known."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment

Environments = Callable[..., DaskKubernetesEnvironment]

RUN_ID = "11111111-2222-4333-8444-555555555555"
CREATED = datetime.datetime(2026, 11, 22, 18, 0, tzinfo=datetime.UTC)
CUSTOM_JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {
        "template": {
            "spec": {
                "serviceAccountName": "runner",
                "nodeSelector": {"pool": "big"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "imagePullSecrets": [{"name": "mine"}],
                "volumes": [{"name": "scratch", "emptyDir": {}}],
                "containers": [
                    {
                        "image": "old:1",
                        "env": [
                            {"name": "DASK_LOGGING", "value": "{}"},
                            {"name": "PREFECT__LOGGING__LEVEL", "value": "DEBUG"},
                            {"name": "MINE", "value": "1"},
                        ],
                        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
                    },
                ],
            }
        }
    },
}
CUSTOM_POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"labels": {"team": "a"}, "annotations": {"note": "x"}},
    "spec": {
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "dask",
                "image": "gpu:1",
                "args": ["dask", "worker", "--nthreads", "1"],
                "env": [
                    {"name": "PREFECT__LOGGING__EXTRA_LOGGERS", "value": "['mine']"},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
            },
            {"name": "sidecar", "image": "side:1"},
        ],
    },
}


def prepared(environment: DaskKubernetesEnvironment, flow: Any = flows.add) -> Prepared:
    made = prepare(flow, environment=environment, parameters={"a": 1})
    made.flow_run.id, made.flow_run.created = RUN_ID, CREATED
    made.flow_run.submitter = "me@here"
    return made


def build(environment: DaskKubernetesEnvironment, flow: Any = flows.add) -> dict[str, Any]:
    return prepared(environment, flow).spec


def pod_of(spec: dict[str, Any], part: str) -> dict[str, Any]:
    found: dict[str, Any] = spec["dask_cluster"]["spec"][part]["spec"]
    return found


def env(container: dict[str, Any]) -> dict[str, Any]:
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names)), "a variable comes twice"
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}
