"""What looks like SIGTERM to a container's process; as measured on Kubernetes 1.36."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from rigs.kubernetes import KubernetesRig, Manifest, Timing
from rigs.kubernetes.manifests import job, python
from rigs.kubernetes.objects import has_ended

ENDS_ON_TERM = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("told", flush=True), sys.exit(3)))
print("ready", flush=True)
time.sleep(600)
"""
IGNORES_TERM = ENDS_ON_TERM.replace(", sys.exit(3)", "")
QUICK = Timing(longest_probe_period=0.05, longest_grace=0.3)


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(timing=QUICK) as rig:
        yield rig


def ready(rig: KubernetesRig, code: str = ENDS_ON_TERM, **fields: Any) -> str:
    """Start a Job and return the name of its pod when it is ready."""
    rig.apply(job(python(code, **fields)))
    rig.wait_until(lambda: rig.pods_of("job"), "a pod")
    name = str(rig.pods_of("job")[0]["metadata"]["name"])
    rig.wait_until(lambda: "ready" in rig.log(name), "a first line")
    return name


def events(rig: KubernetesRig, name: str) -> list[tuple[str, str]]:
    found = rig.objects("Event", field_selector=f"involvedObject.name={name}")
    return [(event["reason"], event["message"]) for event in found]


def ended(found: Manifest) -> dict[str, Any]:
    state = found["status"]["containerStatuses"][0]["state"]["terminated"]
    return dict(state)


def following(rig: KubernetesRig, pod: str) -> Iterator[bytes]:
    url = f"{rig.url}/api/v1/namespaces/default/pods/{pod}/log?follow=true"
    return iter(urllib3.request("GET", url, preload_content=False, retries=False))


def test_a_pod_that_is_deleted_without_grace_is_gone_at_once_and_still_hears_of_it(
    rig: KubernetesRig,
) -> None:
    name = ready(rig)
    lines = following(rig, name)
    assert next(lines) == b"ready\n"
    rig.delete("Pod", name, grace_seconds=0)
    assert rig.find("Pod", name) is None
    assert list(lines) == [b"told\n"]
    found = rig.wait_for("Job", "job", has_ended)
    assert found["status"]["conditions"][-1]["reason"] == "BackoffLimitExceeded"
    assert rig.pods_of("job") == []


def test_one_that_does_not_end_then_is_killed(rig: KubernetesRig) -> None:
    name = ready(rig, IGNORES_TERM)
    lines = following(rig, name)
    rig.delete("Pod", name, grace_seconds=0)
    assert list(lines) == [b"ready\n", b"told\n"]


def test_a_deleted_pod_is_listed_until_it_has_ended(rig: KubernetesRig) -> None:
    name = ready(rig, IGNORES_TERM)
    rig.delete("Pod", name)
    (found,) = rig.pods_of("job")
    assert "deletionTimestamp" in found["metadata"]
    assert found["status"]["phase"] == "Running"
    rig.wait_gone("Pod", name)


def test_a_liveness_probe_that_fails_ends_a_container_that_is_not_restarted(
    rig: KubernetesRig,
) -> None:
    probe = {"exec": {"command": ["false"]}, "failureThreshold": 1, "initialDelaySeconds": 1}
    rig.apply(job(python(ENDS_ON_TERM, livenessProbe=probe)))
    rig.wait_for("Job", "job", has_ended)
    (found,) = rig.pods_of("job")
    assert (found["status"]["phase"], ended(found)["reason"]) == ("Failed", "Error")
    assert ("Killing", "Stopping container main") in events(rig, found["metadata"]["name"])


def test_a_post_start_command_that_fails_ends_the_container(
    rig: KubernetesRig, tmp_path: Path
) -> None:
    wait = f"until test -e {tmp_path}/ready; do sleep 0.01; done; exit 1"
    hook = {"postStart": {"exec": {"command": ["sh", "-c", wait]}}}
    code = ENDS_ON_TERM.replace("time.sleep", f"open('{tmp_path}/ready', 'w')\ntime.sleep")
    rig.apply(job(python(code, lifecycle=hook)))
    rig.wait_for("Job", "job", has_ended)
    (found,) = rig.pods_of("job")
    name = found["metadata"]["name"]
    assert (found["status"]["phase"], ended(found)["exitCode"]) == ("Failed", 3)
    assert rig.log(name) == "ready\ntold\n"
    said = events(rig, name)
    assert ("FailedPostStartHook", "PostStartHook failed") in said
    assert ("Killing", "FailedPostStartHook") in said


def test_a_container_is_not_running_before_its_post_start_command_has_succeeded(
    rig: KubernetesRig, tmp_path: Path
) -> None:
    wait = f"until test -e {tmp_path}/go; do sleep 0.01; done"
    name = ready(rig, lifecycle={"postStart": {"exec": {"command": ["sh", "-c", wait]}}})
    status = rig.get("Pod", name)["status"]["containerStatuses"][0]
    assert status["state"]["waiting"]["reason"] == "ContainerCreating"
    (tmp_path / "go").touch()
    rig.wait_for("Pod", name, lambda pod: pod["status"]["phase"] == "Running")


def test_a_pod_goes_while_its_post_start_command_runs(rig: KubernetesRig) -> None:
    name = ready(rig, lifecycle={"postStart": {"exec": {"command": ["sleep", "600"]}}})
    rig.delete("Pod", name)
    rig.wait_gone("Pod", name)


def test_deleting_a_job_in_the_foreground_waits_for_its_pod(rig: KubernetesRig) -> None:
    name = ready(rig, IGNORES_TERM)
    rig.delete("Job", "job", propagation="Foreground")
    assert rig.get("Job", "job")["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert "deletionTimestamp" in rig.get("Job", "job")["metadata"]
    assert "deletionTimestamp" in rig.get("Pod", name)["metadata"]
    rig.wait_gone("Job", "job")
    assert rig.find("Pod", name) is None


def test_a_finished_job_stays_when_its_pod_goes(rig: KubernetesRig) -> None:
    """As when its node is scaled down, or the garbage collector takes old pods."""
    rig.apply(job(python("print('done')")))
    before = rig.wait_for("Job", "job", has_ended)
    (found,) = rig.pods_of("job")
    rig.delete("Pod", found["metadata"]["name"])
    assert rig.pods_of("job") == []
    assert rig.get("Job", "job")["status"] == before["status"]
