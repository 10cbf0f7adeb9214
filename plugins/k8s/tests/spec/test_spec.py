"""The Job and the Secret that are built from an environment and a run."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowenv import Flow, Secret
from flowenv.contract.process import COMMAND
from flowenv.errors import SpecError
from flowenv.plugin import configuration, contract
from flowenv.submission.explain import masked
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from on_kubernetes.proofs import unsealed

from .built import RUN_ID, TWO_CONTAINERS, Environments, build, containers, env

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("default", {"namespace": "team-a", "labels": ["nightly", "team a/gpu"]}),
        ("two_containers", {"namespace": "team-a", "job_spec": TWO_CONTAINERS}),
        (
            "settings",
            {
                "job_spec": TWO_CONTAINERS,
                "unique_job_name": True,
                "namespace": "team-b",
                "image_pull_policy": "Always",
                "service_account": "other",
                "resources": {"requests": {"memory": "1Gi"}},
                "deadline": 3600,
                "ttl": 60,
            },
        ),
    ],
)
@pytest.mark.usefixtures("token")
def test_spec_is_as_written_down(
    name: str, settings: dict[str, Any], environment: Environments, pytestconfig: pytest.Config
) -> None:
    spec = json.loads(unsealed(json.dumps(masked(build(environment(**settings))))))
    path = GOLDEN / f"{name}.yaml"
    if not path.exists():  # delete a file to have it written anew
        path.write_text(yaml.safe_dump(spec, sort_keys=False, width=100))
        pytest.fail(f"{path} was written; check it")
    assert spec == yaml.safe_load(path.read_text())


@pytest.mark.usefixtures("token")
def test_nothing_of_the_recorded_request_is_missing(environment: Environments) -> None:
    """What the contract's original sent for the same file is all there, but the mends."""
    spec = build(environment(job_spec=TWO_CONTAINERS, namespace="team-a"))
    flow, sidecar = containers(spec)
    assert spec["job"]["metadata"]["name"] == "my-job"
    assert spec["job"]["metadata"]["labels"]["team"] == "a"
    assert spec["job"]["spec"]["backoffLimit"] == 3
    assert flow["command"] == ["/bin/sh", "-c"]
    assert flow["args"] == ["exec python -c 'import flowenv; flowenv.load_and_run_flow()'"]
    assert flow["image"] == "repo/flow:1"
    for container in (flow, sidecar):
        variables = env(container)
        assert variables["PREFECT__CONTEXT__FLOW_RUN_ID"] == RUN_ID
        assert variables["PREFECT__CONTEXT__NAMESPACE"] == "team-a"
        assert variables["PREFECT__CONTEXT__IMAGE"] == "repo/flow:1"
        assert variables["PREFECT__CLOUD__USE_LOCAL_SECRETS"] == "false"
    labels = spec["job"]["spec"]["template"]["metadata"]["labels"]
    assert labels["prefect.io/flow_run_id"] == RUN_ID


def test_the_token_stands_in_the_secret_only(environment: Environments, token: str) -> None:
    spec = build(environment(job_spec=TWO_CONTAINERS))
    assert token not in repr(spec["job"])
    assert spec["secret"]["stringData"][contract.AUTH_TOKEN] == Secret(token)
    flow, sidecar = containers(spec)
    assert env(flow)[contract.AUTH_TOKEN] == {
        "secretKeyRef": {"name": spec["secret"]["metadata"]["name"], "key": contract.AUTH_TOKEN}
    }
    assert contract.AUTH_TOKEN not in env(sidecar)


def test_the_payload_is_mounted_for_the_flow_only(environment: Environments) -> None:
    spec = build(environment(job_spec=TWO_CONTAINERS))
    flow, sidecar = containers(spec)
    assert env(flow)["FLOWENV_PAYLOAD"] == "/var/run/flowenv/payload.json"
    assert flow["volumeMounts"][0]["mountPath"] == "/var/run/flowenv"
    assert "volumeMounts" not in sidecar
    assert "payload.json" in spec["secret"]["stringData"]
    volume = spec["job"]["spec"]["template"]["spec"]["volumes"][0]["secret"]
    assert volume["items"] == [{"key": "payload.json", "path": "payload.json"}]


