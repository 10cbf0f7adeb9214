"""What a pod's status says, and when; as measured on Kubernetes 1.36."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rigs.kubernetes import Image, KubernetesRig, Manifest, Timing
from rigs.kubernetes.manifests import container, job, pod, python
from rigs.kubernetes.objects import has_ended

QUICK = Timing(job_backoff=0.01, crash_backoff=0.2, image_backoff=0.05)
ENDS_ON_TERM = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("told", flush=True), sys.exit(3)))
print("ready", flush=True)
time.sleep(600)
"""
SLOW = "import time; time.sleep(0.3); raise SystemExit(3)"


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(timing=QUICK) as rig:
        yield rig


def states(found: Manifest, kind: str = "containerStatuses") -> dict[str, dict[str, Any]]:
    """Return the state of each container, with its kind as ``is``."""
    return {
        status["name"]: {"is": kind, **state}
        for status in found["status"].get(kind) or []
        for kind, state in status["state"].items()
    }


class Seen:
    """The versions of a pod that a watch would see."""

    def __init__(self, rig: KubernetesRig) -> None:
        self.versions: list[Manifest] = []
        store = rig._cluster.store
        rig._on_server(lambda: store.listen(lambda change: self._heard(change)))

    def _heard(self, change: Any) -> None:
        if change.key.resource.kind == "Pod" and change.kind != "DELETED":
            self.versions.append(change.object)

    @property
    def phases(self) -> list[str]:
        """The phases, each once in a row."""
        phases = [version["status"]["phase"] for version in self.versions]
        return [phase for i, phase in enumerate(phases) if i == 0 or phases[i - 1] != phase]


@pytest.mark.parametrize(("others", "length"), [(1, 4096), (3, 3072), (5, 2048)])
def test_a_termination_message_shares_12_kib_with_the_pods_other_containers(
    rig: KubernetesRig, others: int, length: int
) -> None:
    writes = python("open('/dev/termination-log', 'w').write('m' * 5000)")
    init = [container(name=f"init-{number}") for number in range(others)]
    rig.apply(pod(writes, initContainers=init))
    found = rig.wait_for("Pod", "pod", has_ended)
    assert len(states(found)["main"]["message"]) == length


def test_a_message_from_the_log_is_cut_as_well(rig: KubernetesRig) -> None:
    code = "print('m' * 5000); raise SystemExit(3)"
    writes = python(code, terminationMessagePolicy="FallbackToLogsOnError")
    rig.apply(pod(writes, *(container(name=f"other-{number}") for number in range(7))))
    found = rig.wait_for("Pod", "pod", has_ended)
    assert len(states(found)["main"]["message"]) == 12288 // 8


@pytest.mark.parametrize("path", [None, ""])
def test_a_path_of_the_termination_message_that_is_nothing_is_the_default(
    rig: KubernetesRig, path: str | None
) -> None:
    writes = python("open('/dev/termination-log', 'w').write('said')", terminationMessagePath=path)
    rig.apply(pod(writes))
    found = rig.wait_for("Pod", "pod", has_ended)
    assert states(found)["main"]["message"] == "said"
    assert found["spec"]["containers"][0]["terminationMessagePath"] == "/dev/termination-log"


def test_the_end_of_a_container_is_told_before_the_end_of_its_pod(rig: KubernetesRig) -> None:
    seen = Seen(rig)
    rig.apply(pod(python(SLOW)))
    rig.wait_for("Pod", "pod", has_ended)
    before = [one for one in seen.versions if one["status"]["phase"] == "Running"][-1]
    assert states(before)["main"]["exitCode"] == 3
    assert seen.phases == ["Pending", "Running", "Failed"]


def test_the_news_of_a_container_can_come_late(rig: KubernetesRig) -> None:
    with KubernetesRig(timing=Timing(status_delay=1.0, crash_backoff=0.01)) as late:
        late.apply(pod(python(ENDS_ON_TERM), restart_policy="Always"))
        late.wait_until(lambda: late.find("Pod", "pod") and late.log("pod"), "a first line")
        assert late.get("Pod", "pod")["status"]["phase"] == "Pending"
        found = late.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")
        late.faults.inject("oom_kill")
        late.wait_until(lambda: _runs(late) == 2, "a second run")
        found = late.get("Pod", "pod")["status"]["containerStatuses"][0]
        assert (found["restartCount"], found["lastState"]) == (0, {})

        def is_told(pod: Manifest) -> bool:
            return bool(pod["status"]["containerStatuses"][0]["lastState"])

        told = late.wait_for("Pod", "pod", is_told)["status"]["containerStatuses"][0]
        assert told["restartCount"] == 1
        assert told["lastState"]["terminated"]["reason"] == "OOMKilled"


