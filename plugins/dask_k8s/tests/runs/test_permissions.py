"""The documented Roles are what runs on Dask need: no more, and no less."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowenv.plugin import Finding, State, Status
from flowenv.registry.registry import registry
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.spec.permissions import RUNNING, RUNNING_HERE, RUNNING_WELL, SWEEPING
from flowenv_k8s.api.client import forget_connections
from flowenv_k8s.api.refusals import Request, rbac_rule
from on_kubernetes.dask_runs import FLOWS, IMAGE, PATIENCE, nothing_stays, submit
from on_kubernetes.documented_roles import asked, documented, granted, listed
from rigs.kubernetes import KubernetesRig
from rigs.kubernetes.dask_operator import DaskOperator
from rigs.kubernetes.kubeconfig import add_context

pytestmark = pytest.mark.slow

FLOW_ROLE = documented("dask_k8s.md", "flow-runner-operator")
SUBMITTER_ROLES = [*documented("k8s.md", "flowenv"), *documented("dask_k8s.md", "flowenv-dask")]
HERE_ROLES = [*FLOW_ROLE, *documented("dask_k8s.md", "flowenv-here-operator")]
AT_THE_END = ("delete daskclusters", "delete daskautoscalers", "get daskautoscalers")
UNUSED = listed(*RUNNING_WELL[:2])
"""What only an operator that doesn't let go brings about."""


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (FLOW_ROLE, listed(*RUNNING, *RUNNING_WELL)),
        (documented("dask_k8s.md", "flowenv-dask"), listed(*SWEEPING)),
        (HERE_ROLES, listed(*RUNNING_HERE, *RUNNING_WELL)),
    ],
    ids=["flow-runner", "flowenv-dask", "flowenv-here"],
)
def test_a_documented_role_is_the_list_that_the_doctor_goes_by(
    rules: list[dict[str, Any]], wanted: set[Any]
) -> None:
    assert granted(rules) == wanted


@contextmanager
def acting_as(
    rig: KubernetesRig, folder: Path, user: str, rules: list[dict[str, Any]]
) -> Iterator[Path]:
    """This process is a user who may do what some rules allow; the path of its kubeconfig."""
    rig.access.admit(user, user)
    grant = rig.access.grant(rules, user=user)
    path = folder / f"{user}.kubeconfig"
    add_context(path, url=rig.url, token=user, context=user, namespace="default")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(path))
        yield path
    forget_connections()
    rig.access.take_back(grant)


@contextmanager
def account(rig: KubernetesRig, name: str, missing: Request | None = None) -> Iterator[None]:
    """A service account with the documented Role for the flow, perhaps without one right."""
    rig.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    user = f"system:serviceaccount:default:{name}"
    grant = rig.access.grant(FLOW_ROLE, user=user)
    with ExitStack() as stack:
        if missing:
            denied = rig.access.denied(missing.verb, missing.rbac_resource, user=user)
            stack.enter_context(denied)
        yield
    rig.access.take_back(grant)


def test_with_the_documented_roles_a_run_works_and_all_of_them_is_used(
    operated: KubernetesRig, tmp_path: Path
) -> None:
    settings = {"scheduler_logs": True, "max_workers": 2, "service_account": "flow-runner"}
    with (
        acting_as(operated, tmp_path, "submitter", SUBMITTER_ROLES),
        account(operated, "flow-runner"),
    ):
        run = submit("total", {**settings, "min_workers": 1})
        waits = {"worker_resources": {"requests": {"cpu": "64"}}, "worker_deadline": 2}
        unschedulable = submit("total", {**settings, **waits, "min_workers": 1})
        assert run.result(PATIENCE) == 45
        assert unschedulable.wait(PATIENCE).state is State.CRASHED
        environment = run.environment
        hook = registry().hooks("dask_k8s").hook
        list(hook.flowenv_sweep(environment=environment, older_than=0.0, delete=True))

    flows = asked(operated, "system:serviceaccount:default:flow-runner")
    assert flows - UNUSED == granted(FLOW_ROLE) - UNUSED
    for user in ("system:serviceaccount:default:flow-runner", "submitter"):
        refused = operated.requests.select(user=user, status=403)
        assert {one.path for one in refused if one.resource != "namespaces"} == set()


def checked(environment: DaskKubernetesEnvironment) -> list[Finding]:
    answers = registry().hooks("dask_k8s").hook.flowenv_check(environment=environment)
    return [one for answer in answers for one in answer]