def test_the_users_file_keeps_its_logging_and_references(environment: Environments) -> None:
    flow = env(containers(build(environment(job_spec=TWO_CONTAINERS)))[0])
    assert flow["MY"] == "1"
    assert flow["PREFECT__LOGGING__EXTRA_LOGGERS"] == "['mine']"
    assert flow["KEY"] == {"secretKeyRef": {"name": "s"}}


def test_a_job_of_one_attempt_keeps_the_exit_code(environment: Environments) -> None:
    def policy(**spec: Any) -> Any:
        pod = {"restartPolicy": spec.pop("restartPolicy", "Never"), "containers": [{"name": "a"}]}
        made = environment(job_spec={"spec": {**spec, "template": {"spec": pod}}})
        return build(made)["job"]["spec"].get("podFailurePolicy")

    assert policy()["rules"][1]["onExitCodes"]["containerName"] == "a"
    # where it would change how often a flow is tried, or be refused
    assert policy(backoffLimit=2) is None
    assert policy(backoffLimit=2, restartPolicy="OnFailure") is None
    assert policy(podReplacementPolicy="TerminatingOrFailed") is None
    own = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
    assert policy(podFailurePolicy=own) == own


def test_what_the_users_file_sets_wins_over_defaults(environment: Environments) -> None:
    manifest = json.loads(json.dumps(TWO_CONTAINERS))
    manifest["spec"].update(ttlSecondsAfterFinished=5, activeDeadlineSeconds=6, backoffLimit=2)
    manifest["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    manifest["spec"]["template"]["spec"]["containers"][0].update(
        terminationMessagePath="/tmp/end", terminationMessagePolicy="File"
    )
    spec = build(environment(job_spec=manifest))
    job = spec["job"]["spec"]
    assert (job["ttlSecondsAfterFinished"], job["activeDeadlineSeconds"]) == (5, 6)
    assert job["template"]["spec"]["restartPolicy"] == "OnFailure"
    flow = containers(spec)[0]
    assert flow["terminationMessagePolicy"] == "File"
    assert env(flow)["FLOWENV_OUTCOME"] == "/tmp/end"


def test_a_second_spec_shares_nothing_with_the_first(environment: Environments) -> None:
    made = environment(job_spec=TWO_CONTAINERS)
    first = build(made)
    before = json.dumps(masked(first), sort_keys=True)
    second = build(made)
    containers(second)[0]["env"].clear()
    second["job"]["metadata"]["labels"].clear()
    assert json.dumps(masked(first), sort_keys=True) == before
    assert made.manifest.data == TWO_CONTAINERS


def test_a_name_of_the_file_is_kept(environment: Environments) -> None:
    assert build(environment(job_spec=TWO_CONTAINERS))["job"]["metadata"]["name"] == "my-job"


def test_a_unique_name_ends_with_the_run(environment: Environments) -> None:
    spec = build(environment(job_spec=TWO_CONTAINERS, unique_job_name=True))
    assert spec["job"]["metadata"]["name"] == "my-job-111111112222"


def test_generate_name_becomes_a_name_of_the_run(environment: Environments) -> None:
    manifest = {**TWO_CONTAINERS, "metadata": {"generateName": "my-job-"}}
    metadata = build(environment(job_spec=manifest))["job"]["metadata"]
    assert metadata["name"] == "my-job-111111112222"
    assert "generateName" not in metadata


