"""Where a run makes its cluster of pods, the documented Roles are what it needs, no more."""

from __future__ import annotations

from typing import Any

import pytest

from flowenv.plugin import Reason, State
from flowenv.registry.registry import registry
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.spec.permissions import (
    FORWARDING,
    OF_PODS,
    OF_PODS_HERE,
    OF_PODS_WELL,
)
from flowenv_k8s.api.refusals import Request, rbac_rule
from on_kubernetes.dask_runs import IMAGE, PATIENCE, submit
from on_kubernetes.documented_roles import asked, documented, granted, listed
from rigs.kubernetes import KubernetesRig

pytestmark = pytest.mark.slow

FLOW_ROLE = documented("dask_k8s.md", "flow-runner")
HERE_ROLES = [*FLOW_ROLE, *documented("dask_k8s.md", "flowenv-here")]
ACCOUNT = "system:serviceaccount:default:of-pods"
PODS = {"cluster": "pods", "service_account": "of-pods", "min_workers": 1}
UNUSED = listed(OF_PODS_WELL[0])
"""What only a lost answer brings about."""


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (FLOW_ROLE, listed(*OF_PODS, *OF_PODS_WELL)),
        (HERE_ROLES, listed(*OF_PODS_HERE, *OF_PODS_WELL, *FORWARDING)),
    ],
    ids=["flow-runner", "flowenv-here"],
)
def test_a_documented_role_is_the_list_that_runs_go_by(
    rules: list[dict[str, Any]], wanted: set[Any]
) -> None:
    assert granted(rules) == wanted


@pytest.fixture
def account(operated: KubernetesRig) -> KubernetesRig:
    """A rig with a service account that has the documented Role for the flow."""
    operated.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "of-pods"}})
    operated.access.grant(FLOW_ROLE, user=ACCOUNT)
    return operated


def test_with_the_documented_role_a_run_works_and_all_of_it_is_used(
    account: KubernetesRig,
) -> None:
    crashes = {"kind": "Pod", "spec": {"containers": [{"command": ["false"]}]}}
    waits = {"worker_resources": {"requests": {"cpu": "64"}}, "worker_deadline": 2}
    run = submit("total", PODS)
    unschedulable = submit("total", {**PODS, **waits})
    crashing = submit("total", {**PODS, "worker_spec": crashes})

    assert run.result(PATIENCE) == 45
    assert unschedulable.wait(PATIENCE).reason is Reason.UNSCHEDULABLE
    assert crashing.wait(PATIENCE).reason is Reason.START_ERROR
    assert asked(account, ACCOUNT) - UNUSED == granted(FLOW_ROLE) - UNUSED
    assert account.requests.select(user=ACCOUNT, status=403) == []


@pytest.mark.parametrize("missing", OF_PODS, ids=str)
def test_what_the_flow_may_not_do_is_said_with_its_rule(
    account: KubernetesRig, missing: Request
) -> None:
    with account.access.denied(missing.verb, missing.rbac_resource, user=ACCOUNT):
        status = submit("scheduler", PODS).wait(PATIENCE)

    assert (status.state, status.reason) == (State.CRASHED, Reason.ACCESS_DENIED)
    assert f"Not allowed to {missing.verb} {missing.rbac_resource}" in status.message
    assert rbac_rule(missing) in status.hint
    assert account.requests.count(verb="create", resource="pods", user=ACCOUNT) == 0


@pytest.mark.parametrize("missing", OF_PODS_WELL, ids=str)
def test_a_flow_runs_without_what_only_helps(account: KubernetesRig, missing: Request) -> None:
    with account.access.denied(missing.verb, missing.rbac_resource, user=ACCOUNT):
        assert submit("total", PODS).result(PATIENCE) == 45


def test_the_doctor_knows_the_role_and_no_operator(account: KubernetesRig) -> None:
    environment = DaskKubernetesEnvironment(metadata={"image": IMAGE}, service_account="of-pods")
    hook = registry().hooks("dask_k8s").hook
    found = [one for answer in hook.flowenv_check(environment=environment) for one in answer]

    subjects = {one.subject: one for one in found}
    assert "Dask operator" not in subjects
    assert subjects["environment.run"].ok is True
    assert "Role flow-runner" in subjects["service account"].message
