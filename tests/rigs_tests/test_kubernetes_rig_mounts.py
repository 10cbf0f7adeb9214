"""Volumes and the termination message, at the paths of the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.kubernetes import KubernetesRig, Manifest, Timing
from rigs.kubernetes.kubelet.launching import namespaces_work
from rigs.kubernetes.manifests import config_map, container, pod, python, secret
from rigs.kubernetes.objects import has_ended

QUICK = Timing(image_backoff=0.05)


@pytest.fixture(params=[True, False], ids=["namespaces", "rewritten-paths"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KubernetesRig]:
    """A rig with mount namespaces, and one on a machine that forbids them."""
    if request.param and not namespaces_work(tmp_path):
        pytest.skip("this machine lets nobody make mount namespaces")
    with KubernetesRig(timing=QUICK, mount_namespaces=request.param) as rig:
        yield rig


def ended(rig: KubernetesRig, shown: Manifest, **spec: Any) -> Manifest:
    rig.apply(pod(shown, **spec))
    return rig.wait_for("Pod", "pod", has_ended)


def termination(found: Manifest) -> dict[str, Any]:
    entry: dict[str, Any] = found["status"]["containerStatuses"][0]["state"]["terminated"]
    return entry


def mounted(shown: Manifest, *paths: str, **fields: Any) -> Manifest:
    mounts = [{"name": f"v{index}", "mountPath": path} for index, path in enumerate(paths)]
    return shown | {"volumeMounts": [mount | fields for mount in mounts]}


@pytest.mark.parametrize("path", ["/etc/flow/payload", "/flow", "/var/run/flow", "/tmp/flow/a"])
def test_a_secret_is_where_the_manifest_mounts_it(rig: KubernetesRig, path: str) -> None:
    rig.apply(secret("s", payload="data"))
    shown = python(f"import pathlib; print(pathlib.Path('{path}/payload').read_text())")
    volume = {"name": "v0", "secret": {"secretName": "s"}}
    ended(rig, mounted(shown, path), volumes=[volume])
    assert rig.log("pod") == "data\n"


def test_mounts_leave_no_trace_on_the_machine(rig: KubernetesRig) -> None:
    rig.apply(secret("s", key="data"))
    volume = {"name": "v0", "secret": {"secretName": "s"}}
    shown = container(["ls", "/flowenv-rig-test/deep/path"])
    ended(rig, mounted(shown, "/flowenv-rig-test/deep/path"), volumes=[volume])
    assert rig.log("pod") == "key\n"
    assert not Path("/flowenv-rig-test").exists()
    assert not Path("/dev/termination-log").exists()


def test_programs_other_than_python_see_volumes_named_in_their_arguments(
    rig: KubernetesRig,
) -> None:
    rig.apply(config_map("c", key="data"))
    volume = {"name": "v0", "configMap": {"name": "c"}}
    shown = container(["sh", "-c", "cat /etc/flow/key; cat $WHERE/key"], env={"WHERE": "/etc/flow"})
    ended(rig, mounted(shown, "/etc/flow"), volumes=[volume])
    assert rig.log("pod") == "datadata"


def test_items_of_a_volume_choose_keys_and_names(rig: KubernetesRig) -> None:
    rig.apply(secret("s", one="1", two="2"))
    items = [{"key": "two", "path": "deep/other"}]
    volume = {"name": "v0", "secret": {"secretName": "s", "items": items}}
    shown = python("import os; print([f for _, _, f in os.walk('/data')])")
    ended(rig, mounted(shown, "/data"), volumes=[volume])
    assert rig.log("pod") == "[[], ['other']]\n"


def test_a_sub_path_mounts_one_file(rig: KubernetesRig) -> None:
    rig.apply(config_map("c", key="data"))
    volume = {"name": "v0", "configMap": {"name": "c"}}
    shown = mounted(python("print(open('/etc/one.cfg').read())"), "/etc/one.cfg", subPath="key")
    ended(rig, shown, volumes=[volume])
    assert rig.log("pod") == "data\n"


def test_a_projected_volume_holds_all_its_sources(rig: KubernetesRig) -> None:
    rig.apply(secret("s", one="1"))
    rig.apply(config_map("c", two="2"))
    labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    sources = [
        {"secret": {"name": "s"}},
        {"configMap": {"name": "c"}},
        {"downwardAPI": {"items": [labels]}},
    ]
    volume = {"name": "v0", "projected": {"sources": sources}}
    shown = python("import os; print(sorted(os.listdir('/data')), open('/data/labels').read())")
    ended(rig, mounted(shown, "/data"), volumes=[volume], labels={"colour": "red"})
    assert rig.log("pod") == "['labels', 'one', 'two'] colour=\"red\"\n"


def test_a_volume_waits_for_its_secret(rig: KubernetesRig) -> None:
    volume = {"name": "v0", "secret": {"secretName": "late"}}
    rig.apply(pod(mounted(python("print(open('/data/key').read())"), "/data"), volumes=[volume]))

    def failed() -> str | None:
        said = [item for item in rig.objects("Event") if item["reason"] == "FailedMount"]
        return said[0]["message"] if said else None

    words = rig.wait_until(failed, "FailedMount")
    assert words == 'MountVolume.SetUp failed for volume "v0" : secret "late" not found'
    rig.apply(secret("late", key="here"))
    rig.wait_for("Pod", "pod", has_ended)
    assert rig.log("pod") == "here\n"


def test_an_empty_directory_is_shared_by_the_containers_of_a_pod(rig: KubernetesRig) -> None:
    mount = [{"name": "v", "mountPath": "/shared"}]
    writes = python("open('/shared/a', 'w').write('x')", name="init", volumeMounts=mount)
    reads = python("print(open('/shared/a').read())", volumeMounts=mount)
    ended(rig, reads, initContainers=[writes], volumes=[{"name": "v", "emptyDir": {}}])
    assert rig.log("pod") == "x\n"


def test_the_termination_message_is_what_the_container_wrote(rig: KubernetesRig) -> None:
    shown = python("open('/dev/termination-log', 'w').write('the end')")
    assert termination(ended(rig, shown))["message"] == "the end"


def test_the_termination_message_can_have_another_path(rig: KubernetesRig) -> None:
    shown = container(["sh", "-c", "echo -n over > /run/flow/message"])
    shown["terminationMessagePath"] = "/run/flow/message"
    assert termination(ended(rig, shown))["message"] == "over"


def test_the_termination_message_is_cut_at_four_kibibytes(rig: KubernetesRig) -> None:
    shown = python("open('/dev/termination-log', 'w').write('x' * 5000)")
    assert len(termination(ended(rig, shown))["message"]) == 4096


def test_the_message_falls_back_to_the_end_of_the_log_of_a_failure(rig: KubernetesRig) -> None:
    shown = python("print('a\\n' * 100 + 'last'); raise SystemExit(1)")
    shown["terminationMessagePolicy"] = "FallbackToLogsOnError"
    message = termination(ended(rig, shown))["message"]
    assert message.splitlines()[-1] == "last"
    assert len(message.splitlines()) == 80


def test_without_the_fallback_a_failure_has_no_message(rig: KubernetesRig) -> None:
    shown = python("print('something'); raise SystemExit(1)")
    assert "message" not in termination(ended(rig, shown))


def test_a_secret_cannot_be_written_to(tmp_path: Path) -> None:
    if not namespaces_work(tmp_path):
        pytest.skip("this machine lets nobody make mount namespaces")
    with KubernetesRig() as rig:
        rig.apply(secret("s", key="data"))
        volume = {"name": "v0", "secret": {"secretName": "s"}}
        shown = mounted(python("open('/data/key', 'w')"), "/data")
        found = ended(rig, shown, volumes=[volume])
        assert termination(found)["exitCode"] == 1
        assert "Read-only file system" in rig.log("pod")


def test_clients_in_a_pod_find_the_server_and_their_namespace(rig: KubernetesRig) -> None:
    asks = """
from kubernetes import client, config
config.load_incluster_config()
print([item.metadata.name for item in client.CoreV1Api().list_namespaced_pod("default").items])
"""
    found = ended(rig, python(asks))
    assert rig.log("pod") == "['pod']\n", found
    (asked,) = rig.requests.select(verb="list", resource="pods")
    assert asked.user == "system:serviceaccount:default:default"
