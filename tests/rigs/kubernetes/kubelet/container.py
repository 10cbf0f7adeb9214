"""One container of a pod: image, start, probes, end, restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.kubelet.environment import ConfigurationError, EnvironmentBuilder, expand
from rigs.kubernetes.kubelet.images import Image, Images, invalid_reference, pull_error
from rigs.kubernetes.kubelet.launching import (
    Launch,
    StartError,
    launch,
    run_in_container,
    start_error,
)
from rigs.kubernetes.kubelet.pod_status import ContainerStatus, running, terminated, waiting
from rigs.kubernetes.kubelet.probes import ContainerProbes, Verdict
from rigs.kubernetes.kubelet.process import ContainerProcesses
from rigs.kubernetes.kubelet.users import check_user
from rigs.kubernetes.kubelet.volumes import Mount, PodVolumes
from rigs.kubernetes.log_files import ContainerLog
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.store import Key
from rigs.podnet import pod_network_environment

_COMPONENT = "kubelet"
_START_ERROR_CODE = 128
_KILLED_CODE = 137
_LONGEST_MESSAGE = 4096
_LONGEST_OF_POD = 12288
_LOG_FALLBACK = (2048, 80)
_LONGEST_CRASH_BACKOFF = 300.0


@dataclass
class PodContext:
    """What the containers of a pod share."""

    cluster: Cluster
    images: Images
    key: Key
    pod: Manifest
    address: str
    directory: Path
    volumes: PodVolumes
    namespaces: bool
    changed: Callable[[], None]
    """Called when a container's status has changed."""
    retry: asyncio.Event
    """Set when something changed that may let a container start after all."""


class _NeverStarted(Exception):
    """The container was told to end before it began, or before it began again."""