def test_with_the_documented_roles_the_doctor_is_content(
    operated: KubernetesRig, tmp_path: Path
) -> None:
    environment = DaskKubernetesEnvironment(metadata={"image": IMAGE}, cluster="operator")
    with acting_as(operated, tmp_path, "submitter", SUBMITTER_ROLES):
        found = {one.subject: one for one in checked(environment)}
        assert [one for one in found.values() if one.ok is False] == []
        assert found["environment.run"].ok is None
        assert 'resources: ["pods/portforward"]' in found["environment.run"].hint
    with acting_as(operated, tmp_path, "notebook", [*SUBMITTER_ROLES, *HERE_ROLES]):
        found = {one.subject: one for one in checked(environment)}
        assert found["environment.run"].ok is True


@pytest.mark.parametrize("missing", SWEEPING, ids=str)
def test_the_doctor_misses_what_a_sweep_needs(
    operated: KubernetesRig, tmp_path: Path, missing: Request
) -> None:
    environment = DaskKubernetesEnvironment(metadata={"image": IMAGE}, cluster="operator")
    with (
        acting_as(operated, tmp_path, "submitter", SUBMITTER_ROLES),
        operated.access.denied(missing.verb, missing.rbac_resource, user="submitter"),
    ):
        wrong, role = (one for one in checked(environment) if one.ok is False)

    assert wrong.subject == f"permission to {missing.verb} {missing.rbac_resource}"
    assert listed(*SWEEPING) <= granted(yaml.safe_load(role.remedy)["rules"])


# -- without one right each: the runs go on at the same time --------------------------------


@pytest.fixture(scope="module")
def ends(
    rig_and_operator: tuple[KubernetesRig, DaskOperator],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Status]:
    """How runs end whose flow lacks one right each, by that right."""
    rig, _ = rig_and_operator
    folder = tmp_path_factory.mktemp("lacking")
    with nothing_stays(rig, folder), ExitStack() as stack:
        runs = {}
        for number, missing in enumerate((*RUNNING, *RUNNING_WELL)):
            name = f"lacks-{number}"
            stack.enter_context(account(rig, name, missing))
            settings = {"service_account": name, "scheduler_logs": True}
            run = runs[str(missing)] = submit("scheduler", settings)
        found = {missing: run.wait(3 * PATIENCE) for missing, run in runs.items()}
        # some may not remove their cluster
        hook, made = registry().hooks("dask_k8s").hook, run.environment
        list(hook.flowenv_sweep(environment=made, older_than=0.0, delete=True))
        return found


@pytest.mark.parametrize("missing", RUNNING, ids=str)
def test_what_the_flow_may_not_do_is_said_with_its_rule(
    ends: dict[str, Status], missing: Request
) -> None:
    status = ends[str(missing)]
    if str(missing) in AT_THE_END:  # the run is over by then; its log says what is left behind
        assert status.state is State.COMPLETED
        return
    assert status.state is State.CRASHED
    assert f"Not allowed to {missing.verb} {missing.rbac_resource}" in status.message
    assert rbac_rule(missing) in status.hint
    assert "service account" in status.hint


@pytest.mark.parametrize("missing", RUNNING_WELL, ids=str)
def test_a_flow_runs_without_what_only_helps(ends: dict[str, Status], missing: Request) -> None:
    assert ends[str(missing)].state is State.COMPLETED


@pytest.mark.parametrize("verb", ["get", "create"])
def test_who_may_not_forward_ports_is_told_at_once(
    operated: KubernetesRig, tmp_path: Path, verb: str
) -> None:
    program = (
        "from flowenv.flows.finding import find_flow\n"
        "from flowenv_dask_k8s import DaskKubernetesEnvironment\n"
        "environment = DaskKubernetesEnvironment(0, 1, cluster='operator',\n"
        f"    metadata={{'image': '{IMAGE}'}})\n"
        f"environment.run(find_flow('{FLOWS}:scheduler'))\n"
    )
    with (
        acting_as(operated, tmp_path, "notebook", HERE_ROLES),
        operated.access.denied(verb, "pods/portforward", user="notebook"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
        )

    assert f"Not allowed to {verb} pods/portforward" in done.stderr
    assert 'resources: ["pods/portforward"]' in done.stderr
    assert len(done.stderr.splitlines()) < 60
    assert operated.requests.count(verb="create", resource="daskclusters") == 0
