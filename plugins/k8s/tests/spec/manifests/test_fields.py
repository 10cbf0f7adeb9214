"""Which fields manifests may have: misspelt ones are refused, here or by the cluster."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from flowenv.errors import SpecError
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.spec.manifests.field_table import KUBERNETES
from flowenv_k8s.spec.manifests.fields import types
from flowenv_k8s.spec.manifests.manifest import Manifest, lines_of, read_manifest
from flowenv_k8s.spec.manifests.structure import check_fields
from rigs.kubernetes import KubernetesRig, client_fields


def job(**container: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "flow", "image": "repo/flow:1", **container}]}
    return {"kind": "Job", "metadata": {"name": "my-job"}, "spec": {"template": {"spec": pod}}}


def test_the_known_fields_are_those_of_the_kubernetes_client() -> None:
    of_client, known = client_fields.fields_of_client(), types()
    if f"1.{kubernetes.__version__.split('.')[0]}" == KUBERNETES:
        assert client_fields.TABLE.read_text("utf-8") == client_fields.written(of_client)
    else:  # an older client knows less
        lacking = {
            f"{kind}.{field}"
            for kind, fields in of_client.items()
            for field in fields.keys() - known.get(kind, {}).keys()
        }
        assert not lacking


POD = "spec.template.spec"
FLOW = f"{POD}.containers[0]"


def in_pod(**pod: Any) -> dict[str, Any]:
    made = job()
    made["spec"]["template"]["spec"] |= pod
    return made


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (job(limits={"cpu": 1}), f"'limits' here. It belongs to {FLOW}.resources."),
        (job(cpu_limit=1, volumeMounts=[{"name": "x", "mount_path": "/a"}]), "'mountPath'?"),
        (job(mount_path="/a"), f"{FLOW}.volumeMounts[0], as 'mountPath'."),
        (job(securityContext={"fsGroup": 1}), f"It belongs to {POD}.securityContext."),
        (
            in_pod(securityContext={"allowPrivilegeEscalation": False}),
            f"It belongs to {FLOW}.securityContext.",
        ),
        (job(env=[{"secretRef": {"name": "a"}}]), f"It belongs to {FLOW}.envFrom[0]."),
        (
            job(env=[{"name": "A", "secretKeyRef": {"name": "a", "key": "b"}}]),
            f"It belongs to {FLOW}.env[0].valueFrom.",
        ),
        (job(port=[{"containerPort": 1}]), "Did you mean 'ports'?"),
        (in_pod(volumes=[{"name": "a", "claimName": "b"}]), "volumes[0].persistentVolumeClaim."),
        (in_pod(volumes=[{"name": "a", "mountPath": "/b"}]), f"{FLOW}.volumeMounts[0]."),
        (in_pod(name="a"), "It belongs to"),
        ({"name": "a"}, "It belongs to metadata (metadata)."),
        ({"metadata": {"apiVersion": "batch/v1"}}, "It belongs to the top of the manifest."),
        (
            in_pod(nodeSelector={"disk": 5}),
            f"{POD}.nodeSelector.disk is 5, which is no text. Quote",
        ),
        (
            in_pod(tolerations=[{"key": "a", "value": True}]),
            "tolerations[0].value is true, which is",
        ),
        (in_pod(tolerations={"key": "a"}), "Begin it with a dash"),
        (job(args={"a": "b"}), "args must be a list of texts, not a dict. Begin it with a dash"),
        (job(env={"A": "b"}), "Write each name as an entry of its own: - {name: A, value: b}."),
        (in_pod(volumes=["a"]), "volumes[0] must be a mapping, not 'a'"),
        (in_pod(volumes=[{"name": "a", "emptyDir": {"sizeLimit": "5 Gigs"}}]), "no quantity"),
        (job(ports=[{"containerPort": "80"}]), "containerPort must be a whole number, not '80'"),
        (job(livenessProbe={"httpGet": {"port": True}}), "must be a number or a name"),
        (job(securityContext={"runAsNonRoot": "true"}), "runAsNonRoot must be true or false"),
        (job(securityContext={"capabilities": {"drop": "ALL"}}), "must be a list of texts"),
    ],
)
def test_what_kubernetes_would_not_take_is_said_with_its_path(
    manifest: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        KubernetesJobEnvironment(job_spec=manifest)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "manifest",
    [
        job(resources={"limits": {"cpu": 0.5, "memory": 50000000, "nvidia.com/gpu": 1}}),
        job(livenessProbe={"httpGet": {"port": "http"}}, readinessProbe={"tcpSocket": {"port": 1}}),
        in_pod(volumes=[{"name": "a", "emptyDir": {"sizeLimit": 5000}}]),
        in_pod(
            volumes=[{"name": "a", "csi": {"driver": "d", "volumeAttributes": {"limits": "5"}}}]
        ),
        job(quantumAffinity={}),
        in_pod(supplementalGroups=None),
    ],
)
def test_what_kubernetes_or_a_newer_one_may_take_is_let_through(manifest: dict[str, Any]) -> None:
    assert KubernetesJobEnvironment(job_spec=manifest).manifest.data["kind"] == "Job"


_RIGHT = {"text": "a", "number": 1, "flag": True, "quantity": "1Gi", "port": "http", "any": {}}


def whole(kind: str) -> Any:
    """A value of a kind with each field that it can have."""
    if kind.startswith("["):
        return [whole(kind[1:-1])]
    if kind.startswith("{"):
        return {"a": whole(kind[1:-1])}
    if kind in _RIGHT:
        return _RIGHT[kind]
    return {name: whole(of) for name, of in types()[kind].items()}


@pytest.mark.parametrize("kind", ["Job", "Pod"])
def test_each_known_field_is_let_through_in_its_place(kind: str) -> None:
    assert check_fields(Manifest(whole(kind), "all"), (), kind) == []


def test_the_places_that_kubernetes_names_are_found_in_the_users_file(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    containers = "- name: a\n- name: b\n  imagePullPolicy: No\n  ports:\n  - hostPort: 0\n"
    file.write_text(f"spec:\n template:\n  spec:\n   containers:\n{indented(containers)}")
    given = read_manifest(file, "Job", "batch/v1")
    built = Manifest(copy.deepcopy(given.data), "spec.job", origin=given)
    built.data["spec"]["template"]["spec"]["containers"][0]["image"] = "a"  # as builders do
    at = f"{POD}.containers"
    words = f"{at}[1].ports[0].containerPort: Required value, {at}[1].imagePullPolicy: Unsupported"
    assert lines_of(words, built) == f"{file}:7, 9"
    assert lines_of(f"{at}[0].image: too long, metadata.name: wrong", built) == ""


def indented(text: str) -> str:
    return "".join(f"   {line}\n" for line in text.splitlines())


def test_a_field_that_nobody_knows_is_noted_with_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("spec:\n  template:\n    spec:\n      quantumAffinity: any\n")
    KubernetesJobEnvironment(job_spec_file=str(file))
    assert f"job.yaml:4: Kubernetes {KUBERNETES} has no field {POD}.quantumAffinity" in caplog.text


def test_a_field_of_a_newer_kubernetes_is_left_to_the_cluster() -> None:
    environment = KubernetesJobEnvironment(job_spec=job(quantumAffinity="any"))
    spec = prepare(flows.add, environment=environment, parameters={"a": 1}).spec
    assert spec["job"]["spec"]["template"]["spec"]["containers"][0]["quantumAffinity"] == "any"


def test_what_the_cluster_does_not_know_is_refused_and_nothing_is_left(
    rig: KubernetesRig, tmp_path: Path
) -> None:
    text = "spec:\n  template:\n    spec:\n      containers:\n      - quantumAffinity: any\n"
    file = tmp_path / "job.yaml"
    file.write_text(text + "        image: repo/flow:1\n")
    with pytest.raises(SpecError) as caught:
        KubernetesJobEnvironment(job_spec_file=str(file)).execute(flows.add, a=1)
    assert f"{file}:5: Kubernetes refuses to create jobs" in str(caught.value)
    assert 'unknown field "spec.template.spec.containers[0].quantumAffinity"' in str(caught.value)
    assert rig.objects("Job") == []
    assert rig.objects("Secret") == []
