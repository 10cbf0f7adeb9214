"""A user's manifest means what Kubernetes means by it, also as `kubectl get` prints it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv.errors import SpecError
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from rigs.kubernetes import KubernetesRig

Environments = Callable[..., KubernetesJobEnvironment]

NULLS = """\
apiVersion: null
kind: null
metadata: {name: null, namespace: null, labels: {a: null}, annotations: {b: null}}
spec:
  backoffLimit: null
  parallelism: null
  template:
    metadata: null
    spec:
      nodeSelector: {c: null}
      tolerations: null
      initContainers: null
      volumes: [{name: v, emptyDir: null}]
      containers:
      - name: null
        args: null
        env: [{name: A, value: null}, {name: B, valueFrom: null}]
        envFrom: null
        resources: {limits: null}
"""


def job_of(environment: KubernetesJobEnvironment) -> dict[str, Any]:
    made = prepare(flows.add, environment=environment, parameters={"a": 1}).spec
    job: dict[str, Any] = made["job"]
    return job


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def test_null_is_absent_everywhere(environment: Environments, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(NULLS)
    job = job_of(environment(job_spec_file=str(path)))
    assert job["metadata"]["name"].startswith("add-")
    assert job["metadata"]["labels"]["a"] == job["metadata"]["annotations"]["b"] == ""
    assert (job["spec"]["backoffLimit"], "parallelism" in job["spec"]) == (0, False)
    pod = pod_of(job)
    assert pod["nodeSelector"] == {"c": ""}
    assert "tolerations" not in pod
    assert pod["volumes"][0] == {"name": "v"}
    (container,) = pod["containers"]
    assert container["name"] == "flow"
    assert {"name": "A", "value": ""} in container["env"]
    assert {"name": "B", "value": ""} in container["env"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"spec": None},
        {"spec": {"backoffLimit": 2}},
        {"metadata": {"labels": {"team": "a"}}},
        {"spec": {"template": {"spec": {"serviceAccountName": "runner", "containers": []}}}},
    ],
)
def test_a_job_without_containers_gets_the_default_one(
    environment: Environments, given: dict[str, Any]
) -> None:
    job = job_of(environment(job_spec=given))
    (container,) = pod_of(job)["containers"]
    assert (container["name"], container["image"]) == ("flow", "repo/flow:1")
    assert job["spec"]["backoffLimit"] == (2 if "backoffLimit" in (given.get("spec") or {}) else 0)


@pytest.mark.parametrize("own", [None, "other"])
def test_the_old_name_of_the_service_account_counts(
    environment: Environments, own: str | None
) -> None:
    spec = {"spec": {"template": {"spec": {"serviceAccount": "runner"}}}}
    pod = pod_of(job_of(environment(job_spec=spec, service_account=own)))
    assert pod["serviceAccountName"] == (own or "runner")
    assert "serviceAccount" not in pod


def test_an_image_that_is_an_empty_text_is_none(environment: Environments) -> None:
    """As Prefect's documentation had it, since the image was always replaced."""
    flow: dict[str, Any] = {"name": "flow-container", "image": "", "command": [], "args": []}
    made = {"spec": {"template": {"spec": {"containers": [flow]}}}}
    spec = prepare(flows.add, environment=environment(job_spec=made), parameters={"a": 1}).spec
    (built,) = spec["job"]["spec"]["template"]["spec"]["containers"]
    assert built["image"] == "repo/flow:1"


def test_what_the_cluster_prints_can_be_given_as_it_is(
    environment: Environments, rig: KubernetesRig, caplog: pytest.LogCaptureFixture
) -> None:
    first = environment(labels=["nightly"]).execute(flows.add, a=1)
    printed = copy.deepcopy(next(one for one in rig.objects("Job") if first.id in str(one)))
    printed["metadata"]["annotations"]["flowenv.io/outcome"] = "forged"
    printed["spec"]["suspend"] = True
    of_controller = {"batch.kubernetes.io/controller-uid": first.id, "job-name": "add-1"}
    printed["spec"]["selector"] = {"matchLabels": of_controller}
    printed["spec"]["template"]["metadata"]["labels"] |= of_controller
    printed["metadata"]["managedFields"] = [{"manager": first.id}]
    caplog.clear()
    again = environment(job_spec=printed, unique_job_name=True)
    (note,) = (one.getMessage() for one in caplog.records if one.levelno == logging.WARNING)
    for part in ("metadata.uid", "status", "spec.selector", " more"):
        assert part in note
    assert len(note) < 200
    run = again.execute(flows.add, a=1)
    made = next(one for one in rig.objects("Job") if run.id in str(one["metadata"]["labels"]))
    assert first.id not in str(made)
    assert "forged" not in str(made)
    assert made["spec"]["suspend"] is True
    names = [one["name"] for one in pod_of(made)["volumes"]]
    assert len(set(names)) == len(names)
    assert "nightly" not in str(made["metadata"]["labels"])


def test_a_job_that_flowenv_has_ended_is_not_ended_at_once_again(
    environment: Environments,
) -> None:
    ended = {
        "metadata": {"name": "nightly", "labels": {"flowenv.io/run-id": "6f1c"}},
        "spec": {"activeDeadlineSeconds": 1, "template": {"spec": {"containers": [{}]}}},
    }
    assert job_of(environment(job_spec=ended))["spec"]["activeDeadlineSeconds"] == 7 * 86400


def test_settings_beside_a_file_merge_by_key(environment: Environments) -> None:
    container = {"resources": {"limits": {"nvidia.com/gpu": 1}, "requests": {"cpu": "1"}}}
    spec = {"spec": {"template": {"spec": {"containers": [container]}}}}
    made = environment(job_spec=spec, resources={"requests": {"cpu": "2", "memory": "1Gi"}})
    assert pod_of(job_of(made))["containers"][0]["resources"] == {
        "limits": {"nvidia.com/gpu": 1},
        "requests": {"cpu": "2", "memory": "1Gi"},
    }


def test_an_error_of_the_finished_job_names_the_files_line(
    environment: Environments, tmp_path: Path
) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(
        "spec:\n  template:\n    spec:\n      containers:\n      - name: flow\n"
        "        volumeMounts:\n        - {name: data, mountPath: /data}\n"
    )
    with pytest.raises(SpecError, match=r"job\.yaml:7 \(spec\.job\): there is no volume 'data'"):
        job_of(environment(job_spec_file=str(path)))
