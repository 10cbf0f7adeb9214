"""The kubelet that runs containers as local processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.kubernetes import Image, KubernetesRig, Manifest, Timing
from rigs.kubernetes.manifests import config_map, container, pod, python, secret
from rigs.kubernetes.objects import has_ended

SLEEP = "import time\ntime.sleep(600)"
# Says when it is ready to be told to end, and how it was told.
OBEDIENT = """
import signal, sys, time
def end(number, frame):
    print("told", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    quick = Timing(crash_backoff=0.05, image_backoff=0.05, longest_probe_period=0.05)
    with KubernetesRig(timing=quick, node_labels={"disk": "ssd"}) as rig:
        yield rig


def ended(rig: KubernetesRig, *containers: Manifest, **fields: Any) -> Manifest:
    """Run a pod and return it when it has ended."""
    name = fields.setdefault("name", "pod")
    rig.apply(pod(*containers, **fields))
    return rig.wait_for("Pod", name, has_ended)


def state(found: Manifest, kind: str, index: int = 0) -> dict[str, Any]:
    """Return a container's state of a kind; an empty one if it isn't in it."""
    statuses = found["status"].get("containerStatuses") or [{"state": {}}]
    entry: dict[str, Any] = statuses[index]["state"].get(kind) or {}
    return entry


def waits(reason: str) -> Any:
    return lambda found: state(found, "waiting").get("reason") == reason


def logged(rig: KubernetesRig, text: str, name: str = "pod", container: str = "main") -> None:
    """Wait until a container has written something."""

    def has_written() -> bool:
        return rig.find("Pod", name) is not None and text in rig.log(name, container)

    rig.wait_until(has_written, f"{text!r} in the log")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_pod_succeeds_with_its_container(rig: KubernetesRig) -> None:
    found = ended(rig, python("print('hello')"))
    assert found["status"]["phase"] == "Succeeded"
    assert state(found, "terminated")["exitCode"] == 0
    assert state(found, "terminated")["reason"] == "Completed"
    assert rig.log("pod") == "hello\n"


def test_a_pod_fails_with_the_exit_code_of_its_container(rig: KubernetesRig) -> None:
    found = ended(rig, python("raise SystemExit(3)"))
    assert found["status"]["phase"] == "Failed"
    assert state(found, "terminated")["exitCode"] == 3
    assert state(found, "terminated")["reason"] == "Error"


def test_the_node_address_and_conditions_are_in_the_status(rig: KubernetesRig) -> None:
    rig.apply(pod(python(SLEEP)))
    found = rig.wait_for("Pod", "pod", lambda pod: pod["status"]["phase"] == "Running")
    assert found["spec"]["nodeName"] == "rig-node"
    assert found["status"]["podIP"].startswith("127.")
    held = {item["type"]: item["status"] for item in found["status"]["conditions"]}
    names = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    assert held == dict.fromkeys(names, "True")


def test_variables_come_from_values_secrets_config_maps_and_the_pod(rig: KubernetesRig) -> None:
    rig.apply(secret("s", key="from-secret"))
    rig.apply(config_map("c", key="from-config", OTHER="all-of-it"))
    shown = python("import os\nfor k in 'ABCDEFGH': print(k, os.environ.get(k))")
    shown["envFrom"] = [{"prefix": "P_", "configMapRef": {"name": "c"}}]
    shown["env"] = [
        {"name": "A", "value": "plain"},
        {"name": "B", "value": "$(A)-$(P_OTHER)-$$(A)-$(NONE)"},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}},
        {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "key"}}},
        {"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['colour']"}}},
        {"name": "F", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {
            "name": "G",
            "valueFrom": {"secretKeyRef": {"name": "none", "key": "k", "optional": True}},
        },
        {"name": "H", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]
    found = ended(rig, shown, labels={"colour": "red"})
    assert rig.log("pod").splitlines() == [
        "A plain",
        "B plain-all-of-it-$(A)-$(NONE)",
        "C from-secret",
        "D from-config",
        "E red",
        "F rig-node",
        "G None",
        f"H {found['status']['podIP']}",
    ]


def test_variables_are_replaced_in_commands_and_arguments(rig: KubernetesRig) -> None:
    ended(rig, container(["echo"], args=["$(A)", "$$(A)"], env={"A": "1"}))
    assert rig.log("pod") == "1 $(A)\n"


def test_the_rigs_own_environment_stays_out_of_containers(
    rig: KubernetesRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONLY_HERE", "1")
    ended(rig, python("import os; print(os.environ.get('ONLY_HERE'))"))
    assert rig.log("pod") == "None\n"


def test_a_missing_secret_holds_a_container_up_until_it_is_there(rig: KubernetesRig) -> None:
    shown = python("import os; print(os.environ['A'])")
    shown["env"] = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}}]
    rig.apply(pod(shown))
    found = rig.wait_for("Pod", "pod", waits("CreateContainerConfigError"))
    assert state(found, "waiting")["message"] == 'secret "s" not found'
    rig.apply(secret("s", other="1"))
    # pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables)
    words = "couldn't find key key in Secret default/s"
    rig.wait_for("Pod", "pod", lambda pod: state(pod, "waiting").get("message") == words)
    rig.apply(secret("s", key="here") | {"data": {"key": "aGVyZQ=="}})
    rig.wait_for("Pod", "pod", has_ended)
    assert rig.log("pod") == "here\n"


