"""Pods and rigs that are stopped, whatever they are doing at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from rigs.kubernetes import Image, KubernetesRig, Manifest, Timing
from rigs.kubernetes import rig as rig_module
from rigs.kubernetes.kubelet.pod import PodWorker
from rigs.kubernetes.kubelet.probes import ContainerProbes, Verdict
from rigs.kubernetes.manifests import container, pod, python

ENDLESS = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def started(rig: KubernetesRig, container: str = "main") -> int:
    """Wait until the pod's container runs, and return its process."""
    rig.wait_until(lambda: rig.find("Pod", "pod") and rig.log("pod", container), "its first line")
    return int(rig.log("pod", container))


def waiting_for(reason: str) -> Callable[[Manifest], bool]:
    """Whether a pod's second container waits for this reason."""

    def waits(found: Manifest) -> bool:
        statuses = found["status"].get("containerStatuses") or []
        return any((one["state"].get("waiting") or {}).get("reason") == reason for one in statuses)

    return waits


def test_stopping_leaves_no_process() -> None:
    with KubernetesRig() as rig:
        rig.apply(pod(python(ENDLESS)))
        pid = started(rig)
        assert is_alive(pid)
    assert not is_alive(pid)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (container(["true"], name="other", image="none:1"), "ImagePullBackOff"),
        (container(["false"], name="other"), "CrashLoopBackOff"),
        (
            container(["true"], name="other", envFrom=[{"secretRef": {"name": "none"}}]),
            "CreateContainerConfigError",
        ),
    ],
)
def test_a_pod_ends_while_one_of_its_containers_waits(other: Manifest, reason: str) -> None:
    slow = Timing(crash_backoff=600, image_backoff=0.05, longest_grace=0.1)
    with KubernetesRig(images={"python:3": Image()}, timing=slow) as rig:
        rig.apply(pod(python(ENDLESS), other, restart_policy="Always"))
        started(rig)
        rig.wait_for("Pod", "pod", waiting_for(reason))
        rig.delete("Pod", "pod")
        rig.wait_gone("Pod", "pod", timeout=5)


def test_a_pod_ends_while_its_sidecar_has_not_started() -> None:
    probe = {"exec": {"command": ["false"]}, "failureThreshold": 1000}
    sidecar = python(ENDLESS, name="sidecar", restartPolicy="Always", startupProbe=probe)
    with KubernetesRig(timing=Timing(longest_grace=0.1)) as rig:
        rig.apply(pod(container(["true"]), initContainers=[sidecar]))
        started(rig, "sidecar")
        rig.delete("Pod", "pod")
        rig.wait_gone("Pod", "pod", timeout=5)


@pytest.mark.parametrize("turns", range(6))
def test_probes_end_although_one_is_answered_at_that_moment(turns: int) -> None:
    async def cancelled() -> bool:
        asked = asyncio.Event()
        answer = asyncio.get_running_loop().create_future()

        async def execute(command: list[str]) -> int:
            asked.set()
            return int(await answer)

        def tell(verdict: Verdict) -> None:
            pass

        manifest = {"readinessProbe": {"exec": {"command": ["ask"]}}}
        task = asyncio.create_task(ContainerProbes(manifest, "", 60, execute, tell).run())
        await asked.wait()
        answer.set_result(0)
        for _ in range(turns):  # of the event loop, in which the answer is on its way
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2)
        return bool(done) and task.cancelled()

    assert asyncio.run(cancelled())


def test_what_does_not_stop_is_killed_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(self: PodWorker) -> None:
        await asyncio.Event().wait()

    rig = KubernetesRig().start()
    rig.apply(pod(python(ENDLESS)))
    pid = started(rig)
    monkeypatch.setattr(PodWorker, "stop", hang)
    monkeypatch.setattr(rig_module, "_STEP_SECONDS", 0.1)

    with pytest.raises(RuntimeError, match=r"gave up .*; killed .*/main/1"):
        rig.stop()

    rig.stop()  # there is nothing more to do
    assert not is_alive(pid)
