"""One task's way through its states, its containers running as local processes."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .containers import ContainerProcess
from .environments import ContainerEnvironment
from .images import Image, Images
from .ingestion import Ingestion
from .lifecycle import (
    ESSENTIAL_CONTAINER_EXITED,
    INTERFACE_TIMEOUT,
    OUT_OF_MEMORY,
    SPOT_INTERRUPTED,
    Lifecycle,
    StartFailure,
    command_failure,
    image_pull_failure,
)
from .logs import LogStream, open_log_stream
from .moto_backend import Moto
from .records import Container, Task
from .runner import Holds
from .secrets import secret_values

DEFAULT_STOP_TIMEOUT = 30.0

Happening = Literal["exited", "stop", "out of memory", "interrupted"]


@dataclass(frozen=True)
class Timing:
    """How long things take, in seconds. `stop_timeout` replaces what definitions say, if set.

    `activating` says whether tasks show ACTIVATING on their way.
    """

    step_seconds: float = 0.01
    log_delay: float = 0.0
    stop_timeout: float | None = None
    activating: bool = False


@dataclass(frozen=True)
class Platform:
    """What tasks run on. `closed` is set when the rig ends."""

    moto: Moto
    ingestion: Ingestion
    images: Images
    lifecycle: Lifecycle
    environments: ContainerEnvironment
    holds: Holds
    timing: Timing
    directory: Path
    release: Callable[[Task], None]
    closed: threading.Event = field(default_factory=threading.Event)


class TaskRun:
    """One task's way from RunTask to STOPPED.

    Only the task's own thread changes the task; everybody else puts a happening into the inbox.
    """

    def __init__(self, platform: Platform, task: Task) -> None:
        self.platform = platform
        self.task = task
        self.lifecycle = platform.lifecycle
        self.inbox: queue.SimpleQueue[tuple[Happening, ContainerProcess | None]] = (
            queue.SimpleQueue()
        )
        self.processes: dict[str, ContainerProcess] = {}
        self.images: dict[str, Image] = {}
        self.logs: dict[str, LogStream | None] = {}
        self.environments: dict[str, dict[str, str]] = {}
        self.thread = threading.Thread(target=self._run, name=f"task {task.id}", daemon=True)

    def abandon(self) -> None:
        """Kill what runs, without grace."""
        self.lifecycle.want_stopped(self.task, "UserInitiated", "(rig) the rig was closed")
        self.inbox.put(("stop", None))
        self.platform.holds.wake()

    def _run(self) -> None:
        task = self.task
        try:
            self._provision()
            self._prepare()
            self._start_containers()
            self._watch()
        except StartFailure as failure:
            self.lifecycle.failed_to_start(task, failure)
        self._bring_down()

    @property
    def _stopping(self) -> bool:
        return self.task.desired_status == "STOPPED"

    def _provision(self) -> None:
        if self.task.status == "PROVISIONING":
            self._linger()
            while not (self._stopping or self.lifecycle.is_placed(self.task)):
                self._linger()
            if self.task.fault == "eni_failure":
                raise StartFailure(INTERFACE_TIMEOUT)
        if not self._stopping:
            self.lifecycle.move(self.task, "PENDING")
            self._linger()

    def _prepare(self) -> None:
        """Pull images, fetch secrets and find log groups: all that can fail before a start."""
        task = self.task
        for container in task.containers if not self._stopping else ():
            image = self.platform.images.find(container.definition["image"])
            if image is None or task.fault == "image_pull":
                raise image_pull_failure(container)
            self.images[container.name] = image
            secrets = secret_values(self.platform.moto, task, container)
            self.environments[container.name] = self.platform.environments.of(
                task, container, image, secrets
            )
            self.logs[container.name] = open_log_stream(
                self.platform.ingestion, self.lifecycle.registry, task, container
            )
        if not self._stopping and self.platform.timing.activating:
            self.lifecycle.move(task, "ACTIVATING")
            self._linger()

    def _start_containers(self) -> None:
        """Start containers in the order of `dependsOn`; RUNNING once all have been started."""
        waiting = list(self.task.containers)
        while waiting and not self._stopping:
            ready = [c for c in waiting if self._may_start(c)]
            for container in ready:
                self._start(container)
                waiting.remove(container)
            if waiting and not ready:
                self._next_happening()
        if not self._stopping:
            self.lifecycle.move(self.task, "RUNNING")
            if self.task.fault == "oom_kill":
                self.inbox.put(("out of memory", None))
            elif self.task.fault == "spot_interruption":
                self.inbox.put(("interrupted", None))
            self.platform.holds.wait(self.task)

    def _may_start(self, container: Container) -> bool:
        by_name = {c.name: c for c in self.task.containers}
        log = container.definition.get("logConfiguration") or {}
        if log.get("logDriver") == "awsfirelens" and any(
            other.status == "PENDING" and other.definition.get("firelensConfiguration")
            for other in self.task.containers
        ):
            # The log router comes first:
            # aws.amazon.com/blogs/containers/under-the-hood-firelens-for-amazon-ecs-tasks
            return False
        for dependency in container.definition.get("dependsOn") or []:
            other, condition = by_name[dependency["containerName"]], dependency["condition"]
            if condition in ("COMPLETE", "SUCCESS"):
                if other.status != "STOPPED":
                    return False
                if condition == "SUCCESS" and other.exit_code != 0:
                    # No public source for ECS's own words was found.
                    reason = f"(rig) dependency {other.name} did not succeed"
                    raise StartFailure(reason, container=container)
            elif other.status == "PENDING":
                return False
        return True

    def _start(self, container: Container) -> None:
        image = self.images[container.name]
        arguments = _arguments(container, image)
        directory = self.platform.directory / self.task.id / container.name
        directory.mkdir(parents=True)
        try:
            process = ContainerProcess(
                container,
                arguments,
                {"HOME": str(directory), **self.environments[container.name]},
                directory,
                self.logs[container.name],
                self.platform.timing.log_delay,
                self.platform.closed,
            )
        except (OSError, IndexError):
            program = arguments[0] if arguments else ""
            raise command_failure(container, program, self.task.fargate) from None
        self.processes[container.name] = process
        self.lifecycle.container_running(self.task, container)
        process.watch(lambda ended: self.inbox.put(("exited", ended)))

    def _watch(self) -> None:
        while not self._stopping:
            self._next_happening()

    def _next_happening(self, timeout: float | None = None) -> None:
        """Wait for the next happening, and act on it. Raises queue.Empty after `timeout`."""
        happening, process = self.inbox.get(timeout=timeout)
        if process is not None:
            self._exited(process)
        elif happening == "out of memory" and self.processes:
            first = self.processes[self.task.containers[0].name]
            first.container.reason = OUT_OF_MEMORY
            first.kill()
        elif happening == "interrupted":
            self.lifecycle.want_stopped(self.task, "SpotInterruption", SPOT_INTERRUPTED)

    def _exited(self, process: ContainerProcess) -> None:
        self.lifecycle.container_stopped(self.task, process.container, process.exit_code)
        if process.container.essential:
            self.lifecycle.want_stopped(
                self.task, "EssentialContainerExited", ESSENTIAL_CONTAINER_EXITED
            )

    def _bring_down(self) -> None:
        task = self.task
        if "startedAt" in task.times:
            self.lifecycle.move(task, "DEACTIVATING")
            self._linger()
        self.lifecycle.move(task, "STOPPING")
        self._linger()
        self._stop_containers()
        for container in task.containers:
            if container.status != "STOPPED":
                self.lifecycle.container_stopped(task, container, None)
        if task.has_interface:
            self.lifecycle.move(task, "DEPROVISIONING")
            self._linger()
        self.platform.release(task)
        self.lifecycle.move(task, "STOPPED")

    def _stop_containers(self) -> None:
        """SIGTERM, then SIGKILL to each that outlives its stop timeout."""
        living = [p for p in self.processes.values() if p.container.status != "STOPPED"]
        started = time.monotonic()
        deadlines = {p: started + self._stop_timeout(p.container) for p in living}
        for process in living:
            process.terminate()
        while any(p.container.status != "STOPPED" for p in living):
            due = [at for p, at in deadlines.items() if p.container.status != "STOPPED"]
            timeout = max(min(due) - time.monotonic(), 0) if due else None
            try:
                self._next_happening(timeout)
            except queue.Empty:
                for process in [p for p, at in deadlines.items() if at <= time.monotonic()]:
                    del deadlines[process]
                    process.kill()

    def _stop_timeout(self, container: Container) -> float:
        if self.platform.closed.is_set():
            return 0
        if self.platform.timing.stop_timeout is not None:
            return self.platform.timing.stop_timeout
        return float(container.definition.get("stopTimeout") or DEFAULT_STOP_TIMEOUT)

    def _linger(self) -> None:
        """Stay in a state for a moment, or for as long as a test holds it."""
        self.platform.holds.wait(self.task)
        deadline = time.monotonic() + self.platform.timing.step_seconds
        while not self._stopping and (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._next_happening(timeout=left)


def _arguments(container: Container, image: Image) -> list[str]:
    """The entry point and, after it, the command; an override replaces the command only.

    As with `docker run --entrypoint`, an entry point of the definition leaves out the image's
    command, and the same words mean another thing: `["sh", "-c"]` runs the first word of the
    command as a script, for which the others are `$0`, `$1` and so on.
    """
    command = container.override.get("command") or container.definition.get("command")
    entry_point = container.definition.get("entryPoint")
    if entry_point:
        return [*entry_point, *(command or ())]
    return [*image.entrypoint, *(command or image.command)]
