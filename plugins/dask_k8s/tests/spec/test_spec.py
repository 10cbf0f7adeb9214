"""The Job, the Secret and the DaskCluster that are built from an environment and a run."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dask_kubernetes.operator.validation import validate_cluster_name
from hypothesis import given
from hypothesis import strategies as st

from flowenv import Flow, Secret, preview
from flowenv.errors import SpecError
from flowenv.plugin import configuration
from flowenv.registry.registry import reset
from flowenv.submission.explain import masked
from flowenv.submission.lifecycle import prepare_here
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.spec.job import CLUSTER_FILE, cluster_secret, packed
from on_kubernetes.proofs import unsealed

from .built import CUSTOM_JOB, CUSTOM_POD, RUN_ID, Environments, build, env, pod_of, prepared

ROOT = Path(__file__).parents[4]
GOLDEN = Path(__file__).parent / "golden"
PARTS = ("scheduler", "worker")
PLUGIN = """
from flowenv import Secret, hookimpl
from flowenv.contract import Target

@hookimpl
def flowenv_environment_variables(target):
    return {"KEY": Secret("for-" + target.value)}
"""


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("default", {"namespace": "team-a", "labels": ["nightly"]}),
        (
            "custom_specs",
            {"namespace": "team-a", "scheduler_spec": CUSTOM_JOB, "worker_spec": CUSTOM_POD},
        ),
        ("pods", {"namespace": "team-a", "cluster": "pods", "worker_spec": CUSTOM_POD}),
        (
            "settings",
            {
                "min_workers": 2,
                "max_workers": 9,
                "work_stealing": False,
                "scheduler_logs": True,
                "image_pull_secret": "a,b",
                "namespace": "team-a",
                "image_pull_policy": "Always",
                "service_account": "runner",
                "resources": {"limits": {"cpu": "1"}},
                "scheduler_resources": {"limits": {"memory": "1Gi"}},
                "worker_resources": {"limits": {"memory": "4Gi"}},
                "nthreads": 2,
                "idle_timeout": 60,
                "deadline": 3600,
                "ttl": 60,
            },
        ),
    ],
)
def test_the_complete_request(
    name: str, settings: dict[str, Any], environment: Environments
) -> None:
    built = json.loads(unsealed(json.dumps(masked(build(environment(**settings))))))
    path = GOLDEN / f"{name}.yaml"
    if not path.exists():  # delete a file to have it written anew
        path.write_text(yaml.safe_dump(built, sort_keys=False, width=100))
        pytest.fail(f"{path} was written; check it")

    assert built == yaml.safe_load(path.read_text())


@pytest.mark.parametrize("configured", ["", "flowenv.executors.LocalExecutor"])
def test_every_container_is_told_of_the_dask_executor(
    environment: Environments, monkeypatch: pytest.MonkeyPatch, configured: str
) -> None:
    """As recorded of the contract's original."""
    if configured:
        monkeypatch.setenv("PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS", configured)
    spec = build(environment(scheduler_spec=CUSTOM_JOB, worker_spec=CUSTOM_POD))
    pods = [spec["job"]["spec"]["template"]["spec"], *(pod_of(spec, p) for p in PARTS)]
    for container in (one for pod in pods for one in pod["containers"]):
        told = env(container)["PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS"]
        assert told == "prefect.executors.DaskExecutor"


