"""A log whose first lines are gone says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv import attach, submit
from flowenv.plugin import FlowRun, State
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.runs.logs import run_log
from flowenv_k8s.runs.logs.beginning import BEGINNING_MISSING, LOOKED_AT, lacks_beginning
from flowenv_k8s.runs.logs.run_log import END_MISSING
from on_kubernetes.job_runs import complete, pod_of
from on_kubernetes.log_reader import Reader
from rigs.kubernetes import Image, KubernetesRig, ScriptedKubelet, Timing

STARTED = "1970-01-01T00:10:00Z"
RUN = "1234-abcd"
FIRST = f"2026-11-22 12:00:00,123 INFO flowenv: Running the flow add, run {RUN}"


def pod(message: str = "", level: str | None = None, state: str = "terminated") -> dict[str, Any]:
    variables = [{"name": "PREFECT__LOGGING__LEVEL", "value": level}] if level else []
    status = {"name": "flow", "state": {state: {"startedAt": STARTED, "message": message}}}
    return {
        "spec": {"containers": [{"name": "flow", "env": variables}]},
        "status": {"containerStatuses": [status]},
    }


RECORD = f'{{"run":"{RUN}","state":"Completed"}}'


@pytest.mark.parametrize(
    ("lines", "first", "pod", "lacks"),
    [
        ([FIRST, "one"], 600, pod(RECORD), False),
        (["a module prints this", FIRST], 600, pod(RECORD), False),
        (["one"], 600, pod(RECORD), True),
        (["one"], 600, pod(RECORD, level="WARNING"), False),
        (["one"], 600, pod(RECORD, level="debug"), True),
        (["sh: python: not found"], 600, pod("sh: python: not found"), False),
        (["one"], 600, pod(state="running"), False),
        (["one"], 661, pod(state="running"), True),
        (["one"] * LOOKED_AT, 600, pod(state="running"), True),
        (["one"], None, pod(RECORD), False),
        ([], None, pod(RECORD), True),
        (["the payload is gone"], 600, pod(RECORD.replace("Completed", "Crashed")), False),
        ([], None, pod(state="running"), False),
    ],
)
def test_only_a_log_whose_flow_surely_began_elsewhere_lacks_its_beginning(
    lines: list[str], first: int | None, pod: dict[str, Any], lacks: bool
) -> None:
    assert lacks_beginning(lines, first, pod, "flow", RUN) is lacks


def test_a_log_that_was_rotated_says_that_its_beginning_is_missing(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun
) -> None:
    name = pod_of(rig, run)
    kubelet.run(name)
    kubelet.write(name, f"INFO flowenv: Running the flow add, run {run.id}\none\n")
    assert list(run.logs())[1:] == ["one"]
    rig.rotate_log(name)
    kubelet.write(name, "two\n")
    complete(rig, kubelet, run)
    run.wait(20)
    assert list(run.logs()) == [BEGINNING_MISSING, "two"]
    found = attach(run.reference, run.environment)
    assert list(found.logs(follow=True)) == [BEGINNING_MISSING, "two"]


def test_a_log_that_went_as_a_whole_says_so(
    rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun
) -> None:
    name = pod_of(rig, run)
    kubelet.run(name)
    kubelet.write(name, f"INFO flowenv: Running the flow add, run {run.id}\none\n")
    rig.rotate_log(name)
    complete(rig, kubelet, run)
    run.wait(20)
    assert list(run.logs()) == [BEGINNING_MISSING]


def test_who_begins_to_follow_late_is_told_what_is_missing_and_gets_the_rest(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    run: FlowRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_log, "_FRESH", -60.0)
    monkeypatch.setattr(run_log, "LOOKED_AT", 2)
    monkeypatch.setattr("flowenv_k8s.runs.logs.beginning.LOOKED_AT", 2)
    name = pod_of(rig, run)
    kubelet.run(name)
    kubelet.write(name, f"INFO flowenv: Running the flow add, run {run.id}\n")
    rig.rotate_log(name)
    kubelet.write(name, "two\nthree\nfour\nfi")
    reader = Reader(run, rig)
    reader.saw("four")
    kubelet.write(name, "ve\nsix\n")
    complete(rig, kubelet, run)
    assert reader.all() == [BEGINNING_MISSING, "two", "three", "four", "five", "six"]


def test_a_cut_while_a_log_is_looked_at_loses_nothing(
    rig: KubernetesRig,
    kubelet: ScriptedKubelet,
    run: FlowRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_log, "_FRESH", -60.0)
    name = pod_of(rig, run)
    kubelet.run(name)
    wanted = [f"line {number}" for number in range(20)]
    kubelet.write(name, "\n".join(wanted) + "\n")
    with rig.faults.inject("log_cut", after_lines=7, times=1) as cut:
        reader = Reader(run, rig)
        cut.wait_until_hit()
        reader.saw(wanted[-1])
    complete(rig, kubelet, run)
    assert reader.all() == wanted


@pytest.fixture
def real_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesRig]:
    timing = Timing(crash_backoff=0.05)
    images = {"repo/flow:1": Image()}
    with KubernetesRig(images=images, timing=timing, log_file_bytes=100_000) as rig:
        monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(tmp_path / "processes")))
        yield rig


def test_a_flows_process_writes_the_line_that_is_looked_for(
    real_processes: KubernetesRig, environment: Callable[..., KubernetesJobEnvironment]
) -> None:
    run = submit(flows.add, environment=environment(), parameters={"a": 1})
    run.wait(30)
    assert BEGINNING_MISSING not in list(run.logs())


def test_a_container_that_is_started_again_misses_no_lines(
    real_processes: KubernetesRig, environment: Callable[..., KubernetesJobEnvironment]
) -> None:
    spec = {"restartPolicy": "OnFailure", "containers": [{"image": "repo/flow:1"}]}
    made = environment(job_spec={"spec": {"backoffLimit": 2, "template": {"spec": spec}}})
    run = submit(flows.fail, environment=made, parameters={"message": "again"})
    lines = list(run.logs(follow=True))
    # the Job's controller stops the third attempt as soon as it hears of it
    assert len([line for line in lines if line == "ValueError: again"]) >= 2
    assert [line for line in lines if line.startswith("[flowenv]")] in ([], [END_MISSING])
    assert run.wait(20).state is State.FAILED
