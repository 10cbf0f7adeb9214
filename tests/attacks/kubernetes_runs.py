"""What becomes of Jobs on the rig."""

from __future__ import annotations

from rigs.kubernetes import KubernetesRig


def running_pod(rig: KubernetesRig, job: str) -> str:
    """The name of a Job's pod, once it runs."""

    def running() -> str | None:
        pods = [pod for pod in rig.pods_of(job) if pod["status"].get("phase") == "Running"]
        return pods[0]["metadata"]["name"] if pods else None

    found = rig.wait_until(running, f"a pod of {job}")
    assert found
    return found