def pods_of(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The pods of a run, by who they are."""
    cluster = spec["dask_cluster"]["spec"]
    return {
        "flow": spec["job"]["spec"]["template"]["spec"],
        "scheduler": cluster["scheduler"]["spec"],
        "worker": cluster["worker"]["spec"],
    }


def with_context(of_pod: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    pod = {"securityContext": of_pod, "containers": [{"securityContext": own}]}
    return {"kind": "Job", "spec": {"template": {"spec": {**pod, "restartPolicy": "Never"}}}}


def test_explain_knows_every_variable_of_the_flows_container(environment: Environments) -> None:
    seen = preview(flows.add, environment(), parameters={"a": 1})
    flow = seen.spec["job"]["spec"]["template"]["spec"]["containers"][0]
    assert sorted(seen.variables()) == sorted(one["name"] for one in flow["env"])


def test_the_schedulers_container_may_do_what_the_flows_may(environment: Environments) -> None:
    given = with_context({"fsGroup": 7}, {"runAsUser": 5, "capabilities": {"add": ["SYS_PTRACE"]}})

    pods = pods_of(build(environment(scheduler_spec=given)))

    for which in ("flow", "scheduler"):
        assert pods[which]["securityContext"] == {"fsGroup": 7}
        assert pods[which]["containers"][0]["securityContext"] == {
            "runAsUser": 5,
            "capabilities": {"add": ["SYS_PTRACE"]},
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
            "runAsNonRoot": True,
        }


def test_only_the_flow_can_act_as_its_service_account(environment: Environments) -> None:
    given = with_context({}, {})
    given["spec"]["template"]["spec"]["automountServiceAccountToken"] = True
    asks = {"kind": "Pod", "spec": {"automountServiceAccountToken": True, "containers": [{}]}}

    def mounts(**settings: Any) -> dict[str, bool]:
        pods = pods_of(build(environment(service_account="runner", **settings)))
        return {which: pod["automountServiceAccountToken"] for which, pod in pods.items()}

    assert mounts() == {"flow": True, "scheduler": False, "worker": False}
    assert mounts(scheduler_spec=given) == {"flow": True, "scheduler": False, "worker": False}
    assert mounts(worker_spec=asks) == {"flow": True, "scheduler": False, "worker": True}


def test_the_documented_network_policy_selects_all_pods_of_a_run(
    environment: Environments,
) -> None:
    page = (ROOT / "docs/backends/dask_k8s.md").read_text()
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    [policy] = [one for one in blocks if one["kind"] == "NetworkPolicy"]
    from_runs, from_operator = policy["spec"]["ingress"]
    selector = policy["spec"]["podSelector"]
    built = build(environment())

    assert from_runs == {"from": [{"podSelector": selector}]}
    [expression] = selector["matchExpressions"]
    assert expression["operator"] == "Exists"
    # the operator gives the cluster's labels to all that it makes
    for labelled in (built["job"]["spec"]["template"], built["dask_cluster"]):
        assert expression["key"] in labelled["metadata"]["labels"]
    ports = [one["containerPort"] for one in pods_of(built)["scheduler"]["containers"][0]["ports"]]
    assert [one["port"] for one in from_operator["ports"]] == ports


def test_everything_carries_the_runs_labels(environment: Environments) -> None:
    spec = build(environment(labels=["nightly"]))

    for part in ("job", "secret", "dask_cluster"):
        labels = spec[part]["metadata"]["labels"]
        assert labels["flowenv.io/run-id"] == RUN_ID
        assert labels["flowenv.io/label-nightly"] == "true"


@pytest.mark.parametrize("name", ["nightly", "n" * 63])
def test_the_cluster_is_named_as_the_job_is(name: str, environment: Environments) -> None:
    job = {**CUSTOM_JOB, "metadata": {"name": name}}

    spec = build(environment(scheduler_spec=job))

    base, _, run = spec["job"]["metadata"]["name"].rpartition("-")
    cluster = spec["dask_cluster"]["metadata"]["name"]
    assert cluster == f"{base[: 53 - len(run) - 1]}-{run}"
    validate_cluster_name(cluster)


def test_the_token_reaches_the_flow_only(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", "tok-123")
    spec = build(environment())

    assert "AUTH_TOKEN" not in json.dumps(masked(spec["dask_cluster"]))
    assert spec["secret"]["stringData"]["PREFECT__CLOUD__AUTH_TOKEN"].reveal() == "tok-123"


def test_secret_variables_of_all_targets_go_to_the_one_secret(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "secret_plugin.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setenv("FLOWENV_PLUGINS", str(plugin))
    reset()
    spec = build(environment())
    values = spec["secret"]["stringData"]

    found = {}
    for part in ("scheduler", "worker"):
        reference = env(pod_of(spec, part)["containers"][0])["KEY"]["secretKeyRef"]
        assert reference["name"] == spec["secret"]["metadata"]["name"]
        found[part] = values[reference["key"]].reveal()
    assert found == {"scheduler": "for-scheduler", "worker": "for-worker"}
    assert "for-worker" not in json.dumps(masked(spec))


def test_a_cluster_without_a_job_gets_only_the_secrets_it_refers_to(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", "tok-123")
    assert cluster_secret(build(environment())) is None
    plugin = tmp_path / "secret_plugin.py"
    plugin.write_text(PLUGIN)
    monkeypatch.setenv("FLOWENV_PLUGINS", str(plugin))
    reset()

    found = cluster_secret(build(environment()))

    assert found is not None
    assert {value.reveal() for value in found["stringData"].values()} == {
        "for-scheduler",
        "for-worker",
    }


def test_what_plugins_change_in_the_cluster_is_what_is_shipped(environment: Environments) -> None:
    spec = build(environment())
    spec["dask_cluster"]["spec"]["worker"]["spec"]["nodeSelector"] = {"pool": "gpu"}

    shipped = json.loads(packed(spec, environment())["secret"]["stringData"][CLUSTER_FILE].reveal())

    assert shipped == spec["dask_cluster"]
    assert spec["secret"]["stringData"][CLUSTER_FILE].reveal() == ""


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("metadata", "name"), "a" * 54, "at most 53"),
        (("metadata", "name"), "a.b", "at most 53"),
        (("spec", "scheduler", "spec", "containers"), [], "no containers"),
        (("spec", "scheduler", "spec", "containers", 0, "args"), [], "no args"),
        (("spec", "worker", "spec", "containers", 0, "image"), "", "no image"),
        (("spec", "worker", "metadata"), {"labels": {"a b": "c"}}, "no valid label"),
        (("spec", "worker", "note"), Secret("x"), "would show to everybody"),
    ],
)
def test_what_the_operator_would_refuse_is_refused_here(
    path: tuple[str | int, ...], value: Any, words: str, environment: Environments
) -> None:
    made = prepared(environment())
    spec = made.spec
    place: Any = spec["dask_cluster"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    with pytest.raises(SpecError, match=words):
        made.flow_run.environment.validate_spec(spec, made.flow_run)


def test_a_cluster_that_makes_the_secret_too_large_is_refused(environment: Environments) -> None:
    made = prepared(environment())
    notes = made.spec["dask_cluster"]["metadata"]["annotations"]
    notes["note"] = "x" * (1024 * 1024)

    with pytest.raises(SpecError, match="holds 1,048,576"):
        made.flow_run.environment.validate_spec(made.spec, made.flow_run)


@given(name=st.text(min_size=1).filter(lambda text: text.strip()))
def test_the_operator_takes_every_clusters_name(name: str) -> None:
    environment = DaskKubernetesEnvironment(metadata={"image": "a:1"}, cluster="operator")

    spec = build(environment, Flow(flows.add.function, name=name))

    validate_cluster_name(spec["dask_cluster"]["metadata"]["name"])


class TestWhatWorkersFind:
    """Scheduler and workers find flowenv and what the flow requires, as the flow does."""

    @pytest.fixture
    def pods(
        self, monkeypatch: pytest.MonkeyPatch, environment: Environments
    ) -> Callable[..., list[dict[str, Any]]]:
        monkeypatch.setenv("FLOWENV_RUNTIME", "shipped")
        configuration.cache_clear()
        needy: Flow[..., Any] = Flow(dict, requirements=["parcel>=1"])

        def build(**settings: Any) -> list[dict[str, Any]]:
            spec = preview(needy, environment(**settings)).spec["dask_cluster"]["spec"]
            return [spec[part]["spec"] for part in ("scheduler", "worker")]

        return build

    def test_both_start_by_the_checked_command(
        self, pods: Callable[..., list[dict[str, Any]]]
    ) -> None:
        for pod, program in zip(pods(), ("scheduler", "worker"), strict=True):
            [container] = pod["containers"]
            assert container["command"][:2] == ["/bin/sh", "-c"]
            assert container["command"][3:] == ["flowenv", "dask"]
            assert container["args"][0] == program
            variables = {one["name"]: one.get("value") for one in container["env"]}
            assert variables["FLOWENV_REQUIREMENTS"] == '["parcel>=1"]'
            assert variables["FLOWENV_RUNTIME_FILE"].startswith("/var/run/flowenv-runtime/")
            [volume] = [one for one in pod["volumes"] if "configMap" in one]
            assert volume["configMap"]["name"].startswith("flowenv-runtime-")

    def test_a_command_of_the_users_is_run_by_it_and_an_image_s_own_is_left_alone(
        self, pods: Callable[..., list[dict[str, Any]]]
    ) -> None:
        own = copy.deepcopy(CUSTOM_POD)
        _, worker = pods(worker_spec=own)
        assert worker["containers"][0]["args"] == ["dask", "worker", "--nthreads", "1"]
        assert "command" not in worker["containers"][0]
        own["spec"]["containers"][0]["command"] = ["/opt/start"]
        _, worker = pods(worker_spec=own)
        assert worker["containers"][0]["command"][3:] == ["flowenv", "/opt/start"]
        assert worker["containers"][0]["args"][0] == "dask"


def test_resources_of_a_scheduler_that_is_in_the_flows_container_are_spoken_of(
    environment: Environments,
) -> None:
    settings = {"cluster": "pods", "scheduler_resources": {"limits": {"memory": "1Gi"}}}
    made = prepared(environment(**settings))
    with pytest.warns(UserWarning, match=r"scheduler_resources doesn't count.*\(resources\)"):
        assert made.spec
    assert "scheduler_job" in prepare_here(made.flow_run).spec  # there it counts
