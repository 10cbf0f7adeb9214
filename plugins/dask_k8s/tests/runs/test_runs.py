"""What reaches the pods of a run and its log: the real operator, with pods that run."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from flowenv.plugin import Reason, State, Status
from flowenv.registry import registry
from on_kubernetes.dask_objects import OF_THE_CLUSTER, line_with
from on_kubernetes.dask_runs import FLOWS, IMAGE, PATIENCE, nothing_stays, of_runs, submit
from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.dask_operator import DaskOperator
from rigs.kubernetes.kubeconfig import add_context

KEY = b"s3cret-that-nobody-may-read"

pytestmark = pytest.mark.slow


@pytest.fixture
def secret_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plugin gives all containers a secret; the name of the variable."""
    plugin = tmp_path / "vault.py"
    plugin.write_text(
        "from flowenv import Secret, hookimpl\n\n\n@hookimpl\n"
        "def flowenv_environment_variables():\n"
        f"    return {{'API_KEY': Secret('{KEY.decode()}')}}\n"
    )
    monkeypatch.setenv("FLOWENV_PLUGINS", str(plugin))
    registry.reset()
    return "API_KEY"


def test_a_secret_variable_arrives_everywhere_and_shows_nowhere(
    operated: KubernetesRig,
    rig_and_operator: tuple[KubernetesRig, DaskOperator],
    secret_variable: str,
    tmp_path: Path,
) -> None:
    settings = {"min_workers": 1, "log_k8s_errors": True, "scheduler_logs": True}
    run = submit("fingerprints", settings, variable=secret_variable, until=str(tmp_path / "seen"))
    line_with(run, "looked")
    pods = [pod["metadata"]["name"] for pod in of_runs(operated, "Pod")]
    objects = json.dumps([operated.objects(kind) for kind in (*OF_THE_CLUSTER, "Job", "Event")])
    logs = "".join(map(operated.log, pods)) + rig_and_operator[1].log
    (tmp_path / "seen").touch()

    found = run.result(PATIENCE)

    requests = str([one.body for one in operated.requests if one.resource != "secrets"])
    assert found == dict.fromkeys(("flow", "scheduler", "worker"), sha256(KEY).hexdigest())
    assert len(pods) == 3
    assert secret_variable in objects
    assert secret_variable in requests
    for shown in (objects, requests, logs, "\n".join(run.logs())):
        assert KEY.decode() not in shown
        assert base64.b64encode(KEY).decode() not in shown


@pytest.fixture
def strict(operated: KubernetesRig) -> Iterator[None]:
    """The namespace enforces Pod Security at the level `restricted`."""

    def enforce(level: str | None) -> None:
        found = operated.get("Namespace", "default")
        found["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": level}
        operated.apply(found)

    enforce("restricted")
    yield
    enforce(None)


NOBODY = {"securityContext": {"runAsUser": 1000}}
JOB_OF_NOBODY = {"kind": "Job", "spec": {"template": {"spec": {**NOBODY, "containers": [{}]}}}}


@pytest.mark.usefixtures("strict")
def test_workers_that_pod_security_refuses_are_not_waited_for() -> None:
    run = submit("scheduler", {"scheduler_spec": JOB_OF_NOBODY, "min_workers": 1})

    status = run.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "The Dask worker can't run: " in status.message
    assert "runAsNonRoot != true" in status.message
    assert "securityContext" in status.hint


@pytest.mark.usefixtures("strict")
def test_a_run_passes_restricted_pod_security_and_only_its_flow_has_a_token() -> None:
    worker = {"kind": "Pod", "spec": {**NOBODY, "containers": [{}]}}

    settings = {"scheduler_spec": JOB_OF_NOBODY, "worker_spec": worker, "min_workers": 1}
    run = submit("has_token", settings)

    assert run.result(PATIENCE) == {"flow": True, "scheduler": False, "worker": False}


