"""The Job, the Secret and the DaskCluster that are built from an environment and a run."""

from __future__ import annotations

import copy
import datetime
import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import distributed
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
from flowenv.submission.lifecycle import prepare, prepare_here
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.spec.job import CLUSTER_FILE, cluster_secret, packed
from on_kubernetes.proofs import unsealed

Environments = Callable[..., DaskKubernetesEnvironment]

ROOT = Path(__file__).parents[4]
GOLDEN = Path(__file__).parent / "golden"
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
PARTS = ("scheduler", "worker")
PLUGIN = """
from flowenv import Secret, hookimpl
from flowenv.contract import Target

@hookimpl
def flowenv_environment_variables(target):
    return {"KEY": Secret("for-" + target.value)}
"""


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


def test_the_scheduler_goes_where_the_flow_goes(environment: Environments) -> None:
    pod = pod_of(build(environment(scheduler_spec=CUSTOM_JOB)), "scheduler")
    given = CUSTOM_JOB["spec"]["template"]["spec"]

    for setting in ("nodeSelector", "tolerations", "serviceAccountName", "imagePullSecrets"):
        assert pod[setting] == given[setting]
    assert "volumes" not in pod


def test_the_scheduler_answers_what_the_operator_asks_it(environment: Environments) -> None:
    container = pod_of(build(environment()), "scheduler")["containers"][0]
    routes = json.loads(env(container)["DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES"])
    config = yaml.safe_load(Path(distributed.__file__).with_name("distributed.yaml").read_text())
    default = config["distributed"]["scheduler"]["http"]["routes"]

    assert set(routes) == {*default, "distributed.http.scheduler.api"}
    for route in routes:
        assert importlib.import_module(route).routes


@pytest.mark.parametrize(
    ("pod", "seconds"),
    [
        (None, 5),
        ({"terminationGracePeriodSeconds": 60, "containers": [{}]}, 60),
        ({"containers": [{}, {"name": "sidecar", "image": "b:1"}]}, None),
    ],
)
def test_a_worker_gets_little_time_to_end_unless_its_pod_needs_more(
    pod: dict[str, Any] | None, seconds: int | None, environment: Environments
) -> None:
    worker = {"kind": "Pod", "spec": pod} if pod else None

    found = pod_of(build(environment(worker_spec=worker)), "worker")

    assert found.get("terminationGracePeriodSeconds") == seconds


def test_workers_of_a_run_load_no_dashboard_that_nobody_would_reach(
    environment: Environments,
) -> None:
    container = build(environment(cluster="pods"))["worker_pod"]["spec"]["containers"][0]

    assert {"--no-nanny", "--no-dashboard"} <= set(container["args"])


def test_custom_specs_get_no_pull_secrets_of_ours(environment: Environments) -> None:
    custom = {"scheduler_spec": CUSTOM_JOB, "worker_spec": CUSTOM_POD}

    with pytest.warns(UserWarning, match="isn't added to scheduler_spec and worker_spec"):
        made = environment(image_pull_secret="ours", **custom)
    spec = build(made)

    assert "ours" not in json.dumps(masked(spec))


def test_a_custom_worker_keeps_its_logging_variables(environment: Environments) -> None:
    worker = pod_of(build(environment(worker_spec=CUSTOM_POD)), "worker")["containers"][0]

    assert env(worker)["PREFECT__LOGGING__EXTRA_LOGGERS"] == "['mine']"
    assert env(worker)["PREFECT__LOGGING__LEVEL"] == "INFO"
    assert env(worker)["PREFECT__CONTEXT__FLOW_RUN_ID"] == RUN_ID
    assert env(worker)["KEY"] == {"secretKeyRef": {"name": "s", "key": "k"}}


def test_a_custom_worker_is_kept_alive_by_a_deployment(environment: Environments) -> None:
    assert "restartPolicy" not in pod_of(build(environment(worker_spec=CUSTOM_POD)), "worker")


@pytest.mark.parametrize("command", [["dask", "worker"], ["/start-worker.sh"]])
def test_a_workers_command_stays_the_command(environment: Environments, command: list[str]) -> None:
    container = {"image": "a:1", "command": command}
    spec = build(environment(worker_spec={"spec": {"containers": [container]}}))
    made = pod_of(spec, "worker")["containers"][0]
    assert made["command"] == command
    assert not made.get("args")


@pytest.mark.parametrize("given", [{}, {"spec": {"nodeSelector": {"a": "b"}}}, {"spec": None}])
def test_a_worker_without_a_container_gets_the_default_one(
    environment: Environments, given: dict[str, Any]
) -> None:
    pod = pod_of(build(environment(worker_spec=given)), "worker")
    assert pod["containers"][0]["command"] == ["dask"]
    assert pod.get("nodeSelector") == ((given.get("spec") or {}).get("nodeSelector"))


def test_the_old_name_of_the_service_account_holds_for_the_scheduler(
    environment: Environments,
) -> None:
    job = {"spec": {"template": {"spec": {"serviceAccount": "runner"}}}}
    spec = build(environment(scheduler_spec=job))
    assert pod_of(spec, "scheduler")["serviceAccountName"] == "runner"
    assert environment(scheduler_spec=job).flow_account == "runner"


@pytest.mark.parametrize(
    "container",
    [
        {"args": ["dask-worker", "--no-bokeh", "--death-timeout", "60"], "image": "daskdev/dask"},
        {"command": ["/opt/bin/dask-worker"]},
        {"command": ["sh", "-c", "exec dask-worker $SCHEDULER"]},
        {"args": ["dask", "worker", "--no-bokeh"]},
    ],
)
def test_a_worker_of_earlier_days_is_found_out_with_what_to_write(
    environment: Environments, container: dict[str, Any]
) -> None:
    with pytest.raises(SpecError, match="today's Dask doesn't have") as caught:
        environment(worker_spec={"spec": {"containers": [container]}})
    assert "Leave out command, args and image" in caught.value.hint


def test_worker_resources_merge_with_the_files(environment: Environments) -> None:
    container = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
    made = environment(
        worker_spec={"spec": {"containers": [container]}},
        worker_resources={"limits": {"memory": "4Gi"}},
    )
    assert pod_of(build(made), "worker")["containers"][0]["resources"] == {
        "limits": {"nvidia.com/gpu": 1, "memory": "4Gi"}
    }


def test_an_error_of_the_finished_cluster_names_the_files_line(
    environment: Environments, tmp_path: Path
) -> None:
    path = tmp_path / "worker.yaml"
    path.write_text(
        "spec:\n  containers:\n  - name: w\n    volumeMounts:\n    - {name: d, mountPath: /d}\n"
    )
    with pytest.raises(SpecError, match=r"worker\.yaml:5 \(spec\.dask_cluster\): there is no vol"):
        build(environment(worker_spec_file=str(path)))


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
