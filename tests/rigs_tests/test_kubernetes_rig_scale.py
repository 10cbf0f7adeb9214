"""Thousands of pods on the scripted kubelet."""

from __future__ import annotations

import json
import threading
from typing import Any

import urllib3

from rigs.kubernetes import KubernetesRig, Manifest, Script, ScriptedKubelet
from rigs.kubernetes.manifests import job

MANY = 1500


def test_many_jobs_run_and_end() -> None:
    kubelet = ScriptedKubelet(Script(ends_after=None))
    with KubernetesRig(kubelet=kubelet) as rig:
        for index in range(MANY):
            rig.apply(job(name=f"job-{index}"))
        selects = "status.phase=Running"
        rig.wait_until(
            lambda: len(rig.objects("Pod", field_selector=selects)) == MANY, "all running"
        )
        for pod in rig.objects("Pod"):
            kubelet.end(pod["metadata"]["name"])
        rig.wait_until(lambda: all(map(_succeeded, rig.objects("Job"))), "all succeeded")
        assert rig.requests.count(status=409) == 0


def test_one_watch_hears_of_every_job() -> None:
    ended: set[str] = set()

    def listen(url: str) -> None:
        response = urllib3.request("GET", url, preload_content=False)
        for line in response.stream(None):
            for text in line.splitlines():
                event: dict[str, Any] = json.loads(text)
                if _succeeded(event["object"]):
                    ended.add(event["object"]["metadata"]["name"])
            if len(ended) == 300:
                break
        response.close()

    with KubernetesRig(kubelet=ScriptedKubelet()) as rig:
        query = "watch=true&timeoutSeconds=30&labelSelector=watched"
        url = f"{rig.url}/apis/batch/v1/namespaces/default/jobs?{query}"
        listener = threading.Thread(target=listen, args=(url,))
        listener.start()
        rig.wait_until(lambda: rig.requests.open_watches, "the watch")
        for index in range(300):
            rig.apply(job(name=f"job-{index}", labels={"watched": ""}))
        listener.join(20)
        assert not listener.is_alive()
        assert rig.requests.count(is_watch=True) == 1
    assert len(ended) == 300


def test_a_function_gives_each_pod_its_script() -> None:
    def script(pod: Manifest) -> Script:
        bad = pod["metadata"]["labels"]["job-name"] == "bad"
        return Script(exit_code=9, message="why", reason="Error") if bad else Script()

    with KubernetesRig(kubelet=ScriptedKubelet(script)) as rig:
        rig.apply(job(name="good"))
        rig.apply(job(name="bad"))
        rig.wait_for("Job", "good", _succeeded)
        rig.wait_for("Job", "bad", lambda job: job["status"].get("failed"))
        (pod,) = rig.pods_of("bad")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (9, "why")


def test_pods_can_be_moved_by_hand() -> None:
    kubelet = ScriptedKubelet(Script(starts_after=None, ends_after=None))
    with KubernetesRig(kubelet=kubelet) as rig:
        rig.apply(job())
        (pod,) = rig.wait_until(lambda: rig.pods_of("job"), "the pod")
        name = pod["metadata"]["name"]
        rig.wait_for("Pod", name, lambda pod: pod["spec"].get("nodeName"))
        assert rig.get("Pod", name)["status"]["phase"] == "Pending"
        kubelet.run(name)
        assert rig.get("Pod", name)["status"]["phase"] == "Running"
        kubelet.write(name, "line\n")
        assert rig.log(name) == "line\n"
        kubelet.end(name, 137, reason="OOMKilled")
        rig.wait_for("Job", "job", lambda job: job["status"].get("failed") == 1)


def _succeeded(found: Manifest) -> bool:
    return bool(found["status"].get("succeeded"))