@pytest.mark.usefixtures("strict")
def test_workers_of_a_runs_own_are_refused_and_pass_in_the_same_way() -> None:
    own = {"cluster": "pods", "scheduler_spec": JOB_OF_NOBODY, "min_workers": 1}
    worker = {"kind": "Pod", "spec": {**NOBODY, "containers": [{}]}}
    refused, passed = submit("scheduler", own), submit("has_token", {**own, "worker_spec": worker})

    status = refused.wait(PATIENCE)
    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "The Dask worker can't run: " in status.message
    assert "runAsNonRoot != true" in status.message
    assert "securityContext" in status.hint
    # the scheduler is in the flow's container
    assert passed.result(PATIENCE) == {"flow": True, "scheduler": True, "worker": False}


@pytest.fixture
def another_context(operated: KubernetesRig, tmp_path: Path) -> str:
    """A context that isn't the kubeconfig's current one, where nobody answers."""
    add_context(
        tmp_path / "kubeconfig",
        url="http://127.0.0.1:1",
        token="t",
        context="nobody-there",
        namespace="default",
    )
    return "rig"


def test_a_run_goes_to_the_context_that_is_chosen(another_context: str) -> None:
    run = submit("scheduler", {"context": another_context})

    assert run.result(PATIENCE).startswith("Scheduler-")


def test_a_cluster_for_a_flow_here_is_made_in_the_context_that_is_chosen(
    another_context: str,
) -> None:
    program = (
        "from flowenv.flows.finding import find_flow\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        "environment = DaskKubernetesEnvironment(0, 1, cluster='operator',\n"
        f"    metadata={{'image': '{IMAGE}'}},\n"
        f"    context={another_context!r})\n"
        f"print(environment.run(find_flow('{FLOWS}:scheduler')))\n"
    )

    # a process of its own: forwarded ports stay open in it until it ends
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the flow runs\nScheduler-")
    assert "Dask dashboard: http://127.0.0.1:" in done.stderr


def test_a_script_that_is_asked_to_end_removes_the_cluster_of_its_flow(
    operated: KubernetesRig,
) -> None:
    program = (
        "from flowenv.flows.finding import find_flow\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        "environment = DaskKubernetesEnvironment(0, 1, cluster='operator',\n"
        f"    metadata={{'image': '{IMAGE}'}})\n"
        f"environment.run(find_flow('{FLOWS}:wait_for_ever'))\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as script:
        assert script.stdout
        assert script.stdout.readline() == "waiting\n"
        script.terminate()

        assert script.wait(PATIENCE) == -signal.SIGTERM

    assert of_runs(operated, "DaskCluster") == []


def job_with(entry: dict[str, str]) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"image": IMAGE, "env": [entry]}]}
    return {"kind": "Job", "spec": {"template": {"spec": pod}}}


def test_a_flow_that_is_killed_gets_another_cluster_where_its_job_tries_again(
    operated: KubernetesRig, tmp_path: Path
) -> None:
    job = job_with({"name": "ANY", "value": "thing"})
    job["spec"]["backoffLimit"] = 1

    run = submit("dies_at_first", {"scheduler_spec": job}, note=str(tmp_path / "note"))

    first, second = run.result(PATIENCE)
    assert first != second
    assert any("Removing the cluster of an earlier attempt." in line for line in run.logs())


# -- runs at the same time: what is looked at is there when they are over ------------------


def preload(target: str, package: str, version: str) -> dict[str, str]:
    """The variable that has a Dask process say that it has another version."""
    program = (
        "import distributed.versions as known; "
        "known.told = getattr(known, 'told', known.get_package_info); "  # it is executed twice
        f"known.get_package_info = lambda names: known.told(names) | {{{package!r}: {version!r}}}"
    )
    return {"name": f"DASK_DISTRIBUTED__{target}__PRELOAD", "value": json.dumps([program])}