def test_an_image_brings_its_variables_entrypoint_and_arguments() -> None:
    path = os.environ["PATH"]
    image = Image({"PATH": path, "FROM_IMAGE": "1"}, entrypoint=["sh", "-c"], cmd=["echo cmd"])
    without_command = {"name": "main", "image": "mine"}
    with KubernetesRig(images={"mine": image}) as rig:
        ended(rig, without_command, name="a")
        ended(rig, without_command | {"args": ["echo $FROM_IMAGE"]}, name="b")
        assert (rig.log("a"), rig.log("b")) == ("cmd\n", "1\n")


def test_an_unknown_image_cannot_be_pulled() -> None:
    timing = Timing(image_backoff=0.05)
    with KubernetesRig(images={"mine": Image()}, timing=timing) as rig:
        rig.apply(pod(container(image="none:1")))
        found = rig.wait_for("Pod", "pod", waits("ErrImagePull"))
        assert found["status"]["phase"] == "Pending"
        assert state(found, "waiting")["message"].endswith("none:1: not found")
        found = rig.wait_for("Pod", "pod", waits("ImagePullBackOff"))
        # pkg/kubelet/images/image_manager.go
        assert state(found, "waiting")["message"] == 'Back-off pulling image "none:1"'
        said = [item["message"] for item in rig.objects("Event") if item["reason"] == "Failed"]
        assert any(words.startswith('Failed to pull image "none:1": rpc error') for words in said)
        assert "Error: ErrImagePull" in said


def test_an_image_that_must_not_be_pulled_and_is_not_there() -> None:
    with KubernetesRig(images={}) as rig:
        rig.apply(pod(container(image="none:1", imagePullPolicy="Never")))
        found = rig.wait_for("Pod", "pod", waits("ErrImageNeverPull"))
    # pkg/kubelet/images/image_manager.go
    words = 'Container image "none:1" is not present with pull policy of Never'
    assert state(found, "waiting")["message"] == words


def test_a_command_that_is_not_there_is_a_start_error(rig: KubernetesRig) -> None:
    found = ended(rig, container(["no-such-program"]))
    assert state(found, "terminated")["reason"] == "StartError"
    assert state(found, "terminated")["exitCode"] == 128
    words = 'exec: "no-such-program": executable file not found in $PATH'
    assert state(found, "terminated")["message"].endswith(words)


def test_a_program_of_a_path_that_is_not_there_is_a_start_error(rig: KubernetesRig) -> None:
    found = ended(rig, container(["/no/such/program"]))
    assert state(found, "terminated")["reason"] == "StartError"
    assert "/no/such/program" in state(found, "terminated")["message"]


def test_a_variable_too_large_for_the_system_is_a_start_error(rig: KubernetesRig) -> None:
    found = ended(rig, container(["true"], env={"A": "x" * 140_000}))
    assert state(found, "terminated")["reason"] == "StartError"
    assert "argument list too long" in state(found, "terminated")["message"]


