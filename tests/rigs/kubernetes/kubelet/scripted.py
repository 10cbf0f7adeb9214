"""The kubelet that runs nothing: pods go through states by a script, thousands of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.faults import Fault
from rigs.kubernetes.kubelet import disruptions
from rigs.kubernetes.kubelet.images import pull_error
from rigs.kubernetes.kubelet.pod_status import (
    ContainerStatus,
    phase_of,
    pod_status,
    running,
    terminated,
    unknown,
    waiting,
)
from rigs.kubernetes.kubelet.scheduling import unschedulable
from rigs.kubernetes.log_files import ContainerLog, Stream
from rigs.kubernetes.node import NODE_NAME
from rigs.kubernetes.objects import Manifest, condition, timestamp, with_condition
from rigs.kubernetes.resources import POD
from rigs.kubernetes.store import Change, Key

_STARTING_FAULTS = ("unschedulable", "image_pull")


@dataclass(frozen=True)
class Script:
    """What a pod does; times are in seconds, and None means until it is told.

    Args:
        starts_after: from its creation until it runs.
        ends_after: from then until its first container ends; the others end with it.
        exit_code: of the first container.
        reason: of its end; by default ``Completed`` or ``Error``.
        message: its termination message.
        log: what it writes when it starts.
        obeys: whether it ends at once when it is deleted, or only after its grace.
    """

    starts_after: float | None = 0.0
    ends_after: float | None = 0.0
    exit_code: int = 0
    reason: str | None = None
    message: str = ""
    log: str = ""
    obeys: bool = True


class _ScriptedPod:
    """One pod and what is left of its script."""

    def __init__(self, key: Key, pod: Manifest, script: Script, cluster: Cluster) -> None:
        self.key = key
        self.uid = pod["metadata"]["uid"]
        self.script = script
        self.restart_policy = pod["spec"]["restartPolicy"]
        self.containers = [
            ContainerStatus(item["name"], item.get("image", ""))
            for item in pod["spec"]["containers"]
        ]
        skew, size = cluster.timing.log_skew, cluster.log_file_bytes
        self._log_options = (skew, size)
        self.logs = {item.name: ContainerLog(skew, size) for item in self.containers}
        self.log_before: ContainerLog | None = None
        """Of the first container, before it was started again."""
        self.timer: asyncio.TimerHandle | None = None
        self.is_scheduled = False
        self.has_begun = False
        self.has_ended = False

    def restart(self, exit_code: int, message: str) -> None:
        """Let the first container end, and start it again."""
        first = self.containers[0]
        began = (first.state.get("running") or {}).get("startedAt")
        self.log_before = self.logs[first.name]
        self.logs[first.name] = ContainerLog(*self._log_options)
        first.last_state = terminated(exit_code, "Error", began, message)
        first.state = running()
        first.restarts += 1
        self.log_before.close()

    def never_start(self) -> None:
        """Be over without having begun."""
        self.stop()
        for container in self.containers:
            container.state = unknown()

    def stop(self) -> None:
        """Forget the rest of the script."""
        self.has_ended = True
        if self.timer is not None:
            self.timer.cancel()
        for log in self.logs.values():
            log.close()


class ScriptedKubelet:
    """Moves pods through states without running anything.

    Args:
        script: what pods do: one script for all, or a function from a pod's manifest to its own.
    """

    def __init__(self, script: Script | Callable[[Manifest], Script] | None = None) -> None:
        self._script = script or Script()
        self._pods: dict[str, _ScriptedPod] = {}
        self._names: dict[Key, str] = {}

    def start(self, cluster: Cluster) -> None:
        """Take charge of the cluster's pods."""
        self._cluster = cluster
        cluster.store.listen(self._heard)
        cluster.faults.listen("pod", self._fault_changed)

    async def stop(self) -> None:
        """Leave all pods as they are."""
        self._cluster.store.unlisten(self._heard)
        for pod in self._pods.values():
            pod.stop()

    def kill(self) -> list[str]:
        """Nothing runs here."""
        return []

    def log(self, uid: str, container: str, *, previous: bool) -> ContainerLog | None:
        """Return the log of a container of the pod with this UID, or None."""
        pod = self._pods.get(uid)
        if pod is None or not pod.has_begun:
            return None
        if previous:
            return pod.log_before if container == pod.containers[0].name else None
        return pod.logs.get(container)

    def run(self, pod: str, namespace: str = "default") -> None:
        """Let a pod run that waits to be told.

        Raises:
            LookupError: there is no such pod.
        """
        self._cluster.on_server(lambda: self._begin(self._pod(pod, namespace)))

    def write(
        self, pod: str, text: str, namespace: str = "default", *, stream: Stream = "stdout"
    ) -> None:
        """Let the first container of a running pod write to its standard output or error.

        Raises:
            LookupError: there is no such pod.
        """

        def write() -> None:
            found = self._pod(pod, namespace)
            found.logs[found.containers[0].name].write(text.encode(), stream)

        self._cluster.on_server(write)

    def wait_until_log_is_sent(
        self, pod: str, namespace: str = "default", *, timeout: float = 60.0
    ) -> None:
        """Wait until whoever follows the log of a pod's first container has got all of it.

        Raises:
            LookupError: there is no such pod.
            TimeoutError: nobody has taken it in time, which is in seconds.
        """
        found = self._pod(pod, namespace)
        if not found.logs[found.containers[0].name].wait_until_sent(timeout):
            raise TimeoutError(f"nobody has read the log of {pod} to its end")

    def restart(
        self, pod: str, exit_code: int = 1, *, message: str = "", namespace: str = "default"
    ) -> None:
        """Let the first container of a running pod end, and start it again at once.

        Raises:
            LookupError: there is no such pod.
        """

        def restart() -> None:
            found = self._pod(pod, namespace)
            found.restart(exit_code, message)
            self._push(found)

        self._cluster.on_server(restart)

    def end(
        self,
        pod: str,
        exit_code: int = 0,
        *,
        reason: str | None = None,
        message: str = "",
        namespace: str = "default",
    ) -> None:
        """Let a pod end, whatever its script says.

        Raises:
            LookupError: there is no such pod.
        """
        self._cluster.on_server(
            lambda: self._end(self._pod(pod, namespace), exit_code, reason, message)
        )

    def _pod(self, name: str, namespace: str) -> _ScriptedPod:
        uid = self._names.get(Key(POD, namespace, name))
        if uid is None:
            raise LookupError(f"there is no pod {namespace}/{name}")
        return self._pods[uid]

    def _heard(self, change: Change) -> None:
        if change.key.resource != POD:
            return
        uid = change.object["metadata"]["uid"]
        if change.kind == "ADDED":
            script = self._script(change.object) if callable(self._script) else self._script
            pod = _ScriptedPod(change.key, change.object, script, self._cluster)
            self._pods[uid], self._names[change.key] = pod, uid
            self._cluster.loop.call_soon(self._schedule, pod)
        elif change.kind == "DELETED":
            self._names.pop(change.key, None)
            self._pods.pop(uid).stop()
            return
        before_gates = ((change.previous or {}).get("spec") or {}).get("schedulingGates")
        if before_gates and not change.object["spec"].get("schedulingGates"):
            self._cluster.loop.call_soon(self._schedule, self._pods[uid])
        if change.object["metadata"].get("deletionGracePeriodSeconds", 0) > 0:
            before = (change.previous or {}).get("metadata", {})
            if "deletionTimestamp" not in before:
                self._cluster.loop.call_soon(self._terminate, self._pods[uid], change.object)

    def _schedule(self, pod: _ScriptedPod) -> None:
        found = self._cluster.store.find(pod.key)
        if found is None or pod.has_begun or pod.has_ended:
            return
        if not pod.is_scheduled:
            if found["spec"].get("schedulingGates"):
                return
            fault = self._cluster.faults.of_pod(["unschedulable"], pod.key, found)
            if fault is not None:
                self._refuse(pod, found, fault)
                return
            placed = {**found, "spec": {**found["spec"], "nodeName": NODE_NAME}}
            found = self._cluster.store.replace(pod.key, placed)
            pod.is_scheduled = True
        fault = self._cluster.faults.of_pod(["image_pull"], pod.key, found)
        if fault is not None:
            self._fail_to_pull(pod, fault)
        elif pod.script.starts_after is None:
            self._push(pod)
        elif pod.script.starts_after == 0:
            self._begin(pod)
        else:
            self._push(pod)
            pod.timer = self._cluster.later(pod.script.starts_after, lambda: self._begin(pod))

    def _refuse(self, pod: _ScriptedPod, found: Manifest, fault: Fault) -> None:
        why = fault.options["message"] or unschedulable(
            "Insufficient memory", preemption="No preemption victims found for incoming pod"
        )
        state = condition("PodScheduled", False, "Unschedulable", why)
        conditions = with_condition(found["status"].get("conditions"), state)
        self._cluster.store.set_status(pod.key, conditions=conditions)
        self._cluster.events.warning(pod.key, "FailedScheduling", why, "default-scheduler")

    def _fail_to_pull(self, pod: _ScriptedPod, fault: Fault) -> None:
        image = pod.containers[0].image
        wrong = fault.options["message"] or pull_error(image)
        pod.containers[0].state = waiting("ErrImagePull", wrong)
        words = f'Failed to pull image "{image}": {wrong}'
        self._cluster.events.warning(pod.key, "Failed", words, "kubelet")
        self._push(pod)

        def back_off() -> None:
            if not pod.has_begun and not pod.has_ended:
                words = f'Back-off pulling image "{image}"'
                pod.containers[0].state = waiting("ImagePullBackOff", words)
                self._push(pod)

        pod.timer = self._cluster.later(self._cluster.timing.image_backoff, back_off)

    def _begin(self, pod: _ScriptedPod) -> None:
        if pod.has_begun or pod.has_ended:
            return
        pod.has_begun = True
        for container in pod.containers:
            container.state = running()
            container.ready = container.started = True
            words = f'Container image "{container.image}" already present on machine'
            place = f"spec.containers{{{container.name}}}"
            self._cluster.events.normal(pod.key, "Pulled", words, "kubelet", place)
        if pod.script.log:
            pod.logs[pod.containers[0].name].write(pod.script.log.encode())
        self._push(pod, startTime=timestamp(), podIP=self._cluster.network.new_pod_address(pod.key))
        found = self._cluster.store.get(pod.key)
        if fault := self._cluster.faults.of_pod(disruptions.FAULTS, pod.key, found):
            self._strike(pod, fault)
        elif pod.script.ends_after is not None:
            script = pod.script
            pod.timer = self._cluster.later(
                pod.script.ends_after,
                lambda: self._end(pod, script.exit_code, script.reason, script.message),
            )

    def _end(
        self, pod: _ScriptedPod, exit_code: int, reason: str | None, message: str = ""
    ) -> None:
        if pod.has_ended:
            return
        pod.stop()
        for index, container in enumerate(pod.containers):
            code = 0 if index else exit_code
            words = "Completed" if code == 0 else "Error"
            why = (reason or words) if index == 0 else words
            began = (container.state.get("running") or {}).get("startedAt")
            container.state = terminated(code, why, began, message if index == 0 else "")
            container.ready = container.started = False
        self._push(pod)

    def _terminate(self, pod: _ScriptedPod, manifest: Manifest) -> None:
        def finish() -> None:
            if not pod.has_begun:
                pod.never_start()
                self._push(pod)
            elif not pod.has_ended:
                self._end(pod, 143 if pod.script.obeys else 137, None)
            self._cluster.deleter.release_pod(pod.key, pod.uid)

        grace = manifest["metadata"]["deletionGracePeriodSeconds"]
        self._cluster.later(0 if pod.script.obeys else self._cluster.timing.grace(grace), finish)

    def _strike(self, pod: _ScriptedPod, fault: Fault) -> None:
        if fault.kind.name == "oom_kill":
            self._end(pod, 137, "OOMKilled")
        elif fault.kind.name == "evicted":
            pod.stop()
            keep = bool(fault.options["container_statuses"])
            disruptions.evict(self._cluster, pod.key, pod.containers[0].name, keep_statuses=keep)
        elif fault.kind.name == "status_unknown":
            pod.stop()
            disruptions.lose_container(self._cluster, pod.key)
        elif fault.kind.name == "preempted":
            disruptions.preempt(self._cluster, pod.key)
        elif fault.kind.name == "node_lost":
            pod.stop()
            disruptions.lose_node(self._cluster, pod.key)

    def _fault_changed(self, fault: Fault, injected: bool) -> None:
        for pod in list(self._pods.values()):
            found = self._cluster.store.find(pod.key)
            if found is None or not fault.matches_object(pod.key, found):
                continue
            if not injected and fault.kind.name in _STARTING_FAULTS:
                pod.containers[0].state = waiting("ContainerCreating")
                self._schedule(pod)
            is_running = pod.has_begun and not pod.has_ended
            strikes = injected and is_running and fault.kind.name in disruptions.FAULTS
            if strikes and fault.strike(pod.uid):
                self._strike(pod, fault)

    def _push(self, pod: _ScriptedPod, **further: object) -> None:
        found = self._cluster.store.find(pod.key)
        if found is not None:
            # nothing is restarted here: a pod that has ended has ended for good
            policy = "Never" if pod.has_ended else pod.restart_policy
            phase = phase_of(pod.containers, policy)
            made = pod_status(pod.containers, phase, found["status"].get("conditions"))
            self._cluster.store.set_status(pod.key, **made, **further)
