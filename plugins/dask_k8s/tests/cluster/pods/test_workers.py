"""Workers as plain pods: made once, removed, replaced when they fail, and not for ever.

Nothing runs in these pods; the kubelet is told what becomes of them.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowenv.errors import PlatformError
from flowenv.plugin import Reason, Retries
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.cluster.interface import ClusterPlan, OwnPod
from flowenv_dask_k8s.cluster.pods import workers as worker_pods
from flowenv_dask_k8s.cluster.pods.shortage import Shortage
from flowenv_dask_k8s.cluster.pods.startup import WorkerStartup
from flowenv_dask_k8s.cluster.pods.workers import WorkerPods
from flowenv_k8s.api.client import Client, connect
from flowenv_k8s.api.kubeconfig import source
from on_kubernetes.current_context import pointing_to
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet
from rigs.kubernetes.manifests import container, job, pod

RUN_ID = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet(Script(ends_after=None, log="starting"))


@pytest.fixture(scope="module")
def running(kubelet: ScriptedKubelet) -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=kubelet) as rig:
        yield rig


@pytest.fixture
def rig(
    running: KubernetesRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KubernetesRig]:
    """A cluster where pods run until they are told to end, with a Job that owns a run's pods."""
    running.apply(job(container(["x"])))
    with pointing_to(running, tmp_path, monkeypatch) as rig:
        yield rig
    running.delete("Job", "job", propagation="Background")
    running.wait_until(lambda: not running.objects("Pod"), "no pod")


@pytest.fixture
def tries() -> list[str]:
    """The threads of requests that have got no answer and are tried again."""
    return []


@pytest.fixture
def client(rig: KubernetesRig, tries: list[str]) -> Client:
    def pause(seconds: float) -> None:
        tries.append(threading.current_thread().name)

    return Client(source(None), Retries(first=0.01, longest=0.02, sleep=pause))


class Workers(WorkerPods):
    """With notes of what they tell."""

    def __init__(self, client: Client, plan: ClusterPlan) -> None:
        self.said: list[str] = []
        self.replaced: list[str] = []
        self.gave_up: list[PlatformError] = []
        super().__init__(
            client,
            plan,
            RUN_ID,
            "tls://10.0.0.1:8786",
            say=self.said.append,
            on_end=self.replaced.append,
            on_give_up=self.gave_up.append,
        )


@pytest.fixture
def make(rig: KubernetesRig, client: Client) -> Iterator[Callable[..., Workers]]:
    made: list[Workers] = []

    def make(maximum: int = 2, here: OwnPod | None = None) -> Workers:
        environment = DaskKubernetesEnvironment(
            metadata={"image": "a:1"}, namespace="default", cluster="pods"
        )
        prepared = prepare(flows.add, environment=environment, parameters={"a": 1})
        prepared.flow_run.id = RUN_ID
        uid = rig.get("Job", "job")["metadata"]["uid"]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": uid}
        plan = ClusterPlan(prepared.spec["worker_pod"], 1, maximum, owner=owner, here=here)
        made.append(Workers(client, plan))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close()


def wait_until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        threading.Event().wait(0.01)


def wanted(workers: Workers, count: int = 1) -> list[str]:
    """Workers that run."""
    names = [workers.new_name() for _ in range(count)]
    for name in names:
        workers.want(name)
    wait_until(lambda: all(is_running(workers, name) for name in names), "running workers")
    return names


def is_running(workers: Workers, name: str) -> bool:
    return any(
        pod["metadata"]["name"] == name and pod["status"].get("phase") == "Running"
        for pod in workers.pods()
    )


def worker_names(rig: KubernetesRig) -> list[str]:
    found = rig.objects("Pod", label_selector="flowenv.io/dask=worker")
    return [one["metadata"]["name"] for one in found]


