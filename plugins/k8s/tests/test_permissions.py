"""The documented Role is what flowenv needs: no more, and no less."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from flowenv import attach
from flowenv.errors import FlowenvError
from flowenv.plugin import FlowRun
from flowenv.registry.registry import registry
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import forget_connections
from flowenv_k8s.api.permissions import HELPFUL_PERMISSIONS, NEEDED_PERMISSIONS
from flowenv_k8s.api.refusals import Request, rbac_rule
from flowenv_k8s.api.resources import CONFIG_MAPS
from flowenv_k8s.runs.logs import run_log
from on_kubernetes.documented_roles import asked, documented, granted, listed
from on_kubernetes.job_runs import complete, name_of, pod_of, running
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

USER = "rig-user"
Environments = Callable[..., KubernetesJobEnvironment]
Start = Callable[..., FlowRun]


@pytest.fixture
def role(rig: KubernetesRig) -> Iterator[None]:
    """Whoever has the rig's token may do what the documented Role allows."""
    grant = rig.access.grant(documented("k8s.md", "flowenv"), user=USER)
    yield
    rig.access.take_back(grant)
    for one in rig.objects("Job"):
        rig.delete("Job", one["metadata"]["name"], propagation="Background")
    rig.wait_until(lambda: not _left(rig), "no pod being left")


def _left(rig: KubernetesRig) -> bool:
    """Whether pods are left, of which those without a Job are removed."""
    for one in rig.objects("Pod"):
        if not one["metadata"].get("deletionTimestamp"):
            rig.delete("Pod", one["metadata"]["name"])
    return bool(rig.objects("Pod"))


Step = Callable[[], None]


@pytest.fixture
def steps(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    start: Start,
    environment: Environments,
    monkeypatch: pytest.MonkeyPatch,
) -> list[Step]:
    """All that one does with runs; each step works by itself."""
    monkeypatch.setattr(run_log, "_FRESH", -60.0)  # as if all had begun long ago
    made = environment()
    hook = registry().hooks("k8s").hook

    def runs_and_is_read() -> None:
        run = start()
        running(run)
        list(run.logs())
        kubelet.write(pod_of(rig, run), "one\n")
        assert next(iter(run.logs(follow=True))) == "one"
        complete(rig, kubelet, run)
        run.wait(20)

    def is_submitted_although_answers_are_lost() -> None:
        for resource in ("jobs", "secrets"):
            rig.faults.inject("answer_lost", resource=resource)
        start()

    def is_found_and_cancelled() -> None:
        run = start()
        rig.wait_until(lambda: rig.pods_of(name_of(run)), "the pod")
        forget_connections()  # what follows knows the cluster only
        attach(run.id, made).cancel()

    def does_not_start_in_time() -> None:
        with rig.faults.inject("unschedulable"):
            start(start_deadline=0.1).wait(20)

    def leaves_something() -> None:
        run = start()
        pod_of(rig, run)
        rig.delete("Job", name_of(run), propagation="Orphan")
        complete_pod(rig, kubelet, run)
        list(hook.flowenv_find_runs(environment=made, labels=()))
        for left in hook.flowenv_sweep(environment=made, older_than=0.0, delete=True):
            if left.problem:
                raise FlowenvError(left.problem)

    return [
        runs_and_is_read,
        is_submitted_although_answers_are_lost,
        is_found_and_cancelled,
        does_not_start_in_time,
        leaves_something,
    ]


def complete_pod(rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun) -> None:
    """End a pod that has no Job any more."""
    [pod] = rig.objects("Pod", label_selector=f"flowenv.io/run-id={run.id}")
    kubelet.end(pod["metadata"]["name"])


def test_the_documented_role_is_the_list_that_the_doctor_goes_by() -> None:
    wanted = listed(*NEEDED_PERMISSIONS, *HELPFUL_PERMISSIONS)

    assert granted(documented("k8s.md", "flowenv")) == wanted


@pytest.mark.usefixtures("role")
def test_with_the_documented_role_everything_works_and_all_of_it_is_used(
    rig: KubernetesRig, steps: list[Step]
) -> None:
    for step in steps:
        step()

    # a ConfigMap that another has brought is looked at, and marked; one that is a day old is swept
    rarely = listed(*(Request(verb, CONFIG_MAPS) for verb in ("get", "patch", "delete")))
    assert asked(rig, USER) | rarely == listed(*NEEDED_PERMISSIONS, *HELPFUL_PERMISSIONS)
    assert rig.requests.count(user=USER, status=403) == 0


@pytest.mark.usefixtures("role")
def test_with_the_documented_role_the_doctor_is_content(
    environment: Environments,
) -> None:
    hook = registry().hooks("k8s").hook
    answers = hook.flowenv_check(environment=environment())

    assert [one for found in answers for one in found if one.ok is False] == []


@pytest.mark.usefixtures("role")
@pytest.mark.parametrize("missing", NEEDED_PERMISSIONS, ids=str)
def test_what_is_missing_of_it_is_said_with_its_rule(
    rig: KubernetesRig, steps: list[Step], missing: Request, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[str] = []
    with rig.access.denied(missing.verb, missing.rbac_resource, user=USER):
        for step in steps:
            try:
                step()
            except FlowenvError as error:
                errors.append(str(error))

    errors += caplog.messages  # a Job that can't be ended is deleted, with a warning
    told = [
        one for one in errors if f"Not allowed to {missing.verb} {missing.rbac_resource}" in one
    ]
    assert told, errors
    assert all(rbac_rule(missing) in one for one in told)


@pytest.mark.usefixtures("role")
@pytest.mark.parametrize("missing", HELPFUL_PERMISSIONS[:2], ids=str)
def test_runs_work_without_what_only_helps(
    rig: KubernetesRig, steps: list[Step], missing: Request
) -> None:
    with rig.access.denied(missing.verb, missing.rbac_resource, user=USER):
        for step in steps:
            step()