def _runs(rig: KubernetesRig) -> int:
    kubelet: Any = rig.kubelet
    (worker,) = kubelet.pods.values()
    return len(worker.main[0].logs)


def test_a_pod_is_pending_while_one_of_its_containers_has_no_image() -> None:
    images = {"python:3": Image()}
    with KubernetesRig(images=images, timing=QUICK) as rig:
        rig.apply(job(python("print('ran')"), container(name="side", image="none:1")))
        (found,) = rig.wait_until(lambda: rig.pods_of("job"), "a pod")
        name = found["metadata"]["name"]

        def has_ended_beside_it(pod: Manifest) -> bool:
            found = states(pod)
            reason = found.get("side", {}).get("reason", "")
            return found.get("main", {}).get("is") == "terminated" and reason.startswith(
                "ImagePull"
            )

        found = rig.wait_for("Pod", name, has_ended_beside_it)
        assert found["status"]["phase"] == "Pending"
        assert rig.log(name) == "ran\n"
        status = rig.get("Job", "job")["status"]
        assert (status["active"], status.get("conditions")) == (1, None)


@pytest.mark.parametrize("policy", [None, "Always"])
def test_an_init_container_or_sidecar_without_an_image_keeps_the_pod_pending(
    policy: str | None,
) -> None:
    with KubernetesRig(images={"python:3": Image()}, timing=QUICK) as rig:
        first = container(name="first", image="none:1", restartPolicy=policy)
        rig.apply(pod(container(), initContainers=[first]))

        def waits(pod: Manifest) -> bool:
            reason = states(pod, "initContainerStatuses").get("first", {}).get("reason", "")
            return bool(reason == "ImagePullBackOff")

        found = rig.wait_for("Pod", "pod", waits)
    assert found["status"]["phase"] == "Pending"
    assert states(found)["main"]["reason"] == "PodInitializing"


def test_a_second_container_that_fails_fails_the_pod_and_the_job(rig: KubernetesRig) -> None:
    rig.apply(job(container(), python("raise SystemExit(5)", name="side")))
    found = rig.wait_for("Job", "job", has_ended)
    (only,) = rig.pods_of("job")
    assert states(only)["main"]["exitCode"] == 0
    assert states(only)["side"]["exitCode"] == 5
    assert only["status"]["phase"] == "Failed"
    assert found["status"]["conditions"][-1]["type"] == "Failed"


def test_a_sidecar_that_fails_at_the_end_does_not(rig: KubernetesRig) -> None:
    code = "import signal, time, os\nsignal.signal(signal.SIGTERM, lambda *_: os._exit(5))\n"
    side = python(f"{code}time.sleep(600)", name="side", restartPolicy="Always")
    rig.apply(job(python("import time; time.sleep(0.5)"), pod_spec={"initContainers": [side]}))
    found = rig.wait_for("Job", "job", has_ended)
    (only,) = rig.pods_of("job")
    assert states(only, "initContainerStatuses")["side"]["exitCode"] == 5
    assert found["status"]["conditions"][-1]["type"] == "Complete"


def test_a_pod_whose_container_is_restarted_stays_running(rig: KubernetesRig) -> None:
    seen = Seen(rig)
    rig.apply(pod(python(SLOW), restart_policy="OnFailure"))

    def was_restarted_twice(pod: Manifest) -> bool:
        statuses = pod["status"].get("containerStatuses") or [{}]
        return bool(statuses[0].get("restartCount") == 2)

    rig.wait_for("Pod", "pod", was_restarted_twice)
    assert seen.phases == ["Pending", "Running"]
    kinds = {states(one)["main"]["is"] for one in seen.versions if states(one)}
    assert {"waiting", "running"} <= kinds


def test_on_failure_without_retries_a_job_runs_its_container_twice(
    rig: KubernetesRig, tmp_path: Any
) -> None:
    runs = tmp_path / "runs"
    code = f"open({str(runs)!r}, 'a').write('x'); raise SystemExit(3)"
    rig.apply(job(python(code), restart_policy="OnFailure", backoffLimit=0))
    found = rig.wait_for("Job", "job", has_ended)
    assert runs.read_text() == "xx"
    assert found["status"]["failed"] == 1
    # and then its pod is removed
    rig.wait_until(lambda: not rig.pods_of("job"), "no pod")