def test_a_worker_is_a_pod_of_the_jobs_that_knows_its_name_and_scheduler(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    [name] = wanted(make())

    pod = rig.get("Pod", name)
    assert re.fullmatch(r"add-111111112222-worker-[0-9a-f]{4}-0", name)
    [owner] = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner.get("controller")) == ("Job", "job", None)
    env = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    assert env["DASK_SCHEDULER_ADDRESS"] == "tls://10.0.0.1:8786"
    assert env["DASK_WORKER_NAME"] == name
    assert env["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_a_lost_answer_makes_no_second_pod(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers = make()
    with rig.faults.inject("answer_lost", resource="pods"):
        [name] = wanted(workers)

    wait_until(lambda: rig.requests.count(verb="create", resource="pods") == 2, "a second try")
    assert worker_names(rig) == [name]
    assert rig.requests.count(verb="delete", resource="pods") == 0


def test_who_is_wanted_twice_is_made_once(make: Callable[..., Workers], rig: KubernetesRig) -> None:
    workers = make()
    [name] = wanted(workers)
    workers.want(name)
    workers.close()

    assert rig.requests.count(verb="create", resource="pods") == 1


def test_an_unwanted_worker_is_removed_and_is_no_failure(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers = make()
    [name] = wanted(workers)
    workers.unwant(name)

    rig.wait_until(lambda: not worker_names(rig), "no worker")
    assert (workers.failures, workers.replaced) == (0, [])


def test_the_workers_of_an_attempt_that_is_over_are_removed(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    [old] = wanted(make())
    [new] = wanted(make())

    rig.wait_until(lambda: worker_names(rig) == [new], "the new worker only")
    assert old != new


@pytest.mark.parametrize(
    ("fault", "words", "is_failure"),
    [
        ("oom_kill", "OOMKilled", True),
        ("evicted", "The node was low on resource", False),
        ("preempted", "preempt", False),
        ("node_lost", "DeletionByTaintManager", False),
    ],
)
def test_a_worker_that_the_cluster_ends_is_replaced(
    fault: str,
    words: str,
    is_failure: bool,
    make: Callable[..., Workers],
    rig: KubernetesRig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_pods, "_SENT_AWAY", 0.05)
    workers = make()
    [name] = wanted(workers)
    with rig.faults.inject(fault, name=name):
        wait_until(lambda: workers.replaced == [name], "another worker")

    assert words in workers.said[-1]
    assert workers.failures == int(is_failure)


def test_a_deleted_worker_is_replaced(
    make: Callable[..., Workers], rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pods, "_SENT_AWAY", 0.05)
    rig.apply(pod(container(["x"]), name="own"))
    workers = make(here=OwnPod("own", "10.0.0.1", "/certificates"))
    [name] = wanted(workers)
    rig.delete("Pod", name)

    wait_until(lambda: workers.replaced == [name], "another worker")
    assert "its pod was deleted" in workers.said[-1]
    assert workers.failures == 0
    rig.delete("Pod", "own")


def test_a_run_that_is_cancelled_replaces_no_worker(
    make: Callable[..., Workers], rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workers are deleted with its own pod, in any order."""
    monkeypatch.setattr(worker_pods, "_SENT_AWAY", 0.05)
    rig.apply(pod(container(["x"]), name="own"))
    workers = make(here=OwnPod("own", "10.0.0.1", "/certificates"))
    [name] = wanted(workers)
    rig.delete("Pod", "own")
    rig.delete("Pod", name)

    rig.wait_until(
        lambda: rig.requests.count(verb="get", resource="pods", name="own"), "its own pod is asked"
    )
    workers.close()
    workers._pool.shutdown(wait=True)
    assert (workers.said, workers.replaced) == ([], [])


def test_an_end_that_nobody_watched_is_found_out(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers = make()
    [name] = wanted(workers)
    with rig.faults.inject("api_down"):
        rig.kubelet.end(name, 137)  # type: ignore[attr-defined]

    wait_until(lambda: workers.replaced == [name], "another worker")
    assert "killed by signal 9" in workers.said[-1]


def test_an_outage_at_the_start_is_waited_for(
    make: Callable[..., Workers], rig: KubernetesRig, tries: list[str]
) -> None:
    with ThreadPoolExecutor() as pool:
        with rig.faults.inject("api_down"):
            starting = pool.submit(make)
            wait_until(lambda: tries, "a try")
        [name] = wanted(starting.result(60))

    assert worker_names(rig) == [name]


def test_a_worker_that_is_asked_for_in_an_outage_is_made_after_it(
    make: Callable[..., Workers], rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a server that has just come back doesn't know its users yet."""
    workers, asked = make(), list[str]()
    name, create = workers.new_name(), workers._requests.create

    def noted(name: str) -> str:
        asked.append(name)
        return create(name)

    monkeypatch.setattr(workers._requests, "create", noted)
    with rig.faults.inject("api_down"):
        workers.want(name)
        wait_until(lambda: len(asked) > 1, "another try")
        refused = rig.faults.inject("forbidden", verb="create", resource="pods")

    wait_until(lambda: is_running(workers, name), "the worker")
    assert refused.hits == 1
    assert workers.refusal is None


def test_workers_that_are_sent_away_in_an_outage_are_gone_when_it_is_over(
    make: Callable[..., Workers], rig: KubernetesRig, tries: list[str]
) -> None:
    workers = make()
    wanted(workers, 2)
    with ThreadPoolExecutor() as pool:
        with rig.faults.inject("api_down"):
            closing = pool.submit(workers.close)
            wait_until(lambda: tries, "a try")
        closing.result(60)

    assert worker_names(rig) == []


def test_a_worker_that_is_made_without_an_answer_and_sent_away_is_removed(
    make: Callable[..., Workers], rig: KubernetesRig, tries: list[str]
) -> None:
    workers = make()
    name = workers.new_name()
    lost = rig.faults.inject("answer_lost", resource="pods")
    workers.want(name)
    lost.wait_until_hit()
    with rig.faults.inject("api_down"):
        wait_until(lambda: len(tries) > 1, "a second try")
        workers.unwant(name)

    rig.wait_until(lambda: not worker_names(rig), "no worker")


def test_a_worker_that_was_sent_away_is_not_replaced(
    make: Callable[..., Workers],
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dask has it end before it is unwanted."""
    workers = make()
    [name] = wanted(workers)
    monkeypatch.setattr(worker_pods, "_SENT_AWAY", 0.3)
    kubelet.end(name)
    workers.unwant(name)

    rig.wait_until(lambda: not worker_names(rig), "no worker")
    workers.close()
    assert (workers.failures, workers.replaced) == (0, [])


def test_workers_that_fail_again_and_again_are_not_replaced_for_ever(
    make: Callable[..., Workers],
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_pods, "REPLACED", 1)
    workers = make(maximum=1)
    for failed in range(2):
        [name] = wanted(workers)
        kubelet.end(name, 1, message="no such module")
        wait_until(lambda failed=failed: len(workers.said) + len(workers.gave_up) > failed, "news")  # type: ignore[misc]
        workers.unwant(name)
    wait_until(lambda: workers.gave_up, "giving up")

    [error] = workers.gave_up
    assert "2 Dask workers have failed within an hour" in error.message
    assert "no such module" in error.message
    assert error.reason is Reason.START_ERROR
    assert len(workers.replaced) == 1
    workers.want(workers.new_name())
    workers.close()
    assert rig.requests.count(verb="create", resource="pods") == 2


def test_a_quota_is_waited_for_and_told(
    make: Callable[..., Workers], rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pods, "_QUOTA_PAUSE", 0.05)
    workers = make()
    told: list[str] = []
    startup = WorkerStartup(connect(), workers.plan, told.append, workers)
    name = workers.new_name()
    with rig.faults.inject("quota", name=name):
        workers.want(name)
        wait_until(lambda: workers.problem, "a refusal")
        why = startup.why_no_worker()
        error = startup.no_worker(5.0)
    wait_until(lambda: is_running(workers, name), "the worker")

    assert "exceeded quota" in str(why)
    assert told == [f"There is no worker: {why}"]
    assert error.reason is Reason.QUOTA
    assert "exceeded quota" in error.message


def test_without_the_right_the_rule_is_shown_at_once(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers = make()
    startup = WorkerStartup(connect(), workers.plan, print, workers)
    with rig.access.denied("create", "pods"):
        workers.want(workers.new_name())
        wait_until(lambda: workers.refusal, "a refusal")

    with pytest.raises(PlatformError) as caught:
        startup.why_no_worker()
    assert caught.value.reason is Reason.ACCESS_DENIED
    assert 'resources: ["pods"]\n    verbs: ["create"]' in caught.value.hint


def test_workers_that_nobody_removes_go_with_their_job_when_its_time_is_over(
    make: Callable[..., Workers], rig: KubernetesRig, kubelet: ScriptedKubelet
) -> None:
    """As after a SIGKILL of a flow that nobody follows."""
    found = rig.get("Job", "job")
    rig.apply({**found, "spec": {**found["spec"], "ttlSecondsAfterFinished": 0}})
    workers = make()
    [name] = wanted(workers)
    workers._watch.stop()  # its maker is gone
    kubelet.end(name)
    [own] = rig.pods_of("job")
    kubelet.end(own["metadata"]["name"], 137)

    rig.wait_until(lambda: not rig.objects("Pod"), "no pod")
    rig.apply(job(container(["x"])))


def looking_after(workers: Workers, told: list[str]) -> Shortage:
    return Shortage(
        connect(),
        workers.plan,
        told.append,
        workers,
        joined=lambda: 0,
        on_give_up=workers.gave_up.append,
    )


def test_what_a_worker_waits_for_while_the_flow_runs_is_told(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers, told = make(), list[str]()
    shortage = looking_after(workers, told)
    shortage.look()
    name = workers.new_name()
    with rig.faults.inject("image_pull", name=name):
        workers.want(name)
        wait_until(lambda: shortage.look() or told, "a word")  # type: ignore[func-returns-value]

    assert told[0].startswith("A worker waits: ")
    assert "image" in told[0].lower()
    assert workers.gave_up == []


def test_a_worker_that_may_not_be_made_while_the_flow_runs_ends_the_run(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers = make()
    shortage = looking_after(workers, [])
    name = workers.new_name()
    with rig.access.denied("create", "pods"):
        workers.want(name)
        wait_until(lambda: workers.refusal, "a refusal")
    shortage.look()
    shortage.look()

    [error] = workers.gave_up
    assert error.reason is Reason.ACCESS_DENIED


def test_a_worker_that_was_refused_is_forgotten_when_nobody_wants_it(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers = make()
    name = workers.new_name()
    with rig.access.denied("create", "pods"):
        workers.want(name)
        wait_until(lambda: workers.refusal, "a refusal")
    workers.unwant(name)
    looking_after(workers, []).look()

    assert workers.gave_up == []


def test_two_hundred_workers_cost_one_list_one_watch_and_two_requests_each(
    make: Callable[..., Workers], rig: KubernetesRig
) -> None:
    workers = make(maximum=200)
    wanted(workers, 200)
    asked: dict[str, Any] = {
        verb: rig.requests.count(verb=verb, resource="pods") for verb in ("create", "list", "watch")
    }
    workers.close()

    assert asked == {"create": 200, "list": 1, "watch": 1}
    assert rig.requests.count(verb="delete", resource="pods") == 200


def test_a_worker_that_is_sent_away_just_as_it_is_made_is_removed_once(
    make: Callable[..., Workers], rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = make()
    create, name = workers._requests.create, workers.new_name()

    def deletions() -> int:
        return rig.requests.count(verb="delete", resource="pods")

    def made_and_sent_away(name: str) -> str:
        workers._workers[name].uid = uid = create(name)
        workers.unwant(name)
        wait_until(deletions, "its removal")
        return uid

    monkeypatch.setattr(workers._requests, "create", made_and_sent_away)
    workers.want(name)
    wait_until(deletions, "its removal")
    workers._pool.shutdown()  # when who makes it is through, too
    assert deletions() == 1
