"""The Job and the Secret that are built from an environment and a run."""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowenv import Flow, Secret, preview
from flowenv.contract.process import COMMAND
from flowenv.errors import ConfigurationError, SpecError
from flowenv.plugin import configuration, contract
from flowenv.registry.registry import reset
from flowenv.submission.explain import masked
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from on_kubernetes.proofs import unsealed

GOLDEN = Path(__file__).parent / "golden"
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


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", "tok-123")
    return "tok-123"


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


# -- secrets of plugins -------------------------------------------------------------------


def use_plugin(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "acme.py").write_text(
        f"from flowenv import Secret, hookimpl\nfrom flowenv.contract import Target\n{text}"
    )
    monkeypatch.setenv("FLOWENV_PLUGINS", str(folder / "acme.py"))
    reset()


def test_a_secret_of_one_container_is_not_anothers(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_environment_variables(target):\n"
        "    return {'PASSWORD': Secret('one' if target is Target.FLOW else 'two')}\n",
        tmp_path,
        monkeypatch,
    )
    spec = build(environment(job_spec=TWO_CONTAINERS))
    keys = [env(one)["PASSWORD"]["secretKeyRef"]["key"] for one in containers(spec)]
    assert [spec["secret"]["stringData"][key].reveal() for key in keys] == ["one", "two"]


def test_a_reference_names_a_secret_that_is_there(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_environment_variables():\n"
        "    return {'PASSWORD': Secret(reference='database/password')}\n",
        tmp_path,
        monkeypatch,
    )
    flow = env(containers(build(environment()))[0])
    assert flow["PASSWORD"] == {"secretKeyRef": {"name": "database", "key": "password"}}


def test_a_reference_of_another_platform_is_refused(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_environment_variables():\n"
        "    return {'PASSWORD': Secret(reference='arn:aws:secretsmanager:eu:1:secret:x')}\n",
        tmp_path,
        monkeypatch,
    )
    with pytest.raises(SpecError, match='reference is "SECRET/KEY"'):
        build(environment())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("spec['job']['metadata']['name'] = 'X'", "no valid name"),
        ("spec['job']['spec']['template']['spec']['containers'].clear()", "has no containers"),
        ("c['volumeMounts'][0]['name'] = 'other'", "no volume 'other'"),
        ("c['env'].append({'name': 'A', 'value': Secret('x')})", "which is no text"),
        ("c['env'].append(dict(c['env'][0]))", "comes twice"),
        ("del c['image']", "has no image"),
        ("del spec['job']", "The spec has no job"),
    ],
)
def test_what_a_plugin_breaks_is_refused(
    change: str,
    said: str,
    environment: Environments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_modify_spec(spec):\n"
        "    c = spec['job']['spec']['template']['spec']['containers'][0]\n"
        f"    {change}\n",
        tmp_path,
        monkeypatch,
    )
    with pytest.raises(SpecError, match=said):
        build(environment())


def test_explain_knows_every_variable_of_the_flows_container(environment: Environments) -> None:
    seen = preview(flows.add, environment(job_spec=TWO_CONTAINERS), parameters={"a": 1})
    names = [one["name"] for one in containers(seen.spec)[0]["env"]]
    assert sorted(seen.variables()) == sorted(names)
    layers = {one["name"]: one["layer"] for one in seen.containers[0]["variables"]}
    own = {name for name, layer in layers.items() if layer == "flowenv"}
    assert own == {contract.PAYLOAD, contract.PAYLOAD_SEAL, contract.OUTCOME}


# -- large payloads -----------------------------------------------------------------------


def test_a_payload_over_the_limit_names_it_and_the_way_out(environment: Environments) -> None:
    made = prepare(flows.fail, environment=environment(), parameters={"message": "x" * 1_100_000})
    with pytest.raises(SpecError, match=r"holds 1,048,576.*Set payload_url"):
        _ = made.spec