class Container:
    """A container, over all its runs."""

    def __init__(self, context: PodContext, manifest: Manifest, *, is_init: bool) -> None:
        self.manifest = manifest
        self.status = ContainerStatus(
            manifest["name"],
            manifest.get("image", ""),
            is_init=is_init,
            is_sidecar=is_init and manifest.get("restartPolicy") == "Always",
        )
        self.logs: list[ContainerLog] = []
        self.became_started = asyncio.Event()
        self._context = context
        self._cluster = context.cluster
        self._processes: ContainerProcesses | None = None
        self._stopping = asyncio.Event()
        self.is_starting = False
        self._was_oom_killed = False
        self._directory = context.directory / "containers" / str(manifest["name"])

    async def run(self, restarts: Callable[[int], bool]) -> int:
        """Run the container until it has ended for good and return its exit code.

        Args:
            restarts: says whether an exit code leads to a restart.
        """
        try:
            while not self._stopping.is_set():
                code = await self._run_once()
                if self._stopping.is_set() or not restarts(code):
                    return code
                await self._back_off(code)
        except _NeverStarted:
            pass
        finally:
            self.became_started.set()  # or never will: nobody has to wait for it any more
        return _KILLED_CODE

    def terminate(self) -> None:
        """Ask the container to end, and don't start it again."""
        self._stop()
        if self._processes is not None:
            self._processes.terminate()

    def kill(self) -> None:
        """End the container, and don't start it again."""
        self._stop()
        if self._processes is not None:
            self._processes.kill()

    def kill_for_memory(self) -> None:
        """End this run as the kernel does when memory is short."""
        self._was_oom_killed = True
        if self._processes is not None:
            self._processes.kill()

    @property
    def pid(self) -> int | None:
        """The first process's number on this machine, while it runs."""
        return None if self._processes is None else self._processes.pid

    def _stop(self) -> None:
        self._stopping.set()
        self._context.retry.set()

    async def _run_once(self) -> int:
        image = await self._pulled()
        variables = await self._configured(image)
        timing = self._cluster.timing
        log = ContainerLog(timing.log_skew, self._cluster.log_file_bytes, timing.log_rotation)
        self.logs.append(log)
        message = self._message_file()
        self._was_oom_killed = False
        await self._be_stopped_first()
        try:
            made = self._launch(image, variables, message)
            mark = f"{self._context.directory}/{self.status.name}/{len(self.logs)}"
            self._processes = await ContainerProcesses.start(made, mark, log)
        except (StartError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            words = start_error(f"exec: {str(reason).lower()}") if reason else str(error)
            log.close()
            return self._ended(_START_ERROR_CODE, "StartError", words)
        self._event("Created", f"Created container: {self.status.name}")
        self._event("Started", f"Started container {self.status.name}")
        if self._stopping.is_set():  # since it was being started
            self._processes.terminate()
        if await self._post_start(made):
            self.status.started = "startupProbe" not in self.manifest
            self.status.ready = self.status.started and "readinessProbe" not in self.manifest
            self._set(running())
        async with self._probing(made):
            code = await self._processes.wait()
        self._processes = None
        return self._verdict(code, made, message, log)

    async def _be_stopped_first(self) -> None:
        """If a fault wants it: go on when the container is told to end, as its start is under way.

        A kubelet doesn't take back a start; it sends TERM right after it.
        """
        names = ["stopped_at_start"]
        if self._cluster.faults.of_pod(names, self._context.key, self._context.pod):
            self.is_starting = True
            await self._stopping.wait()
            self.is_starting = False

    def _verdict(self, code: int, made: Launch, message: Path, log: ContainerLog) -> int:
        failure = made.error.read_text() if made.error.exists() else ""
        if failure:
            words = start_error(f'exec: "{made.command[0]}": {failure.lower()}')
            return self._ended(_START_ERROR_CODE, "StartError", words)
        reason = "Completed" if code == 0 else "Error"
        if self._was_oom_killed:
            code, reason = _KILLED_CODE, "OOMKilled"
        return self._ended(code, reason, self._termination_message(code, message, log))

    def _ended(self, code: int, reason: str, message: str) -> int:
        started_at = (self.status.state.get("running") or {}).get("startedAt")
        self._set(terminated(code, reason, started_at, message))
        return code

    async def _back_off(self, code: int) -> None:
        seconds = self._cluster.timing.crash_backoff * 2**self.status.restarts
        self.status.last_state = self.status.state
        pod = f"{self._context.key.name}_{self._context.key.namespace}"
        message = f"back-off {seconds:g}s restarting failed container={self.status.name} pod={pod}"
        self._set(waiting("CrashLoopBackOff", message))
        words = f"Back-off restarting failed container {self.status.name} in pod {pod}"
        if code != 0:
            self._event("BackOff", words, is_warning=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, _LONGEST_CRASH_BACKOFF)):
                await self._stopping.wait()
                return
        self.status.restarts += 1

    async def _pulled(self) -> Image:
        """Wait until the image is there."""
        name = self.status.image
        while wrong := invalid_reference(name):
            words = f'Failed to apply default image tag "{name}": {wrong}'
            self._waits("InvalidImageName", words, "InspectFailed", words)
            await self._retry(self._cluster.timing.image_backoff)
        while True:
            fault = self._cluster.faults.of_pod(
                ["image_pull"], self._context.key, self._context.pod
            )
            if fault and fault.options["container"] not in (None, self.status.name):
                fault = None
            image = self._context.images.find(name)
            if image is not None and fault is None:
                words = f'Container image "{name}" already present on machine'
                self._event("Pulled", words)
                return image
            if self.manifest.get("imagePullPolicy") == "Never":
                words = f'Container image "{name}" is not present with pull policy of Never'
                self._waits("ErrImageNeverPull", words, "ErrImageNeverPull", words)
                await self._retry(self._cluster.timing.image_backoff)
                continue
            wrong = (fault and fault.options["message"]) or pull_error(name)
            self._event("Pulling", f'Pulling image "{name}"')
            failed = f'Failed to pull image "{name}": {wrong}'
            self._waits("ErrImagePull", wrong, "Failed", failed)
            await self._retry(self._cluster.timing.image_backoff)
            words = f'Back-off pulling image "{name}"'
            self._waits("ImagePullBackOff", words, "BackOff", words)
            await self._retry(self._cluster.timing.image_backoff * 4)

    async def _configured(self, image: Image) -> dict[str, str]:
        """Wait until all that the variables refer to is there, and the user may be the image's."""
        context = self._context
        service = {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self._cluster.tls_port),
            "KUBERNETES_SERVICE_PORT_HTTPS": str(self._cluster.tls_port),
        }
        while True:
            pod = self._cluster.store.find(context.key) or context.pod
            try:
                check_user(pod, self.manifest, image)
                builder = EnvironmentBuilder(self._cluster.store, pod, service)
                return builder.build(self.manifest)
            except ConfigurationError as error:
                words = str(error)
                self._waits("CreateContainerConfigError", words, "Failed", f"Error: {words}")
            await self._retry(self._cluster.timing.image_backoff)

    async def _retry(self, seconds: float) -> None:
        """Wait for a change that may help; look again after some seconds anyhow.

        Raises:
            _NeverStarted: nobody waits for the container any more.
        """
        self._context.retry.clear()
        if not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._context.retry.wait()
        if self._stopping.is_set():
            raise _NeverStarted

    def _launch(self, image: Image, variables: dict[str, str], message: Path) -> Launch:
        given = [expand(text, variables) for text in self.manifest.get("command") or []]
        arguments = [expand(text, variables) for text in self.manifest.get("args") or []]
        # A command replaces the entrypoint and the image's arguments; arguments only those.
        if not given:
            given = list(image.entrypoint)
            arguments = arguments or list(image.cmd)
        environment = {**image.env, **variables}
        hostname = self._context.pod["spec"].get("hostname") or self._context.key.name
        environment.update(
            pod_network_environment(self._cluster.url, self._context.address, hostname, environment)
        )
        target = self.manifest.get("terminationMessagePath") or "/dev/termination-log"
        mounts = [*self._context.volumes.mounts(self.manifest), Mount(str(message), target)]
        run = self._directory / str(len(self.logs))
        home = run / "home"
        home.mkdir(parents=True, exist_ok=True)
        workdir = self.manifest.get("workingDir") or image.workdir or str(home)
        return launch(
            given + arguments,
            environment,
            mounts,
            run,
            workdir,
            namespaces=self._context.namespaces,
        )

    def _message_file(self) -> Path:
        path = self._directory / f"termination-log-{len(self.logs)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    def _termination_message(self, code: int, path: Path, log: ContainerLog) -> str:
        spec = self._context.pod["spec"]
        count = len(spec["containers"]) + len(spec.get("initContainers") or [])
        text = path.read_bytes()[:_LONGEST_MESSAGE]
        falls_back = self.manifest.get("terminationMessagePolicy") == "FallbackToLogsOnError"
        if not text and code != 0 and falls_back:
            text = log.tail(*_LOG_FALLBACK).encode()
        # all containers of the pod share (normalizeStatus in pkg/kubelet/status/status_manager.go)
        return text[: _LONGEST_OF_POD // count].decode(errors="replace")

    @contextlib.asynccontextmanager
    async def _probing(self, made: Launch) -> AsyncIterator[None]:
        """Have the probes tried for as long as the block runs."""
        context = self._context
        probes = ContainerProbes(
            self.manifest,
            context.address,
            self._cluster.timing.longest_probe_period,
            partial(run_in_container, made),
            self._probed,
        )
        task = self._cluster.loop.create_task(probes.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _probed(self, verdict: Verdict) -> None:
        """Act on what a probe has found."""
        status = self.status
        if not verdict.good:
            words = f"{verdict.kind.capitalize()} probe failed: {verdict.why}"
            self._event("Unhealthy", words, is_warning=True)
        if verdict.kind == "readiness":
            if status.ready != verdict.good:
                status.ready = verdict.good
                self._context.changed()
        elif not verdict.good:
            self._restart(verdict.kind)
        elif verdict.kind == "startup":
            status.started = True
            status.ready = status.ready or "readinessProbe" not in self.manifest
            self.became_started.set()
            self._context.changed()

    def _restart(self, probe: str) -> None:
        words = f"Container {self.status.name} failed {probe} probe, will be restarted"
        once = self._context.pod["spec"]["restartPolicy"] == "Never" and not self.status.is_sidecar
        self._end_run(f"Stopping container {self.status.name}" if once else words)

    async def _post_start(self, made: Launch) -> bool:
        """Run the container's postStart command; one that fails ends the container."""
        hook = (self.manifest.get("lifecycle") or {}).get("postStart") or {}
        if "exec" not in hook:
            return True
        running = asyncio.ensure_future(run_in_container(made, list(hook["exec"]["command"])))
        stopping = asyncio.ensure_future(self._stopping.wait())
        done, _ = await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        for waiting_for in (running, stopping):
            waiting_for.cancel()
        if stopping in done or running.result() == 0:
            return stopping not in done
        self._event("FailedPostStartHook", "PostStartHook failed", is_warning=True)
        self._end_run("FailedPostStartHook")
        return False

    def _end_run(self, words: str) -> None:
        """End this run: TERM, then KILL after the pod's grace."""
        self._event("Killing", words)
        if self._processes is None:
            return
        self._processes.terminate()
        grace = self._context.pod["spec"].get("terminationGracePeriodSeconds", 30)
        self._cluster.later(self._cluster.timing.grace(grace), self._processes.kill)

    def _waits(self, reason: str, message: str, event: str, words: str) -> None:
        self._event(event, words, is_warning=event != "BackOff")
        if reason.startswith(("Err", "Invalid")):
            self._event("Failed", f"Error: {reason}", is_warning=True)
        self._set(waiting(reason, message))

    def _set(self, state: Manifest) -> None:
        self.status.state = state
        if "running" not in state:
            self.status.ready = self.status.started = False
        self._context.changed()

    def _event(self, reason: str, message: str, *, is_warning: bool = False) -> None:
        record = self._cluster.events.warning if is_warning else self._cluster.events.normal
        kind = "initContainers" if self.status.is_init else "containers"
        container = f"spec.{kind}{{{self.status.name}}}"
        record(self._context.key, reason, message, _COMPONENT, container)
