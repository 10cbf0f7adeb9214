"""Runs of the Kubernetes backend, looked at from outside: their Job, their pod, their states."""

from __future__ import annotations

from collections.abc import Callable

from flowenv.results.record.outcome import Outcome
from flowenv.runs.flow_run import FlowRun
from flowenv.states import State, Status
from on_kubernetes.proofs import proof
from rigs.kubernetes import KubernetesRig, ScriptedKubelet


def name_of(run: FlowRun) -> str:
    """The name of a run's Job."""
    return run.reference.partition("/")[2]


def pod_of(rig: KubernetesRig, run: FlowRun) -> str:
    """The name of a run's newest pod, once there is one."""
    pods = rig.wait_until(lambda: rig.pods_of(name_of(run)), "a pod")
    return str(pods[-1]["metadata"]["name"])


def until(run: FlowRun, holds: Callable[[Status], bool]) -> Status:
    """Follow a run until something holds of its status, and return that."""
    assert run.handle
    for status in run.handle.follow(20):
        if holds(status):
            return status
    raise AssertionError(f"it never came: {run.status}")


def running(run: FlowRun) -> Status:
    """Follow a run until it is running."""
    return until(run, lambda status: status.state is State.RUNNING)


def complete(rig: KubernetesRig, kubelet: ScriptedKubelet, run: FlowRun) -> None:
    """Let a run's flow return."""
    outcome = Outcome(run.id, State.COMPLETED, has_result=True, proof=proof(run))
    kubelet.end(pod_of(rig, run), message=outcome.to_bytes().decode())