def test_a_large_payload_goes_to_the_configured_store(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://payloads/")
    configuration.cache_clear()
    made = prepare(flows.fail, environment=environment(), parameters={"message": "x" * 1_100_000})
    url = f"memory://payloads/{made.flow_run.id}.payload.json"
    assert made.spec["payload"]["url"] == url
    assert env(containers(made.spec)[0])["FLOWENV_PAYLOAD"] == url
    assert "secret" not in made.spec


def test_a_small_payload_stays_in_the_secret(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://payloads/")
    configuration.cache_clear()
    assert "payload" not in build(environment())


# -- where it goes ------------------------------------------------------------------------


def kubeconfig(path: Path, **contexts: str | None) -> None:
    entries = [
        {"name": name, "context": {"cluster": "c", "user": "u", "namespace": namespace}}
        for name, namespace in contexts.items()
    ]
    path.write_text(yaml.safe_dump({"contexts": entries, "current-context": next(iter(contexts))}))


def test_the_namespace_is_the_settings_the_files_or_the_contexts(
    environment: Environments, tmp_path: Path
) -> None:
    kubeconfig(tmp_path / "no-kubeconfig", one="from-context", two=None)
    manifest = {**TWO_CONTAINERS, "metadata": {"name": "j", "namespace": "from-file"}}
    assert environment(namespace="given", job_spec=manifest).target_namespace == "given"
    assert environment(job_spec=manifest).target_namespace == "from-file"
    assert environment().target_namespace == "from-context"
    assert environment(context="two").target_namespace == "default"


def test_a_context_that_is_not_there_is_an_error(environment: Environments, tmp_path: Path) -> None:
    kubeconfig(tmp_path / "no-kubeconfig", one="a", two="b")
    with pytest.raises(ConfigurationError, match=r"no context 'three'; it has: one, two"):
        build(environment(context="three"))


def test_a_serialised_environment_carries_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(TWO_CONTAINERS))
    made = KubernetesJobEnvironment(job_spec_file=str(path))
    path.unlink()
    again = KubernetesJobEnvironment.deserialize(json.loads(json.dumps(made.serialize())))
    assert isinstance(again, KubernetesJobEnvironment)
    assert again.manifest.data == TWO_CONTAINERS


# -- where results go ---------------------------------------------------------------------


def with_volume(**volume: Any) -> dict[str, Any]:
    flow = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    pod = {"containers": [flow], "volumes": [{"name": "shared", **volume}]}
    return {"kind": "Job", "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("url", "manifest"),
    [
        ("file:///tmp/results", None),
        ("/results", with_volume(persistentVolumeClaim={"claimName": "c"})),
        ("file:///shared/results", with_volume(emptyDir={})),
    ],
)
def test_results_on_the_pods_own_disk_are_refused_before_the_run(
    environment: Environments, url: str, manifest: dict[str, Any] | None
) -> None:
    metadata = {"image": "repo/flow:1", "results_url": url}
    with pytest.raises(SpecError, match=f"{url}, which is on the disk of the flow's container"):
        build(environment(metadata=metadata, job_spec=manifest))


def test_results_on_a_volume_of_others_are_the_users_affair(environment: Environments) -> None:
    metadata = {"image": "repo/flow:1", "results_url": "file:///shared/results"}
    manifest = with_volume(persistentVolumeClaim={"claimName": "c"})
    assert build(environment(metadata=metadata, job_spec=manifest))["job"]


def test_a_results_url_without_its_package_here_is_a_warning_and_an_unknown_one_an_error(
    environment: Environments, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        metadata = {"image": "repo/flow:1", "results_url": "gs://bucket/of-a-test"}
        build(environment(metadata=metadata))
    assert [one for one in caplog.messages if "gcsfs" in one] == caplog.messages
    assert len(caplog.messages) == 1
    with pytest.raises(ConfigurationError, match="s4"):
        build(environment(metadata={"image": "repo/flow:1", "results_url": "s4://bucket"}))
