"""All runs of a namespace are followed by one watch: how it begins, breaks, goes on and ends."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest

from flowenv.errors import PlatformError, PlatformUnreachable
from flowenv.plugin import FlowRun, Reason, State
from flowenv.remote import outages
from flowenv_k8s.api.client import Client
from flowenv_k8s.runs.watch import pod_events, pod_watch
from on_kubernetes.job_runs import complete, name_of, running
from rigs.kubernetes import KubernetesRig, ScriptedKubelet

Start = Callable[..., FlowRun]


def follow_all(runs: list[FlowRun]) -> tuple[list[threading.Thread], dict[str, State]]:
    ends: dict[str, State] = {}

    def wait(run: FlowRun) -> None:
        ends[run.id] = run.wait(50).state

    threads = [threading.Thread(target=wait, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    return threads, ends


def test_many_runs_share_one_list_and_one_watch(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, client: Client
) -> None:
    runs = [start() for _ in range(30)]
    threads, ends = follow_all(runs)
    rig.wait_until(lambda: rig.requests.open_watches, "the watch")
    for run in runs:
        complete(rig, kubelet, run)
    for thread in threads:
        thread.join(50)
    assert ends == dict.fromkeys((run.id for run in runs), State.COMPLETED)
    assert rig.requests.count(verb="list") == 1
    assert rig.requests.count(verb="watch") == 1


def watching() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith("flowenv-watch")}


def test_the_watch_ends_with_the_last_run(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, client: Client
) -> None:
    others = watching()  # of earlier tests, whose clusters don't answer any more
    run = start()
    running(run)
    complete(rig, kubelet, run)
    run.wait(20)
    rig.wait_until(lambda: not rig.requests.open_watches, "the watch's end")
    rig.wait_until(lambda: watching() <= others, "the thread's end")
    assert not client.shared(pod_watch.PodWatch, "default").is_active


@pytest.mark.parametrize("fault", ["watch_cut", "watch_gone"])
def test_a_broken_watch_goes_on_without_loss(
    fault: str, rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    states = run.follow(20)
    next(s for s in states if s.state is State.RUNNING)
    with rig.faults.inject(fault, resource="pods") as injected:
        injected.wait_until_hit()
        complete(rig, kubelet, run)
        assert list(states)[-1].state is State.COMPLETED


def test_a_pod_that_went_while_nobody_watched_is_noticed(
    rig: KubernetesRig, start: Start, client: Client
) -> None:
    run = start()
    states = run.follow(20)
    next(s for s in states if s.state is State.RUNNING)
    with rig.faults.inject("503", verb="list", resource="pods", times=3):
        with rig.faults.inject("watch_gone", resource="pods") as injected:
            injected.wait_until_hit()
            rig.delete("Job", name_of(run), propagation="Background")
            assert list(states)[-1].reason is Reason.LOST


def test_a_watch_that_is_forbidden_tells_who_follows(rig: KubernetesRig, start: Start) -> None:
    run = start()
    with rig.access.denied("watch", "pods"), pytest.raises(PlatformError) as caught:
        run.wait(20)
    assert 'verbs: ["watch"]' in caught.value.hint
    assert running(run)  # allowed again, it goes on


def test_a_cluster_that_stays_busy_tells_who_begins_to_follow(
    rig: KubernetesRig, start: Start, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    monkeypatch.setattr(outages, "PATIENCE", 0.1)
    object.__setattr__(client.retries, "sleep", lambda seconds: None)
    with rig.faults.inject("503", verb="list", resource="pods", times=None):
        with pytest.raises(PlatformUnreachable, match="HTTP 503"):
            run.wait(20)
    assert running(run)


def test_a_silent_watch_is_opened_anew(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_events, "SILENCE", 0.1)
    run = start()
    states = run.follow(20)
    next(s for s in states if s.state is State.RUNNING)
    rig.wait_until(lambda: rig.requests.count(verb="watch") >= 3, "the watch being opened again")
    complete(rig, kubelet, run)
    assert list(states)[-1].state is State.COMPLETED
    assert rig.requests.count(verb="list") == 1


def test_expired_credentials_do_not_disturb_who_follows(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    states = run.follow(20)
    next(s for s in states if s.state is State.RUNNING)
    with rig.faults.inject("token_expired"), rig.faults.inject("watch_cut") as injected:
        injected.wait_until_hit()
        complete(rig, kubelet, run)
        assert list(states)[-1].state is State.COMPLETED


def test_following_again_and_again_is_possible(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    for _ in range(5):
        assert run.handle
        assert list(itertools.islice(run.handle.follow(20), 1))
    complete(rig, kubelet, run)
    assert run.wait(20).state is State.COMPLETED
