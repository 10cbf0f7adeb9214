"""What users set, and what is said when it is wrong."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv.errors import SettingError, SpecError
from flowenv.plugin import Environment, Target, contract
from flowenv_dask_k8s import DaskKubernetesEnvironment

Environments = Callable[..., DaskKubernetesEnvironment]

POSITIONAL = {
    "min_workers": 1,
    "max_workers": 2,
    "work_stealing": True,
    "scheduler_logs": False,
    "private_registry": False,
    "docker_secret": None,
    "labels": None,
    "on_start": None,
    "on_exit": None,
    "metadata": None,
    "scheduler_spec_file": None,
    "worker_spec_file": None,
    "image_pull_secret": None,
    "log_k8s_errors": False,
}
JOB = "kind: Job\nspec: {template: {spec: {containers: [{image: 'a:1'}]}}}\n"
POD = "kind: Pod\nspec: {containers: [{image: 'b:1'}]}\n"


def test_the_arguments_come_in_the_documented_order_with_their_defaults() -> None:
    parameters = inspect.signature(DaskKubernetesEnvironment).parameters.values()
    positional = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]

    assert {one.name: one.default for one in positional} == POSITIONAL
    assert [one.name for one in positional] == list(POSITIONAL)


def test_the_contract_of_the_flow_names_all_that_is_documented() -> None:
    wanted = {*contract.BASIC, contract.NAMESPACE, contract.EXECUTOR, contract.LOGGING_LEVEL}

    assert set(DaskKubernetesEnvironment.contract[Target.FLOW]) == wanted


@pytest.mark.parametrize("target", [Target.SCHEDULER, Target.WORKER])
def test_scheduler_and_workers_get_all_but_the_token(target: Target) -> None:
    environment_contract = DaskKubernetesEnvironment.contract
    lacking = set(environment_contract[Target.FLOW]) - set(environment_contract[target])

    assert lacking == {contract.AUTH_TOKEN}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"min_workers": -1}, "min_workers must be 0 or more"),
        ({"min_workers": 3}, "max_workers is 2"),
        ({"min_workers": 0, "max_workers": 0}, "at least 1"),
        ({"nthreads": 0}, "nthreads must be 1 or more"),
        ({"cluster_deadline": 0}, "cluster_deadline must be"),
        ({"idle_timeout": -1}, "idle_timeout must not be negative"),
        ({"worker_resources": {"cpu": "1"}}, "worker_resources has cpu"),
        ({"worker_resources": {"limits": {"memory": "1 Gigs"}}}, "limits.memory is '1 Gigs'"),
        ({"worker_spec": {}, "worker_spec_file": "w.yaml"}, "worker_spec_file or worker_spec"),
        ({"max_workers": "2"}, "max_workers"),
    ],
)
def test_a_wrong_setting_is_named(
    settings: dict[str, Any], words: str, environment: Environments
) -> None:
    with pytest.raises(SettingError, match=words):
        environment(**settings)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("scheduler_spec_file", POD, "spec.yaml:1: this is a Pod, not a Job"),
        ("worker_spec_file", JOB, "spec.yaml:1: this is a Job, not a Pod"),
        (
            "worker_spec_file",
            "kind: Pod\nspec: {replicas: 0, image: a}\n",
            "It belongs to a container",
        ),
        (
            "worker_spec_file",
            "kind: Pod\nspec:\n  containers:\n  - limits: {memory: 4Gi}\n",
            r"spec.yaml:4: .*'limits' here. It belongs to spec.containers\[0\].resources",
        ),
        (
            "worker_spec_file",
            "spec:\n  nodeSelector:\n    disk: 5\n",
            'spec.yaml:3: spec.nodeSelector.disk is 5, which is no text. Quote it: "5"',
        ),
        (
            "worker_spec_file",
            "kind: Pod\nspec:\n  replicas: 2\n",
            "spec.yaml:3: a Pod has no replicas. How many workers there are is said by min_workers",
        ),
        (
            "worker_spec_file",
            "kind: Pod\nspec: {backoffLimit: 1}\n",
            "It is a field of the Job's spec",
        ),
        (
            "scheduler_spec_file",
            "spec:\n  template:\n    spec:\n      tolerations: [{key: a, value: yes}]\n",
            r"spec.yaml:4: spec.template.spec.tolerations\[0\].value is yes",
        ),
    ],
)
def test_a_wrong_manifest_is_named_with_file_and_line(
    file: str, text: str, words: str, environment: Environments, tmp_path: Path
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(text)

    with pytest.raises(SpecError, match=words):
        environment(**{file: str(path)})


@pytest.mark.parametrize("settings", [{"private_registry": True}, {"docker_secret": "MINE"}])
def test_the_registry_settings_warn(settings: dict[str, Any], environment: Environments) -> None:
    with pytest.warns(DeprecationWarning, match="image_pull_secret"):
        environment(**settings)


def test_manifests_travel_without_their_files(environment: Environments, tmp_path: Path) -> None:
    job, pod = tmp_path / "job.yaml", tmp_path / "pod.yaml"
    job.write_text(JOB)
    pod.write_text(POD)
    made = environment(scheduler_spec_file=str(job), worker_spec_file=str(pod))
    job.unlink()
    pod.unlink()

    for again in (
        Environment.deserialize(json.loads(json.dumps(made.serialize()))),
        pickle.loads(pickle.dumps(made)),
    ):
        assert isinstance(again, DaskKubernetesEnvironment)
        assert again.spec_image == "a:1"
        assert again.worker_pod.data["spec"]["containers"][0]["image"] == "b:1"


def test_a_pull_secret_that_a_manifest_lacks_is_warned_of(environment: Environments) -> None:
    pod = {"spec": {"imagePullSecrets": [{"name": "a"}]}}
    job = {"spec": {"template": pod}}
    environment(image_pull_secret="a", worker_spec=pod, scheduler_spec=job)
    with pytest.warns(UserWarning, match="isn't added to worker_spec: name"):
        environment(image_pull_secret="a", worker_spec={"spec": {}, "kind": "Pod"})


def test_pull_secrets_are_a_list_with_commas(environment: Environments) -> None:
    assert environment(image_pull_secret="some-secret,other").pull_secrets == (
        "some-secret",
        "other",
    )


def test_a_private_registry_adds_the_namespaces_pull_secret(environment: Environments) -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        made = environment(private_registry=True, image_pull_secret="a", namespace="team-a")

    assert made.pull_secrets == ("team-a-docker",)  # only that one, as recorded
    assert made.docker_secret == "DOCKER_REGISTRY_CREDENTIALS"


def test_the_scheduler_is_told_about_work_stealing(environment: Environments) -> None:
    name = "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING"

    assert environment().variables(Target.SCHEDULER)[name] == "True"
    assert environment(work_stealing=False).variables(Target.SCHEDULER)[name] == "False"


def test_a_custom_scheduler_spec_is_not_told(environment: Environments) -> None:
    job = {"kind": "Job", "spec": {"template": {"spec": {"containers": [{"image": "a"}]}}}}

    told = environment(scheduler_spec=job).variables(Target.SCHEDULER)

    assert "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING" not in told
