"""Many runs on Kubernetes: submitted, followed and picked up together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import flowenv
from flowenv import Batch, State
from flowenv.batches import submitting
from flowenv.batches.rows import fingerprint_of
from flowenv.errors import PlatformError, TransientPlatformError, WaitTimeout
from flowenv.journal.store import Change, Store
from flowenv.plugin import Environment, Retries
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_k8s.api.client import connect, forget_connections
from flowenv_k8s.api.resources import JOBS
from flowenv_k8s.runs import start
from flowenv_k8s.runs.watch import event_list
from on_kubernetes.job_runs import complete, pod_of
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet

Make = Callable[..., Environment]
Map = Callable[..., Batch]


@pytest.fixture
def make(environment: Make) -> Map:
    """Submit a batch with so many rows."""

    def submit(count: int, **options: object) -> Batch:
        rows = [{"a": n, "b": 1} for n in range(count)]
        return flowenv.map(flows.add, rows, environment=environment(), **options)  # type: ignore[arg-type]

    return submit


def jobs(rig: KubernetesRig, batch: Batch) -> int:
    label = f"batch={batch.name}"
    return len(flowenv.find_runs(batch.rows[0].draft.environment, labels=[label]))


def test_all_are_submitted_and_come_as_they_end_without_a_thread_for_each(
    rig: KubernetesRig, kubelet: ScriptedKubelet, make: Map
) -> None:
    before = threading.active_count()
    batch = make(20)
    assert jobs(rig, batch) == 20
    for row in batch.rows:
        complete(rig, kubelet, row.run)
    assert {run.parameters["a"] for run in batch} == set(range(20))
    assert threading.active_count() - before <= 3  # the watch and what it needs
    assert batch.wait() == {State.COMPLETED: 20}


def test_no_run_of_a_batch_adds_to_what_logs_are_searched_for(
    rig: KubernetesRig, make: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    monkeypatch.setattr("flowenv.secret.keep_out_of_logs", searched.append)
    with make(5):
        assert not searched


def test_the_journal_is_written_once_for_each_run_and_once_for_all_that_a_round_sees(
    rig: KubernetesRig, kubelet: ScriptedKubelet, make: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = Store.update

    def update(store: Store, changes: Sequence[tuple[str, Change]]) -> None:
        written.append(len(changes))
        real(store, changes)

    monkeypatch.setattr(Store, "update", update)
    monkeypatch.setattr("flowenv.journal.gathering.INTERVAL", 3600.0)
    batch = make(8)
    assert sum(written) == 8
    for row in batch.rows:
        complete(rig, kubelet, row.run)
    written.clear()
    rounds = 0

    def count() -> None:
        nonlocal rounds
        rounds += 1

    assert sum(1 for _ in batch.follow(on_round=count)) == 8
    assert len(written) <= rounds


def test_not_more_run_at_once_than_was_said(
    rig: KubernetesRig, kubelet: ScriptedKubelet, make: Map
) -> None:
    batch, most = make(7, at_once=3), 0
    assert jobs(rig, batch) == 3

    def finish_one() -> None:
        nonlocal most
        active = [r for r in batch.rows if r.is_submitted and not r.last_status.state.is_final]
        most = max(most, len(active))
        for row in active[:1]:
            complete(rig, kubelet, row.run)

    done = sum(1 for _ in batch.follow(on_round=finish_one))
    assert (done, most) == (7, 3)


def test_the_same_call_again_picks_up_what_runs_and_submits_what_is_missing(
    rig: KubernetesRig, kubelet: ScriptedKubelet, make: Map
) -> None:
    first = make(4, name="days", at_once=3)  # and its process is killed here
    complete(rig, kubelet, first.rows[0].run)
    assert first.rows[0].run.wait(20).state is State.COMPLETED
    kubelet.end(pod_of(rig, first.rows[1].run), exit_code=137, reason="OOMKilled")
    assert first.rows[1].run.wait(20).state is State.CRASHED

    again = make(4, name="days")
    assert [row.last_status.state for row in again.rows[:2]] == [State.COMPLETED, State.CRASHED]
    assert again.rows[2].reference == first.rows[2].reference
    assert again.rows[3].is_submitted
    assert jobs(rig, again) == 4

    retried = make(4, name="days", only_failed=True)
    assert retried.rows[1].reference != first.rows[1].reference
    assert jobs(rig, again) == 5
    for row in (retried.rows[1], first.rows[2], again.rows[3]):
        complete(rig, kubelet, row.run)
    assert retried.wait(20) == {State.COMPLETED: 4}

    anew = make(4, name="days", again=True)
    assert not {row.reference for row in anew.rows} & {row.reference for row in retried.rows}
    assert anew.cancel() == {State.CANCELLED: 4}


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesRig]:
    """A cluster whose pods start when a test says so."""
    with KubernetesRig(kubelet=ScriptedKubelet(Script(starts_after=None))) as rig:
        monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(tmp_path / "waiting")))
        yield rig
        forget_connections()


def test_a_run_whose_submitter_was_killed_before_its_secret_was_made_is_over_and_made_anew(
    waiting: KubernetesRig, make: Map, environment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "EVENTS_AFTER", 0.0)
    parameters = {"a": 0, "b": 1}
    marks = ["batch=killed", f"row={fingerprint_of('add', parameters)}"]
    made = prepare(flows.add, environment=environment(), parameters=parameters, labels=marks)
    job = connect().create(JOBS, made.spec["job"])  # and its process is killed here
    waiting.wait_until(lambda: waiting.objects("Pod"), "the Job's pod")
    (pod,) = waiting.objects("Pod")
    missing = 'MountVolume.SetUp failed for volume "flowenv-payload" : secret "a" not found'
    waiting.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "waits"},
            "involvedObject": {"kind": "Pod", "uid": pod["metadata"]["uid"]},
            "type": "Warning",
            "reason": "FailedMount",
            "message": missing,
            "firstTimestamp": "2026-11-28T17:06:05Z",
            "lastTimestamp": "2026-11-28T17:09:15Z",
        }
    )
    batch = make(1, name="killed")
    assert batch.rows[0].reference == f"default/{job['metadata']['name']}"
    assert batch.wait(60) == {State.CRASHED: 1}
    assert batch.rows[0].last_status.message.startswith("The run's own Secret isn't there")
    assert make(1, name="killed").rows[0].reference != batch.rows[0].reference


def test_what_a_platform_has_lost_is_tried_again(
    rig: KubernetesRig, kubelet: ScriptedKubelet, make: Map
) -> None:
    first = make(1, name="spot")
    with rig.faults.inject("evicted", name=pod_of(rig, first.rows[0].run)):
        assert first.rows[0].run.wait(20).can_retry
    again = make(1, name="spot")
    assert again.rows[0].reference != first.rows[0].reference
    again.cancel()


def test_a_quota_that_is_full_is_waited_for_and_said(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    make: Map,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submitting, "CALLERS", 1)
    with rig.faults.inject("over_quota", verb="create", resource="jobs", times=1):
        batch = make(3)
    assert batch.waits.startswith("A quota refuses to create jobs")
    assert "3 runs wait: A quota refuses" in caplog.text

    def complete_those_there() -> None:
        batch._backlog._retry_at = 0.0  # as if the time had passed
        for row in batch.rows:
            if row.is_submitted and not row.last_status.state.is_final:
                complete(rig, kubelet, row.run)

    assert sum(1 for _ in batch.follow(on_round=complete_those_there)) == 3
    assert (batch.waits, batch.counts()) == ("", {State.COMPLETED: 3})


@pytest.mark.parametrize("fault", ["503", "429"])
def test_a_platform_that_fails_or_throttles_halfway_is_waited_for(
    fault: str,
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    make: Map,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect().retries = Retries(tries=2, first=0.0, longest=0.0)
    with rig.faults.inject(fault, verb="create", resource="jobs", times=None):
        with pytest.raises(TransientPlatformError):  # nothing says that it is the right address
            make(3)
    batch, rounds = make(3, at_once=1), 0

    def complete_those_there() -> None:
        nonlocal rounds
        rounds += 1
        batch._backlog._retry_at = 0.0  # as if the time had passed
        if rounds == 3:
            assert batch.waits
            rig.faults.clear()
        for row in batch.rows:
            if row.is_submitted and not row.last_status.state.is_final:
                complete(rig, kubelet, row.run)

    rig.faults.inject(fault, verb="create", resource="jobs", times=None)
    assert sum(1 for _ in batch.follow(on_round=complete_those_there)) == 3
    assert (batch.waits, batch.counts()) == ("", {State.COMPLETED: 3})
    assert jobs(rig, batch) == 3
    assert caplog.text.count("2 runs wait") == 1


def test_what_the_platform_refuses_is_raised_and_says_what_goes_on(
    rig: KubernetesRig, make: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "CALLERS", 1)
    with rig.faults.inject("forbidden", verb="create", resource="jobs", times=None):
        with pytest.raises(PlatformError, match="Not allowed to create jobs") as raised:
            make(3, labels=["refused"])
    assert not hasattr(raised.value, "__notes__")
    assert not flowenv.find_runs("k8s", labels=["refused"])


def test_leaving_the_block_cancels_what_goes_on(
    rig: KubernetesRig, kubelet: ScriptedKubelet, make: Map
) -> None:
    with make(4, at_once=3) as batch:
        complete(rig, kubelet, batch.rows[0].run)
        assert next(iter(batch)) is batch.rows[0].run
    assert batch.counts() == {State.COMPLETED: 1, State.CANCELLED: 3}
    assert jobs(rig, batch) == 1


def test_a_script_that_waits_hears_once_what_many_runs_wait_for(
    rig: KubernetesRig, make: Map, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "EVENTS_AFTER", 0.0)
    monkeypatch.setattr("flowenv.batches.reasons.PATIENCE", 0.0)
    with rig.faults.inject("image_pull", times=None):
        with make(3) as batch:
            with pytest.raises(WaitTimeout):
                batch.wait(1.0)
    (said,) = [one for one in caplog.messages if "(image_pull)" in one]
    assert said.startswith(f"The batch {batch.name}, ")


def test_results_are_waited_for_no_longer_than_said(rig: KubernetesRig, make: Map) -> None:
    with make(2) as batch:
        with pytest.raises(WaitTimeout, match=r"isn't over after 0.1 seconds"):
            batch.results(0.1)


def test_a_run_that_somebody_else_cancels_stops_what_waits(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    make: Map,
    environment: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    batch = make(6, at_once=2)
    batch.rows[0].run.cancel()  # this process itself, which means that one

    def act() -> None:
        _, cancelled, beside, never = batch.rows[:4]
        if beside.is_submitted and not cancelled.last_status.state.is_final:
            flowenv.attach(cancelled.reference or "", environment()).cancel()
        elif never.last_status.state.is_final and not beside.last_status.state.is_final:
            complete(rig, kubelet, beside.run)

    assert len(list(batch.follow(on_round=act))) == 6
    assert batch.counts() == {State.COMPLETED: 1, State.CANCELLED: 5}
    assert not any(row.is_submitted for row in batch.rows[3:])
    assert "Row 2 of the batch" in caplog.text
    assert "3 runs that waited aren't submitted" in caplog.text


def test_what_can_no_longer_be_followed_is_said_to_go_on(rig: KubernetesRig, make: Map) -> None:
    batch = make(3, at_once=2, name="unseen")
    with rig.faults.inject("forbidden", verb="list", resource="pods", times=None):
        with pytest.raises(PlatformError, match="Not allowed to list pods") as raised:
            batch.wait(20)
    (note,) = raised.value.__notes__
    assert note == (
        "Of the batch unseen 2 of 3 runs go on, 1 isn't submitted. flowenv.map(…, "
        'name="unseen") picks it up; to stop it: flowenv cancel --batch unseen --env k8s'
    )
    batch.cancel()


def test_why_many_runs_wait_is_asked_in_one_list(
    rig: KubernetesRig, kubelet: ScriptedKubelet, make: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "EVENTS_AFTER", 0.0)
    with rig.faults.inject("unschedulable", times=None):
        with make(20) as batch:
            rig.requests.clear()
            for _ in range(3):
                assert {row.look().state for row in batch.rows} <= {State.SUBMITTED, State.STARTING}
            assert rig.requests.count(verb="list", resource="events") <= event_list.MANY + 2
