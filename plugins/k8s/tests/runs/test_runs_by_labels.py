"""Attach, find and sweep: from another process, by labels alone; and what doctor finds."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from flowenv import RunSummary, attach, find_runs, submit
from flowenv.errors import PlatformError, RunNotFound, UnsupportedOperation
from flowenv.journal.notes import journal
from flowenv.known_runs.sweeping import sweep as sweep_what_is_asked_for
from flowenv.plugin import (
    Environment,
    Finding,
    FlowRun,
    Leftover,
    Outcome,
    State,
    configuration,
    storage,
)
from flowenv.registry.registry import registry
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import forget_connections
from flowenv_k8s.runs import sweep
from flowenv_k8s.runs.brought import use
from on_kubernetes.documented_roles import documented, granted
from on_kubernetes.proofs import proof
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

Environments = Callable[..., KubernetesJobEnvironment]


@pytest.fixture(autouse=True)
def empty(rig: KubernetesRig) -> Iterator[None]:
    yield
    for job in rig.objects("Job"):
        rig.delete("Job", job["metadata"]["name"], propagation="Background")
    rig.wait_until(lambda: not rig.objects("Pod"), "no pods")


@pytest.fixture
def start(rig: KubernetesRig, environment: Environments) -> Callable[..., FlowRun]:
    def start(labels: tuple[str, ...] = (), **settings: Any) -> FlowRun:
        made = environment(**settings)
        run = submit(flows.add, environment=made, parameters={"a": 1}, labels=labels)
        rig.wait_until(lambda: pods(rig, run), "the pod")
        forget_connections()  # what follows knows the cluster only
        return run

    return start


Start = Callable[..., FlowRun]


def pods(rig: KubernetesRig, run: FlowRun) -> list[str]:
    found = rig.pods_of(run.reference.partition("/")[2])
    return [p["metadata"]["name"] for p in found if p["status"]["phase"] == "Running"]


def end(rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun, result: int = 3) -> None:
    record = Outcome(run.id, State.COMPLETED, result=result, has_result=True, proof=proof(run))
    kubelet.end(pods(rig, run)[0], message=record.to_bytes().decode())
    name = run.reference.partition("/")[2]
    rig.wait_for("Job", name, lambda job: job["status"].get("completionTime"))


def hook(environment: Environment) -> Any:
    return registry().hooks(environment.backend).hook


def swept(environment: Environment, **more: Any) -> list[Leftover]:
    arguments = {"older_than": 0.0, "delete": True, **more}
    return list(hook(environment).flowenv_sweep(environment=environment, **arguments))


# -- attach ------------------------------------------------------------------------------


def test_a_run_is_attached_by_reference_name_or_id(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start(labels=("nightly",))
    end(rig, kubelet, run, result=7)
    for reference in (run.reference, run.reference.partition("/")[2], run.id):
        found = attach(reference, run.environment)
        assert (found.id, found.flow_name, found.labels) == (run.id, "add", ("nightly",))
        assert found.created == run.created
        assert found.result(20) == 7


def test_a_job_that_no_run_made_is_no_run(rig: KubernetesRig, environment: Environments) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
    spec = {"template": {"spec": pod}}
    rig.apply(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "other"}, "spec": spec}
    )
    with pytest.raises(RunNotFound, match="No flowenv run made the Job other"):
        attach("other", environment())
    with pytest.raises(RunNotFound, match="There is no Job nothing"):
        attach("team-a/nothing", environment())


# -- find --------------------------------------------------------------------------------


def test_runs_are_found_by_all_of_their_labels(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, environment: Environments
) -> None:
    first = start(labels=("nightly", "team a/gpu"))
    second = start(labels=("nightly",))
    end(rig, kubelet, second)

    def found(*labels: str) -> dict[str, State]:
        made = environment()
        runs = hook(made).flowenv_find_runs(environment=made, labels=labels)
        return {one.run_id: one.status.state for one in runs}

    assert found() == {first.id: State.RUNNING, second.id: State.COMPLETED}
    assert set(found("nightly", "team a/gpu")) == {first.id}
    assert found("other") == {}


def test_a_found_run_says_who_submitted_it_with_what_and_when_it_ran(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    start: Start,
    environment: Environments,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWENV_SUBMITTER", "ada@mill")
    run = start(labels=("marked",))

    def found() -> RunSummary:
        (one,) = find_runs(environment(), labels=["marked"], mine=True)
        return one

    running = found()
    assert (running.submitter, running.parameters) == ("ada@mill", {"a": "1"})
    assert running.started is not None
    assert running.ended is None
    end(rig, kubelet, run)
    over = found()
    assert over.created is not None
    assert over.ended is not None
    assert over.created.replace(microsecond=0) <= running.started <= over.ended
    assert over.seconds() == (over.ended - running.started).total_seconds()
    again = attach(run.reference, environment())
    assert (again.submitter, again.shown_parameters) == ("ada@mill", {"a": "1"})
    monkeypatch.setenv("FLOWENV_SUBMITTER", "bob@mill")
    assert find_runs(environment(), labels=["marked"], mine=True) == []


def test_a_job_whose_pod_is_gone_still_says_when_it_ran(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, environment: Environments
) -> None:
    run = start(labels=("podless",))
    (pod,) = pods(rig, run)
    end(rig, kubelet, run)
    rig.delete("Pod", pod)
    (over,) = find_runs(environment(), labels=["podless"])
    assert over.status.state.is_final
    assert over.started is not None
    assert over.ended is not None


def test_finding_costs_two_requests_however_many_runs_there_are(
    rig: KubernetesRig, start: Start, environment: Environments
) -> None:
    for _ in range(4):
        start()
    rig.requests.clear()
    made = environment()
    assert len(list(hook(made).flowenv_find_runs(environment=made, labels=()))) == 4
    assert len(rig.requests) == 2


def test_a_namespace_that_does_not_exist_has_no_runs_and_that_is_said(
    rig: KubernetesRig, environment: Environments
) -> None:
    made = environment(namespace="nowhere")
    with pytest.raises(PlatformError, match="There is no namespace nowhere"):
        list(hook(made).flowenv_find_runs(environment=made, labels=()))
    with rig.access.denied("get", "namespaces"):
        assert list(hook(made).flowenv_find_runs(environment=made, labels=())) == []


# -- sweep -------------------------------------------------------------------------------


def test_a_sweep_lists_finished_runs_and_removes_them_when_told(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    over, going = start(), start()
    end(rig, kubelet, over)
    listed = swept(over.environment, delete=False)
    assert [(one.kind, one.name, one.run_id) for one in listed] == [
        ("Job", over.reference, over.id)
    ]
    assert [one.removed for one in swept(over.environment)] == [True]
    rig.wait_until(lambda: len(rig.objects("Secret")) == 1, "the Secret being gone")
    assert pods(rig, going)


def test_a_sweep_leaves_younger_things_alone(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    end(rig, kubelet, run)
    assert swept(run.environment, older_than=3600.0) == []


def test_a_sweep_ends_what_a_killed_submitter_left(
    rig: KubernetesRig, environment: Environments
) -> None:
    """The Job is there and the Secret isn't: its pod never starts."""
    made = environment(start_deadline=0.1)
    prepared = prepare(flows.add, environment=made, parameters={"a": 1})
    with rig.faults.inject("unschedulable", times=None):
        rig.apply(prepared.spec["job"])
        rig.wait_until(lambda: swept(made, delete=False), "it being late")
        assert [one.run_id for one in swept(made)] == [prepared.flow_run.id]
    assert rig.objects("Job") == []