def test_labels_are_found_by_key_and_kept_in_full(environment: Environments) -> None:
    metadata = build(environment(labels=["nightly", "team a/gpu"]))["job"]["metadata"]
    assert metadata["labels"]["flowenv.io/label-nightly"] == "true"
    assert json.loads(metadata["annotations"]["flowenv.io/labels"]) == ["nightly", "team a/gpu"]


def test_an_empty_label_is_refused(environment: Environments) -> None:
    with pytest.raises(SpecError, match="A label is empty"):
        build(environment(labels=[" "]))


def test_the_image_is_the_environments_else_the_flows_else_the_files() -> None:
    manifest = KubernetesJobEnvironment(job_spec=TWO_CONTAINERS)
    assert containers(build(manifest))[0]["image"] == "old:1"
    with_image = Flow(flows.add.function, image="flows:1")
    assert containers(build(manifest, flow=with_image))[0]["image"] == "flows:1"


def test_without_any_image_nothing_is_built() -> None:
    with pytest.raises(SpecError, match="needs a container image"):
        build(KubernetesJobEnvironment())


class TestFlowenvTravels:
    @pytest.fixture(autouse=True)
    def as_it_is_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FLOWENV_RUNTIME")
        configuration.cache_clear()

    def test_in_a_config_map_that_says_its_content(self) -> None:
        found = build(KubernetesJobEnvironment())["runtime"]
        ((file, content),) = found["binaryData"].items()
        digest = hashlib.sha256(content).hexdigest()
        assert found["metadata"]["name"] == f"flowenv-runtime-{digest[:32]}"
        assert file.endswith(f"-{digest[:16]}.zip")
        assert found["immutable"] is True

    def test_and_the_container_knows_where_it_is_and_what_it_must_be(self) -> None:
        spec = build(KubernetesJobEnvironment())
        ((file, content),) = spec["runtime"]["binaryData"].items()
        pod = spec["job"]["spec"]["template"]["spec"]
        (flow,) = pod["containers"]
        variables = {one["name"]: one.get("value") for one in flow["env"]}
        assert variables["FLOWENV_RUNTIME_FILE"] == f"/var/run/flowenv-runtime/{file}"
        assert variables["FLOWENV_RUNTIME_SHA256"] == hashlib.sha256(content).hexdigest()
        assert {"name": spec["runtime"]["metadata"]["name"]} in [
            volume.get("configMap") for volume in pod["volumes"]
        ]
        mounts = [one for one in flow["volumeMounts"] if one["name"] == "flowenv-runtime"]
        assert mounts == [
            {"name": "flowenv-runtime", "mountPath": "/var/run/flowenv-runtime", "readOnly": True}
        ]

    def test_so_that_pythons_own_image_will_do(self) -> None:
        (flow,) = containers(build(KubernetesJobEnvironment()))
        assert flow["image"] == f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"

    def test_an_image_that_is_given_wins(self, environment: Environments) -> None:
        (flow,) = containers(build(environment()))
        assert flow["image"] == "repo/flow:1"

    def test_unless_the_image_has_it(self, environment: Environments) -> None:
        spec = build(environment(runtime="image"))
        assert "runtime" not in spec
        assert containers(spec)[0]["args"] == [COMMAND[2]]


def test_several_containers_always_have_a_deadline(environment: Environments) -> None:
    assert "activeDeadlineSeconds" not in build(environment(deadline=0))["job"]["spec"]
    spec = build(environment(deadline=0, job_spec=TWO_CONTAINERS))
    assert spec["job"]["spec"]["activeDeadlineSeconds"] == 7 * 86400


def test_init_containers_get_the_contract_too(environment: Environments) -> None:
    manifest = json.loads(json.dumps(TWO_CONTAINERS))
    manifest["spec"]["template"]["spec"]["initContainers"] = [{"image": "init:1"}]
    pod = build(environment(job_spec=manifest))["job"]["spec"]["template"]["spec"]
    assert env(pod["initContainers"][0])["PREFECT__CONTEXT__FLOW_RUN_ID"] == RUN_ID