def test_a_selector_that_no_node_has_keeps_a_pod_pending(rig: KubernetesRig) -> None:
    rig.apply(pod(nodeSelector={"disk": "tape"}))
    found = rig.wait_for("Pod", "pod", lambda pod: pod["status"].get("conditions"))
    (condition,) = found["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    words = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    assert condition["message"].startswith(words)
    said = {item["reason"]: item for item in rig.objects("Event")}["FailedScheduling"]
    assert (said["type"], said["message"]) == ("Warning", condition["message"])


def test_a_selector_that_the_node_has_is_met(rig: KubernetesRig) -> None:
    assert ended(rig, nodeSelector={"disk": "ssd"})["status"]["phase"] == "Succeeded"


def test_a_request_that_no_node_can_hold_keeps_a_pod_pending(rig: KubernetesRig) -> None:
    rig.apply(pod(container(resources={"requests": {"memory": "1Ti"}})))
    found = rig.wait_for("Pod", "pod", lambda pod: pod["status"].get("conditions"))
    message = found["status"]["conditions"][0]["message"]
    assert message.startswith("0/1 nodes are available: 1 Insufficient memory.")


def test_a_container_restarts_until_it_succeeds(rig: KubernetesRig, tmp_path: Path) -> None:
    once = f"""
import pathlib, sys
been = pathlib.Path({str(tmp_path / "been")!r})
again = been.exists()
been.touch()
print("again" if again else "first")
sys.exit(0 if again else 1)
"""
    found = ended(rig, python(once), restart_policy="OnFailure")
    (status,) = found["status"]["containerStatuses"]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert rig.log("pod") == "again\n"


def test_a_container_that_ends_again_and_again_is_in_a_crash_loop(rig: KubernetesRig) -> None:
    rig.apply(pod(container(["false"]), restart_policy="Always"))
    found = rig.wait_for("Pod", "pod", waits("CrashLoopBackOff"))
    assert "restarting failed container=main" in state(found, "waiting")["message"]
    assert found["status"]["phase"] == "Running"


def test_init_containers_run_one_by_one_before_the_others(rig: KubernetesRig) -> None:
    volume = {"name": "v", "emptyDir": {}}
    mount = [{"name": "v", "mountPath": "/shared"}]

    def step(name: str) -> Manifest:
        command = ["sh", "-c", f"echo {name} >> /shared/steps"]
        return container(command, name=name, volumeMounts=mount)

    shown = container(["cat", "/shared/steps"], volumeMounts=mount)
    ended(rig, shown, initContainers=[step("one"), step("two")], volumes=[volume])
    assert rig.log("pod") == "one\ntwo\n"


def test_a_pod_fails_with_its_init_container(rig: KubernetesRig) -> None:
    init = container(["false"], name="init")
    found = ended(rig, initContainers=[init])
    assert found["status"]["phase"] == "Failed"
    assert state(found, "waiting")["reason"] == "PodInitializing"
    assert found["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 1


def test_a_sidecar_runs_beside_the_others_and_ends_after_them(rig: KubernetesRig) -> None:
    # The sidecar only hears TERM once its handler is there, so the other waits for that.
    mount = [{"name": "v", "mountPath": "/shared"}]
    tells = OBEDIENT.replace('print("ready", flush=True)', "open('/shared/ready', 'w').close()")
    sidecar = python(tells, name="sidecar", restartPolicy="Always", volumeMounts=mount)
    waits = container(["sh", "-c", "until [ -e /shared/ready ]; do sleep 0.01; done"])
    waits["volumeMounts"] = mount
    volume = {"name": "v", "emptyDir": {}}
    found = ended(rig, waits, initContainers=[sidecar], volumes=[volume])
    assert found["status"]["phase"] == "Succeeded"
    (status,) = found["status"]["initContainerStatuses"]
    assert "terminated" in status["state"]


def test_a_plain_container_that_never_ends_keeps_the_pod_running(rig: KubernetesRig) -> None:
    rig.apply(pod(container(["true"]), python(SLEEP, name="other")))
    found = rig.wait_for("Pod", "pod", lambda pod: state(pod, "terminated"))
    assert found["status"]["phase"] == "Running"
    assert state(found, "terminated", 0)["exitCode"] == 0


def test_a_deleted_pod_is_told_and_ends_by_itself(rig: KubernetesRig) -> None:
    rig.apply(pod(python(OBEDIENT)))
    logged(rig, "ready")
    rig.delete("Pod", "pod")
    rig.wait_gone("Pod", "pod", timeout=5)


def test_a_pod_shows_its_end_before_it_is_gone(rig: KubernetesRig) -> None:
    held = pod(python(OBEDIENT))
    held["metadata"]["finalizers"] = ["example.org/hold"]
    rig.apply(held)
    logged(rig, "ready")
    rig.delete("Pod", "pod")
    found = rig.wait_for("Pod", "pod", lambda pod: state(pod, "terminated"))
    assert state(found, "terminated")["exitCode"] == 7
    assert rig.log("pod") == "ready\ntold\n"


def test_a_pod_that_does_not_end_is_killed_after_its_grace(rig: KubernetesRig) -> None:
    held = pod(python("print('ready')\n" + SLEEP), terminationGracePeriodSeconds=1)
    held["metadata"]["finalizers"] = ["example.org/hold"]
    rig.apply(held)
    logged(rig, "ready")
    rig.delete("Pod", "pod")
    found = rig.wait_for("Pod", "pod", lambda pod: state(pod, "terminated"))
    # Without a handler, the first process of a container doesn't hear TERM.
    assert state(found, "terminated")["exitCode"] == 137


def test_only_the_first_process_is_told_to_end(rig: KubernetesRig) -> None:
    # The shell is the first process and has no handler, so the program never hears of it.
    shell = container(["sh", "-c", 'python -u -c "$0"; true', OBEDIENT])
    held = pod(shell, terminationGracePeriodSeconds=1)
    held["metadata"]["finalizers"] = ["example.org/hold"]
    rig.apply(held)
    logged(rig, "ready")
    rig.delete("Pod", "pod")
    found = rig.wait_for("Pod", "pod", lambda pod: state(pod, "terminated"))
    assert state(found, "terminated")["exitCode"] == 137
    assert "told" not in rig.log("pod")


def test_what_a_container_left_running_dies_with_its_first_process(rig: KubernetesRig) -> None:
    leaves = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
print(child.pid)
"""
    ended(rig, python(leaves))
    assert not is_alive(int(rig.log("pod")))


def test_the_deadline_of_a_pod_ends_it(rig: KubernetesRig) -> None:
    found = ended(rig, python(SLEEP), activeDeadlineSeconds=0.3)
    assert (found["status"]["phase"], found["status"]["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_readiness_probe_decides_when_a_pod_is_ready(rig: KubernetesRig, tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    probe = {"exec": {"command": ["test", "-e", str(flag)]}}
    rig.apply(pod(python(SLEEP, readinessProbe=probe)))
    found = rig.wait_for("Pod", "pod", lambda pod: state(pod, "running"))
    assert not found["status"]["containerStatuses"][0]["ready"]
    flag.touch()
    rig.wait_for("Pod", "pod", lambda pod: pod["status"]["containerStatuses"][0]["ready"])


def test_a_liveness_probe_restarts_a_container(rig: KubernetesRig) -> None:
    probe = {"exec": {"command": ["false"]}, "failureThreshold": 1}
    alive = python(OBEDIENT, livenessProbe=probe)
    rig.apply(pod(alive, restart_policy="Always", terminationGracePeriodSeconds=0))

    def restarted(found: Manifest) -> bool:
        statuses = found["status"].get("containerStatuses") or [{"restartCount": 0}]
        return bool(statuses[0]["restartCount"])

    rig.wait_for("Pod", "pod", restarted)


def test_an_http_probe_asks_the_address_of_the_pod(rig: KubernetesRig) -> None:
    served = container(["python", "-m", "http.server", "8099"])
    served["ports"] = [{"name": "web", "containerPort": 8099}]
    served["readinessProbe"] = {"httpGet": {"port": "web", "path": "/"}}
    rig.apply(pod(served))
    rig.wait_for("Pod", "pod", lambda pod: pod["status"].get("containerStatuses"))
    rig.wait_for("Pod", "pod", lambda pod: pod["status"]["containerStatuses"][0]["ready"])