def test_a_sweep_removes_pods_whose_job_is_gone_once_they_have_ended(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    rig.delete("Job", run.reference.partition("/")[2], propagation="Orphan")
    assert swept(run.environment) == []
    [pod] = rig.objects("Pod")
    kubelet.end(pod["metadata"]["name"])
    rig.wait_for("Pod", pod["metadata"]["name"], lambda one: one["status"]["phase"] != "Running")
    found = swept(run.environment)
    assert [(one.kind, one.removed) for one in found] == [("Pod", True)]
    rig.wait_until(lambda: not rig.objects("Pod"), "the pod being gone")


def test_what_goes_with_a_swept_job_is_not_left_over(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    end(rig, kubelet, run)
    with rig.faults.inject("collector_slow"):
        assert [one.removed for one in swept(run.environment)] == [True]
        (pod,) = rig.objects("Pod")
        assert pod["status"]["phase"] == "Succeeded"
        assert swept(run.environment, delete=False) == []
    rig.wait_until(lambda: not rig.objects("Pod"), "the pod being gone")


@pytest.mark.parametrize(("minutes", "is_left"), [(1, False), (10, True)])
def test_what_is_being_deleted_is_left_over_only_if_it_does_not_go(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, minutes: int, is_left: bool
) -> None:
    run = start()
    end(rig, kubelet, run)
    (job,) = rig.objects("Job")
    ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    going = job["metadata"] | {"deletionTimestamp": f"{ago:%Y-%m-%dT%H:%M:%SZ}"}
    assert sweep.is_going({"metadata": going}) is not is_left
    assert not sweep.is_going(job)


def test_a_sweep_removes_flowenv_from_a_namespace_where_no_run_needs_it(
    rig: KubernetesRig, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    (name,) = {one["metadata"]["name"] for one in rig.objects("ConfigMap")}
    monkeypatch.setattr(use, "age_of", lambda found: 2 * 86400.0)
    assert name not in [one.name for one in swept(run.environment)]
    run.cancel()
    left = swept(run.environment)
    assert [(one.kind, one.removed, one.problem) for one in left] == [("ConfigMap", True, "")]
    assert rig.objects("ConfigMap") == []


def test_a_sweep_removes_large_payloads_too(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    environment: Environments,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://swept")
    configuration.cache_clear()
    prepared = prepare(flows.fail, environment=environment(), parameters={"message": "x" * 2**20})
    run = prepared.submit()
    rig.wait_until(lambda: pods(rig, run), "the pod")
    end(rig, kubelet, run)
    assert [one.removed for one in swept(run.environment)] == [True]
    with pytest.raises(PlatformError, match="can't be read"):
        storage.read(prepared.spec["payload"]["url"])


def test_what_a_sweep_may_not_remove_is_a_problem_not_an_error(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    end(rig, kubelet, run)
    with rig.access.denied("delete", "jobs"):
        found = swept(run.environment)
    assert [one.removed for one in found] == [False]
    assert "Not allowed to delete jobs" in found[0].problem


# -- doctor ------------------------------------------------------------------------------


def checked(environment: KubernetesJobEnvironment) -> dict[str, Finding]:
    answers = hook(environment).flowenv_check(environment=environment)
    return {one.subject: one for found in answers for one in found}


def test_doctor_is_content_with_a_cluster_that_allows_everything(
    rig: KubernetesRig, environment: Environments
) -> None:
    found = checked(environment())
    assert "v1.33.1 answers" in found["cluster"].message
    assert all(one.ok for one in found.values())
    assert {f"permission to {what}" for what in ("create jobs", "watch pods", "get pods/log")} <= (
        set(found)
    )


def test_doctor_shows_one_role_for_all_that_is_denied(
    rig: KubernetesRig, environment: Environments
) -> None:
    with rig.access.denied("watch", "pods"), rig.access.denied("list", "events"):
        found = checked(environment())
    assert found["permission to watch pods"].ok is False
    assert found["permission to list events"].ok is None
    role = found["Role"]
    assert (role.ok, role.message) == (False, "2 rights are denied in default.")
    assert "kubectl create rolebinding flowenv -n default" in role.hint
    documented_rules = documented("k8s.md", "flowenv")
    assert granted(yaml.safe_load(role.remedy)["rules"]) == granted(documented_rules)

    with rig.access.denied("list", "events"):
        role = checked(environment())["Role"]
    assert (role.ok, role.message) == (
        (None, "1 right is denied in default, without which runs work.")
    )


def test_doctor_misses_the_namespace(rig: KubernetesRig, environment: Environments) -> None:
    found = checked(environment(namespace="nowhere"))["namespace"]
    assert found.ok is False
    assert "kubectl create namespace nowhere" in found.hint


def test_doctor_need_not_see_namespaces(rig: KubernetesRig, environment: Environments) -> None:
    with rig.access.denied("get", "namespaces"):
        assert checked(environment())["namespace"].ok is None


def test_doctor_says_when_there_is_no_way_to_a_cluster(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "nowhere")
    assert checked(environment())["cluster"].ok is False


def test_a_sweep_says_whose_things_are_and_leaves_those_of_others(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    start: Start,
    environment: Environments,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWENV_SUBMITTER", "bob@mill")
    theirs = start()
    monkeypatch.setenv("FLOWENV_SUBMITTER", "ada@mill")
    mine = start(labels=("nightly",))
    for run in (theirs, mine):
        end(rig, kubelet, run)
    swept = sweep_what_is_asked_for(environment(), 0.0, delete=True, labels=["nightly"])
    assert [(one.run_id, one.submitter, one.removed) for one in swept.found] == [
        (mine.id, "ada@mill", True)
    ]
    assert [one.run_id for one in find_runs(environment())] == [theirs.id]
    (left,) = sweep_what_is_asked_for(environment(), 0.0).of_others
    assert (left.run_id, left.submitter) == (theirs.id, "bob@mill")


def test_a_run_that_is_over_is_deleted_with_what_it_owns(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, environment: Environments
) -> None:
    run = start()
    again = attach(run.reference, environment())
    with pytest.raises(UnsupportedOperation, match="only one that is over can be deleted"):
        again.delete()
    end(rig, kubelet, run, result=7)
    again.delete()
    with pytest.raises(RunNotFound):
        attach(run.reference, environment())
    rig.wait_until(lambda: rig.pods_of(run.reference.partition("/")[2]) == [], "no pod")
    found = journal().named(run.id)
    assert found is not None
    assert found.outcome is not None
    assert (found.summary.status.state, found.outcome.value()) == (State.COMPLETED, 7)
    assert run.id in {one.run_id for one in find_runs(environment(), forgotten=True)}
