"""The pods of scheduler and workers, by default and as the user writes them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import distributed
import pytest
import yaml

from flowenv.errors import SpecError
from flowenv.submission.explain import masked

from .built import CUSTOM_JOB, CUSTOM_POD, RUN_ID, Environments, build, env, pod_of


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
