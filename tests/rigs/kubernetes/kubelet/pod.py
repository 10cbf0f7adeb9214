"""One pod that runs as processes: from scheduling to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.faults import Fault
from rigs.kubernetes.kubelet import disruptions
from rigs.kubernetes.kubelet.container import Container, PodContext
from rigs.kubernetes.kubelet.images import Images
from rigs.kubernetes.kubelet.pod_status import ContainerStatus, phase_of, pod_status, waiting
from rigs.kubernetes.kubelet.scheduling import unschedulable, why_unschedulable
from rigs.kubernetes.kubelet.volumes import MountError, PodVolumes
from rigs.kubernetes.node import NODE_NAME
from rigs.kubernetes.objects import Manifest, condition, timestamp, with_condition
from rigs.kubernetes.resources import CLAIM, NODE
from rigs.kubernetes.store import Key

_INSUFFICIENT_MEMORY = unschedulable(
    "Insufficient memory", preemption="No preemption victims found for incoming pod"
)


class PodWorker:
    """Runs one pod.

    Args:
        cluster: where the pod's status goes.
        images: what can be pulled.
        key: the pod.
        pod: its manifest.
        directory: where its files are.
        account_files: contents of the service account's volume.
        namespaces: whether mount namespaces work here.
    """

    def __init__(
        self,
        cluster: Cluster,
        images: Images,
        key: Key,
        pod: Manifest,
        directory: Path,
        account_files: dict[str, bytes],
        *,
        namespaces: bool,
    ) -> None:
        self.key = key
        self.uid = pod["metadata"]["uid"]
        self._cluster = cluster
        self._spec = pod["spec"]
        address = cluster.network.new_pod_address(key)
        volumes = PodVolumes(
            cluster.store,
            {**pod, "status": {"podIP": address}},
            directory / "volumes",
            directory.parent / "claims",
            account_files if self._spec.get("automountServiceAccountToken", True) else {},
        )
        self._context = PodContext(
            *(cluster, images, key, pod, address, directory, volumes, namespaces),
            changed=self._push,
            retry=asyncio.Event(),
        )
        self.init = [
            Container(self._context, item, is_init=True)
            for item in self._spec.get("initContainers") or []
        ]
        self.main = [
            Container(self._context, item, is_init=False) for item in self._spec["containers"]
        ]
        self._sidecars: list[asyncio.Task[int]] = []
        self._terminating: asyncio.Task[None] | None = None
        self._is_silent = False
        self._fields: dict[str, object] = {}
        self._is_over = self._has_told_ends = False
        self._report: asyncio.TimerHandle | None = None
        self._task = cluster.spawn(self._run())

    @property
    def containers(self) -> list[Container]:
        """All containers, in the order in which they start."""
        return [*self.init, *self.main]

    @property
    def has_ended(self) -> bool:
        """Whether nothing of the pod runs any more."""
        return self._task.done()

    def retry(self) -> None:
        """Look again whether the pod can start."""
        self._context.retry.set()

    def terminate(self, grace: float) -> None:
        """End the pod: TERM, then KILL after the grace; then the pod may go.

        A grace that becomes shorter meanwhile isn't heeded, as by a real kubelet
        (kubernetes/kubernetes#113606).
        """
        if self._terminating is not None:
            return
        self._terminating = self._cluster.spawn(self._terminate(self._cluster.timing.grace(grace)))

    def report(self) -> None:
        """Write the status that follows from the containers' states."""
        if self._report is not None:
            self._report.cancel()
            self._report = None
        found = self._cluster.store.find(self.key)
        if self._is_silent or not self._cluster.is_told.is_set():
            return
        if found is None or found["metadata"]["uid"] != self.uid:
            return
        if not found["spec"].get("nodeName"):
            return
        statuses = [container.status for container in self.containers]
        phase = self._phase(statuses, found)
        made = pod_status(statuses, phase, found["status"].get("conditions"))
        self._cluster.store.set_status(self.key, **made, **self._fields)
        if phase == "Running" and self._terminating is None:
            names = disruptions.FAULTS
            if fault := self._cluster.faults.of_pod(names, self.key, found):
                self._cluster.loop.call_soon(self.strike, fault)

    def strike(self, fault: Fault) -> None:
        """Let a fault happen to the running pod."""
        if fault.kind.name == "oom_kill":
            wanted = fault.options["container"] or self.main[0].status.name
            for container in self.main:
                if container.status.name == wanted:
                    container.kill_for_memory()
        elif fault.kind.name == "evicted":
            self._is_silent = True
            self._kill()
            disruptions.evict(
                self._cluster,
                self.key,
                self.main[0].status.name,
                keep_statuses=bool(fault.options["container_statuses"]),
            )
        elif fault.kind.name == "status_unknown":
            self._is_silent = True
            self._kill()
            disruptions.lose_container(self._cluster, self.key)
        elif fault.kind.name == "preempted":
            disruptions.preempt(self._cluster, self.key)
        elif fault.kind.name == "node_lost":
            self._is_silent = True
            self._kill()
            disruptions.lose_node(self._cluster, self.key)

    async def stop(self) -> None:
        """End everything now, and remove the pod's files."""
        self._is_silent = True
        if self._report is not None:
            self._report.cancel()
        self._kill()
        await asyncio.gather(self._task, *self._sidecars, return_exceptions=True)
        self._context.volumes.remove()

    async def _run(self) -> None:
        try:
            if await self._schedule():
                await self._mount()
                if await self._initialize():
                    await self._run_main()
        except asyncio.CancelledError:
            if self._terminating is None:
                raise
        finally:
            await self._end_sidecars()
            self._is_over = True
            self._push()

    async def _schedule(self) -> bool:
        """Find a node for the pod; say whether the pod is still there for it."""
        store, faults = self._cluster.store, self._cluster.faults
        while True:
            pod = store.find(self.key)
            if pod is None or pod["metadata"]["uid"] != self.uid:
                return False
            if pod["spec"].get("schedulingGates"):
                self._context.retry.clear()
                await self._context.retry.wait()
                continue
            claims = {item["metadata"]["name"] for item in store.list(CLAIM, self.key.namespace)}
            why = why_unschedulable(store.get(Key(NODE, "", NODE_NAME)), pod, claims)
            if fault := faults.of_pod(["unschedulable"], self.key, pod):
                why = fault.options["message"] or _INSUFFICIENT_MEMORY
            if why is None:
                break
            unscheduled = condition("PodScheduled", False, "Unschedulable", why)
            store.set_status(
                self.key,
                conditions=with_condition(pod["status"].get("conditions"), unscheduled),
            )
            self._cluster.events.warning(self.key, "FailedScheduling", why, "default-scheduler")
            self._context.retry.clear()
            await self._context.retry.wait()
        store.replace(self.key, {**pod, "spec": {**pod["spec"], "nodeName": NODE_NAME}})
        words = f"Successfully assigned {self.key.namespace}/{self.key.name} to {NODE_NAME}"
        self._cluster.events.normal(self.key, "Scheduled", words, "default-scheduler")
        address = self._context.address
        if self.init:
            for container in self.main:
                container.status.state = waiting("PodInitializing")
        self._push(
            startTime=timestamp(),
            hostIP="127.0.0.1",
            hostIPs=[{"ip": "127.0.0.1"}],
            podIP=address,
            podIPs=[{"ip": address}],
            qosClass="BestEffort",
        )
        return True

    async def _mount(self) -> None:
        while True:
            try:
                self._context.volumes.make()
                return
            except MountError as error:
                self._cluster.events.warning(self.key, "FailedMount", str(error), "kubelet")
            self._context.retry.clear()
            await self._context.retry.wait()

    async def _initialize(self) -> bool:
        """Run the init containers one by one; say whether the main ones may start."""
        once = self._spec["restartPolicy"] == "Never"
        for container in self.init:
            if container.status.is_sidecar:
                running = self._cluster.loop.create_task(container.run(lambda code: True))
                self._sidecars.append(running)
                await container.became_started.wait()
            elif await container.run(lambda code: code != 0 and not once) != 0:
                return False
        return True

    async def _run_main(self) -> None:
        restarts = _restarts(self._spec["restartPolicy"])
        for container in self.main:
            if container.status.state == waiting("PodInitializing"):
                container.status.state = waiting("ContainerCreating")
        if deadline := self._spec.get("activeDeadlineSeconds"):
            self._cluster.later(float(deadline), self._exceed_deadline)
        await asyncio.gather(*(container.run(restarts) for container in self.main))

    def _exceed_deadline(self) -> None:
        if not self.has_ended and self._terminating is None:
            self._is_silent = True
            self._kill()
            words = "Pod was active on the node longer than the specified deadline"
            self._cluster.store.set_status(
                self.key, phase="Failed", reason="DeadlineExceeded", message=words
            )

    async def _end_sidecars(self) -> None:
        """End the sidecars, the last first, once the main containers have ended."""
        sidecars = [item for item in self.init if item.status.is_sidecar]
        for sidecar in reversed(sidecars):
            sidecar.terminate()
        if self._sidecars:
            grace = float(self._spec.get("terminationGracePeriodSeconds", 30))
            _, alive = await asyncio.wait(self._sidecars, timeout=self._cluster.timing.grace(grace))
            for sidecar in sidecars if alive else ():
                sidecar.kill()
            await asyncio.gather(*self._sidecars, return_exceptions=True)

    async def _terminate(self, grace: float) -> None:
        await self.end(grace)
        await self._cluster.is_told.wait()
        self._has_told_ends = True
        self.report()
        self._cluster.deleter.release_pod(self.key, self.uid)

    async def end(self, grace: float) -> None:
        """End the containers: TERM, then KILL after the grace."""
        begun = [one for one in self.containers if one.pid is not None or one.is_starting]
        for container in begun:
            if not container.status.is_sidecar:
                words = f"Stopping container {container.status.name}"
                self._cluster.events.normal(self.key, "Killing", words, "kubelet")
                container.terminate()
        if not begun:
            self._task.cancel()
        _, alive = await asyncio.wait([self._task], timeout=grace)
        if alive:
            self._kill()
            await asyncio.wait([self._task])

    def _kill(self) -> None:
        if not any(container.pid is not None for container in self.containers):
            self._task.cancel()
        for container in self.containers:
            container.kill()

    def _push(self, **further: object) -> None:
        """Have the status written: at once, or as much later as a kubelet takes for it."""
        self._fields.update(further)
        delay = self._cluster.timing.status_delay
        if not delay or further:
            self.report()
        elif self._report is None:
            self._report = self._cluster.later(delay, self.report)

    def _phase(self, statuses: list[ContainerStatus], found: Manifest) -> str:
        phase = phase_of(statuses, self._spec["restartPolicy"])
        if phase in ("Succeeded", "Failed") and not (self._is_over and self._has_told_ends):
            # the containers' ends are told first, then the pod's
            self._has_told_ends = True
            if self._is_over:
                self._cluster.loop.call_soon(self._push)
            return str(found["status"].get("phase") or "Running")
        if self._terminating is not None and self._task.done() and phase in ("Pending", "Running"):
            return "Failed"
        return phase


def _restarts(policy: str) -> Callable[[int], bool]:
    if policy == "Always":
        return lambda code: True
    if policy == "OnFailure":
        return lambda code: code != 0
    return lambda code: False
