"""The rig decodes strictly when it is asked to, and leniently otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.manifests import container, job

MISSPELT = {**job(container(resorces={})), "specs": {}}


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet()) as rig:
        yield rig


def create(
    rig: KubernetesRig, query: str = "", made: dict[str, Any] = MISSPELT
) -> urllib3.BaseHTTPResponse:
    jobs = f"{rig.url}/apis/batch/v1/namespaces/default/jobs{query}"
    return urllib3.request("POST", jobs, json=made)


def test_unknown_fields_are_all_named(rig: KubernetesRig) -> None:
    answer = create(rig, "?fieldValidation=Strict")
    assert answer.status == 400
    assert answer.json()["message"] == (
        'Job in version "v1" cannot be handled as a Job: strict decoding error: '
        'unknown field "spec.template.spec.containers[0].resorces", unknown field "specs"'
    )
    assert rig.objects("Job") == []


def test_without_strictness_they_are_let_through(rig: KubernetesRig) -> None:
    assert create(rig).status == 201
    assert len(rig.objects("Job")) == 1


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            container(env={"A": 5}),
            "number into Go struct field EnvVar.spec.template.spec.containers.env.value of type "
            "string",
        ),
        (
            container(ports=[{"containerPort": "80"}]),
            "string into Go struct field ContainerPort.spec.template.spec.containers.ports."
            "containerPort of type int64",
        ),
        (
            container(volumeMounts="a"),
            "string into Go struct field Container.spec.template.spec.containers.volumeMounts of "
            "type []v1.VolumeMount",
        ),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_in_the_decoders_words(
    rig: KubernetesRig, made: dict[str, Any], said: str
) -> None:
    answer = create(rig, made=job(made))
    assert answer.status == 400
    assert answer.json()["message"].endswith(f"json: cannot unmarshal {said}")