OTHER_DISTRIBUTED = preload("SCHEDULER", "distributed", "2021.1.0")
OTHER_PYTHON = preload("WORKER", "python", "3.9.1.final.0")
NO_FLOWENV = {
    "name": "DASK_DISTRIBUTED__WORKER__PRELOAD",
    "value": json.dumps(["import sys; sys.modules['flowenv'] = None"]),
}
SMALL = ["dask", "worker", "--nthreads", "1", "--name", "$(DASK_WORKER_NAME)"]
SMALL += ["--memory-limit", "250MiB", "--no-dashboard"]


def worker_with(**container: Any) -> dict[str, Any]:
    return {"kind": "Pod", "spec": {"containers": [container]}}


SETTINGS: dict[str, dict[str, Any]] = {
    "log_k8s_errors": {"log_k8s_errors": True},
    "scheduler_logs": {"scheduler_logs": True},
    "another distributed": {"scheduler_spec": job_with(OTHER_DISTRIBUTED)},
    "another Python": {"worker_spec": worker_with(env=[OTHER_PYTHON]), "min_workers": 1},
    "no flowenv": {"worker_spec": worker_with(env=[NO_FLOWENV]), "min_workers": 1},
    "the kernel": {"min_workers": 1},
    "little memory": {"worker_spec": worker_with(args=SMALL), "min_workers": 1},
}
FLOW_OF = {"little memory": "eats_memory", "the kernel": "loses_workers_to_the_kernel"}
"""The flows of these runs, where it isn't `scheduler`."""


@dataclass(frozen=True)
class Ended:
    status: Status
    log: list[str]


@pytest.fixture(scope="module")
def ended(
    rig_and_operator: tuple[KubernetesRig, DaskOperator],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Ended]:
    """How runs with these settings end, and their logs."""
    rig, _ = rig_and_operator
    with nothing_stays(rig, tmp_path_factory.mktemp("settings")):
        runs = {
            name: submit(FLOW_OF.get(name, "scheduler"), settings)
            for name, settings in SETTINGS.items()
        }
        return {name: Ended(run.wait(PATIENCE), list(run.logs())) for name, run in runs.items()}


def test_the_runs_log_has_what_dask_kubernetes_logs_when_asked_to(ended: dict[str, Ended]) -> None:
    assert any(" DEBUG kr8s." in line for line in ended["log_k8s_errors"].log)
    assert not any(" kr8s." in line for line in ended["scheduler_logs"].log)


def test_the_runs_log_has_the_schedulers_when_asked_to(ended: dict[str, Ended]) -> None:
    [start] = [line for line in ended["scheduler_logs"].log if "Scheduler at:" in line]

    assert " INFO flowenv.dask_k8s.scheduler: " in start
    assert not any("Scheduler at:" in line for line in ended["log_k8s_errors"].log)


def test_a_scheduler_with_another_distributed_is_refused_before_the_flow(
    ended: dict[str, Ended],
) -> None:
    status, log = ended["another distributed"].status, ended["another distributed"].log

    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "client: Python 3." in status.message
    assert "distributed 2021.1.0" in status.message.partition("scheduler: ")[2]
    assert "the flow runs" not in log


def test_a_worker_with_another_python_is_refused_before_the_flow(ended: dict[str, Ended]) -> None:
    status, log = ended["another Python"].status, ended["another Python"].log

    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "Python 3.9, dask" in status.message.partition("worker tcp://")[2]
    assert "the flow runs" not in log


def test_a_worker_without_flowenv_is_the_images_fault(ended: dict[str, Ended]) -> None:
    status = ended["no flowenv"].status

    assert (status.state, status.reason) == (State.CRASHED, Reason.CONFIGURATION)
    assert "can't import flowenv, which the flow's process can" in status.message
    assert "worker_spec" in status.hint


@pytest.mark.parametrize(
    ("which", "words"),
    [("little memory", "exceeded 95% memory budget"), ("the kernel", "was killed by signal 9")],
)
def test_workers_that_are_killed_for_their_memory_say_so(
    ended: dict[str, Ended], which: str, words: str
) -> None:
    status = ended[which].status

    assert (status.state, status.reason) == (State.CRASHED, Reason.OOM_KILLED)
    assert words in status.message
    assert "worker_resources" in status.hint
