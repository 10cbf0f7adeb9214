"""Outages of the API server and the kubelet: who follows a run goes on, and loses nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowenv.errors import PlatformError, PlatformUnreachable
from flowenv.plugin import FlowRun, Reason, State, Status
from flowenv.remote import outages
from flowenv_k8s.api.client import Client
from flowenv_k8s.runs import tracking
from flowenv_k8s.runs.logs import read_ahead
from flowenv_k8s.runs.logs.run_log import END_MISSING
from flowenv_k8s.runs.watch import pod_events
from on_kubernetes.job_runs import complete, pod_of
from on_kubernetes.log_reader import Reader
from on_kubernetes.proxy import Proxy
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet

Start = Callable[..., FlowRun]
Begun = tuple[FlowRun, Reader, str]
"""A run, who reads its log, and its pod."""


@pytest.fixture(scope="module")
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet(Script(starts_after=None, ends_after=None))


@pytest.fixture(autouse=True)
def quickly(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    object.__setattr__(client.retries, "sleep", lambda seconds: None)


@pytest.fixture
def begun(rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start) -> Begun:
    """A run whose first line has been read."""
    run = start()
    reader, pod = Reader(run, rig), pod_of(rig, run)
    kubelet.run(pod)
    kubelet.write(pod, "one\n")
    reader.saw("one")
    return run, reader, pod


class Follower(threading.Thread):
    """Follows a run, and keeps what it is told."""

    def __init__(self, run: FlowRun, rig: KubernetesRig) -> None:
        super().__init__(daemon=True)
        self.seen: list[Status] = []
        self.error: Exception | None = None
        self._run, self._rig = run, rig
        self.start()

    def run(self) -> None:
        try:
            self.seen.extend(iter(self._run.follow(30)))
        except Exception as error:
            self.error = error

    def told(self, words: str) -> None:
        self._rig.wait_until(lambda: [one for one in self.seen if words in one.message], words)

    def end(self) -> Status:
        self.join(30)
        assert self.error is None, repr(self.error)
        return self.seen[-1]


def test_without_the_api_server_a_follower_waits_and_says_for_what(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    follower, reader, pod = Follower(run, rig), Reader(run, rig), pod_of(rig, run)
    kubelet.run(pod)
    kubelet.write(pod, "one\n")
    reader.saw("one")
    with rig.faults.inject("api_down"):
        kubelet.write(pod, "two\n")
        follower.told("No news since")
        told = run.status
        kubelet.write(pod, "three\n")
        complete(rig, kubelet, run)
    assert told.state is State.RUNNING
    assert follower.end().state is State.COMPLETED
    assert reader.all() == ["one", "two", "three"]


def test_when_the_api_server_is_back_nothing_more_is_said_of_its_absence(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    follower, pod = Follower(run, rig), pod_of(rig, run)
    kubelet.run(pod)
    with rig.faults.inject("api_down"):
        follower.told("No news since")
    rig.wait_until(lambda: run.status == Status(State.RUNNING), "Running, and nothing else")
    complete(rig, kubelet, run)
    assert follower.end().state is State.COMPLETED


def test_an_outage_before_there_is_a_pod_is_waited_for(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "NO_POD", 0.05)
    with rig.faults.inject("quota", times=None):
        run = start()
        follower = Follower(run, rig)
        rig.wait_until(lambda: rig.requests.open_watches, "the watch")
        with rig.faults.inject("api_down"):
            follower.told("No news since")
    kubelet.run(pod_of(rig, run))
    rig.wait_until(lambda: run.state is State.RUNNING, "the flow running")
    complete(rig, kubelet, run)
    assert follower.end().state is State.COMPLETED


def test_an_outage_right_after_the_submission_is_waited_for(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    with rig.faults.inject("api_down"):
        follower, reader = Follower(run, rig), Reader(run, rig)
        follower.told("No news since")
    pod = pod_of(rig, run)
    kubelet.run(pod)
    kubelet.write(pod, "one\n")
    complete(rig, kubelet, run)
    assert follower.end().state is State.COMPLETED
    assert reader.all() == ["one"]


def test_a_start_deadline_that_passes_during_an_outage_is_not_judged_blindly(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start(start_deadline=0.8)
    follower, pod = Follower(run, rig), pod_of(rig, run)
    with rig.faults.inject("api_down"):
        follower.told("No news since")
        kubelet.run(pod)
        threading.Event().wait(0.9)
    rig.wait_until(lambda: run.state is State.RUNNING, "the flow running")
    complete(rig, kubelet, run)
    assert follower.end().state is State.COMPLETED


def test_a_server_that_comes_back_and_knows_nobody_yet_is_waited_for(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    follower, reader, pod = Follower(run, rig), Reader(run, rig), pod_of(rig, run)
    kubelet.run(pod)
    kubelet.write(pod, "one\n")
    reader.saw("one")
    outage = rig.faults.inject("api_down")
    follower.told("No news since")
    with rig.access.denied():
        asked = len(rig.requests)
        outage.remove()
        rig.wait_until(lambda: len(rig.requests) > asked + 3, "refusals")
    kubelet.write(pod, "two\n")
    complete(rig, kubelet, run)
    assert follower.end().state is State.COMPLETED
    assert reader.all() == ["one", "two"]


def test_an_outage_that_lasts_too_long_ends_the_following(
    rig: KubernetesRig, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "PATIENCE", 0.5)
    run = start()
    running_run = Follower(run, rig)
    rig.wait_until(lambda: rig.requests.open_watches, "the watch")
    with rig.faults.inject("api_down"):
        running_run.join(30)
    assert isinstance(running_run.error, PlatformUnreachable)
    assert "attach to them again" in running_run.error.hint
    assert not run.state.is_final


def test_without_the_kubelet_the_log_waits_says_so_once_and_comes_later(
    rig: KubernetesRig, kubelet: ScriptedKubelet, caplog: pytest.LogCaptureFixture, begun: Begun
) -> None:
    caplog.set_level(logging.WARNING, "flowenv")
    run, reader, pod = begun
    with rig.faults.inject("kubelet_down"):
        kubelet.write(pod, "two\n")
        rig.wait_until(lambda: "No news since" in caplog.text, "a line that says so")
        kubelet.write(pod, "three\n")
        refused = rig.requests.count(subresource="log")
        rig.wait_until(lambda: rig.requests.count(subresource="log") > refused + 5, "the next try")
    reader.saw("three")
    complete(rig, kubelet, run)
    assert reader.all() == ["one", "two", "three"]
    assert [one.getMessage() for one in caplog.records if "No news" in one.getMessage()] == [
        one.getMessage() for one in caplog.records
    ]
    assert len(caplog.records) == 1
    assert "connection refused" in caplog.text


def test_a_log_whose_end_falls_into_an_outage_of_the_kubelet_is_complete(
    rig: KubernetesRig, kubelet: ScriptedKubelet, begun: Begun
) -> None:
    run, reader, pod = begun
    with rig.faults.inject("kubelet_down"):
        kubelet.write(pod, "two\n")
        complete(rig, kubelet, run)
        asked = rig.requests.count(subresource="log")
        rig.wait_until(lambda: rig.requests.count(subresource="log") > asked + 7, "tries")
    assert reader.all() == ["one", "two"]


def test_an_outage_longer_than_patience_before_the_end_leaves_the_log_its_time_after_it(
    rig: KubernetesRig, kubelet: ScriptedKubelet, monkeypatch: pytest.MonkeyPatch, begun: Begun
) -> None:
    run, reader, pod = begun
    with rig.faults.inject("kubelet_down"):
        kubelet.write(pod, "two\n")
        asked, began = rig.requests.count(subresource="log"), time.monotonic()
        rig.wait_until(lambda: rig.requests.count(subresource="log") > asked + 15, "tries")
        monkeypatch.setattr(outages, "PATIENCE", (time.monotonic() - began) * 0.9)
        complete(rig, kubelet, run)
        asked = rig.requests.count(subresource="log")
        rig.wait_until(lambda: rig.requests.count(subresource="log") > asked + 1, "a try")
    assert reader.all() == ["one", "two"]


def test_a_node_that_no_longer_answers_is_said_and_what_runs_there_goes_on(
    rig: KubernetesRig, kubelet: ScriptedKubelet, start: Start
) -> None:
    run = start()
    pod, seen = pod_of(rig, run), run.follow()
    kubelet.run(pod)
    assert next(one for one in seen if one.state is State.RUNNING).message == ""
    with rig.faults.inject("kubelet_down", noticed=True):
        silent = next(seen)
        assert (silent.state, silent.reason) == (State.RUNNING, None)
        assert silent.message == "The node rig-node no longer answers; its containers may run on."
        assert run.status == silent
    assert next(seen) == Status(State.RUNNING)
    complete(rig, kubelet, run)
    assert [one.state for one in seen] == [State.COMPLETED]


def test_a_log_whose_kubelet_never_came_back_says_that_its_end_is_missing(
    rig: KubernetesRig, begun: Begun
) -> None:
    run, reader, _ = begun
    with rig.faults.inject("kubelet_down"):
        asked = rig.requests.count(subresource="log")
        # each try is of several requests
        rig.wait_until(lambda: rig.requests.count(subresource="log") > asked + 7, "tries")
        rig.faults.inject("node_lost")
        assert reader.all() == ["one", END_MISSING]
    assert run.status.reason is Reason.LOST


def test_an_end_that_never_can_be_read_is_an_error(
    rig: KubernetesRig, kubelet: ScriptedKubelet, monkeypatch: pytest.MonkeyPatch, begun: Begun
) -> None:
    monkeypatch.setattr(outages, "PATIENCE", 0.5)
    run, reader, _ = begun
    with rig.faults.inject("kubelet_down"):
        complete(rig, kubelet, run)
        reader.join(30)
    assert isinstance(reader.error, PlatformError)
    assert "The end of the log" in str(reader.error)


def test_connections_that_went_silent_are_replaced(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pod_events, "SILENCE", 1.0)
    monkeypatch.setattr(read_ahead, "_LOOK", 0.05)
    monkeypatch.setattr(read_ahead, "_STALE", 0.2)
    with Proxy.before(tmp_path / "kubeconfig", tmp_path / "proxied") as proxy:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "proxied"))
        run = start()
        follower, reader, pod = Follower(run, rig), Reader(run, rig), pod_of(rig, run)
        kubelet.run(pod)
        kubelet.write(pod, "one\n")
        reader.saw("one")
        proxy.go_silent()
        kubelet.write(pod, "two\n")
        reader.saw("two")
        complete(rig, kubelet, run)
        assert follower.end().state is State.COMPLETED
        assert reader.all() == ["one", "two"]
