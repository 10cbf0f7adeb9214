"""Which fields manifests may have: misspelt ones are refused, here or by the cluster."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import models

from flowenv.errors import SpecError
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.spec import fields
from rigs.kubernetes import KubernetesRig


def job(**container: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "flow", "image": "repo/flow:1", **container}]}
    return {"kind": "Job", "metadata": {"name": "my-job"}, "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("known", "model"),
    [
        (fields.OBJECT, models.V1Job),
        (fields.METADATA, models.V1ObjectMeta),
        (fields.JOB_SPEC, models.V1JobSpec),
        (fields.POD_SPEC, models.V1PodSpec),
        (fields.CONTAINER, models.V1Container),
    ],
)
def test_the_known_fields_are_those_of_the_kubernetes_client(
    known: fields.Fields, model: Any
) -> None:
    kinds = {"int": fields.NUMBER, "bool": fields.FLAG, "str": fields.TEXT}
    kinds |= {"datetime": fields.TEXT, "list[str]": fields.TEXTS}
    for attribute, name in model.attribute_map.items():
        kind = model.openapi_types[attribute].replace("List[", "list[")
        general = fields.LIST if kind.startswith("list[") else fields.MAPPING
        if name not in ("finalizers", "apiVersion", "kind"):
            assert known[name] in (kinds.get(kind, general), fields.ANY), name


def test_a_field_of_a_newer_kubernetes_is_left_to_the_cluster() -> None:
    environment = KubernetesJobEnvironment(job_spec=job(quantumAffinity="any"))
    spec = prepare(flows.add, environment=environment, parameters={"a": 1}).spec
    assert spec["job"]["spec"]["template"]["spec"]["containers"][0]["quantumAffinity"] == "any"


def test_what_the_cluster_does_not_know_is_refused_and_nothing_is_left(rig: KubernetesRig) -> None:
    environment = KubernetesJobEnvironment(job_spec=job(quantumAffinity="any"))
    with pytest.raises(SpecError) as caught:
        environment.execute(flows.add, a=1)
    assert 'unknown field "spec.template.spec.containers[0].quantumAffinity"' in str(caught.value)
    assert rig.objects("Job") == []
    assert rig.objects("Secret") == []
