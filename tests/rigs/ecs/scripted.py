"""A runner without processes: tasks move when a test says so, hundreds of them at no cost."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .images import Images
from .ingestion import Ingestion
from .lifecycle import (
    ESSENTIAL_CONTAINER_EXITED,
    INTERFACE_TIMEOUT,
    OUT_OF_MEMORY,
    SPOT_INTERRUPTED,
    Lifecycle,
    StartFailure,
    image_pull_failure,
)
from .logs import open_log_stream
from .records import Status, Task

_NEXT: dict[Status, Status] = {
    "PROVISIONING": "PENDING",
    "PENDING": "ACTIVATING",
    "ACTIVATING": "RUNNING",
    "RUNNING": "DEACTIVATING",
    "DEACTIVATING": "STOPPING",
    "STOPPING": "DEPROVISIONING",
    "DEPROVISIONING": "STOPPED",
}
_TERMINATED = 143


@dataclass(frozen=True)
class Script:
    """What becomes of a scripted task.

    It stays RUNNING for `running_steps` steps (None: until it is stopped), writes `lines` to its
    first container's log when it starts to run, and its containers end with `exit_code`.
    """

    exit_code: int = 0
    lines: Sequence[str] = ()
    running_steps: int | None = 1


class ScriptedRunner:
    """Moves tasks one state a step.

    `script` says what becomes of each task. With `advance_when_described`, DescribeTasks moves the
    tasks that it names; without it only `step` moves tasks.
    """

    def __init__(
        self,
        script: Callable[[Task], Script] = lambda _task: Script(),
        *,
        advance_when_described: bool = False,
    ) -> None:
        self._script = script
        self._advance_when_described = advance_when_described
        self._steps_running: dict[str, int] = {}
        self._tasks: dict[str, Task] = {}
        self._lock = threading.RLock()

    def connect(
        self,
        ingestion: Ingestion,
        images: Images,
        lifecycle: Lifecycle,
        release: Callable[[Task], None],
    ) -> None:
        """Called by the rig that uses this runner."""
        self._ingestion = ingestion
        self._images = images
        self._lifecycle = lifecycle
        self._release = release

    def start(self, task: Task) -> None:
        """Note the task; it stays in its first state."""
        with self._lock:
            self._tasks[task.id] = task

    def stop(self, task: Task) -> None:
        """Nothing: the next step sees it."""

    def kill_for_memory(self, task: Task) -> None:
        """End the first container with 137 at the next step."""
        with self._lock:
            task.containers[0].reason = OUT_OF_MEMORY
            task.containers[0].exit_code = 137
            self._end(task)

    def described(self, task: Task) -> None:
        """Move the task, if DescribeTasks moves tasks."""
        if self._advance_when_described:
            self._move(task)

    def close(self) -> None:
        """Nothing runs."""

    def step(self, times: int = 1) -> None:
        """Move every living task by one state, `times` times."""
        for _ in range(times):
            with self._lock:
                for task in list(self._tasks.values()):
                    self._move(task)

    def run_to_end(self) -> None:
        """Move all tasks until none is left that ends by itself or shall stop."""
        with self._lock:
            while any(self._will_move(task) for task in self._tasks.values()):
                self.step()

    def _will_move(self, task: Task) -> bool:
        endless = self._script(task).running_steps is None and task.status == "RUNNING"
        return not endless or task.desired_status == "STOPPED"

    def _move(self, task: Task) -> None:
        with self._lock:
            if task.id not in self._tasks:
                return
            try:
                self._take_step(task)
            except StartFailure as failure:
                self._lifecycle.failed_to_start(task, failure)
                self._go_to(task, "STOPPING")

    def _take_step(self, task: Task) -> None:
        going_up = task.status in ("PROVISIONING", "PENDING", "ACTIVATING")
        if going_up and task.desired_status == "STOPPED":
            self._go_to(task, "STOPPING")
            return
        if task.status == "RUNNING" and not self._has_run_enough(task):
            return
        if task.status == "PROVISIONING" and not self._lifecycle.is_placed(task):
            return
        if task.status == "PROVISIONING" and task.fault == "eni_failure":
            raise StartFailure(INTERFACE_TIMEOUT)
        if task.status == "PENDING":
            self._pull_images(task)
        status = _NEXT[task.status]
        if status == "DEPROVISIONING" and not task.has_interface:
            status = "STOPPED"
        if status == "RUNNING":
            self._start_containers(task)
        self._go_to(task, status)

    def _go_to(self, task: Task, status: Status) -> None:
        if status == "STOPPING":
            for container in task.containers:
                if container.status != "STOPPED":
                    code = container.exit_code
                    if code is None and container.status == "RUNNING":
                        code = _TERMINATED
                    self._lifecycle.container_stopped(task, container, code)
        if status == "STOPPED":
            self._release(task)
            del self._tasks[task.id]
        self._lifecycle.move(task, status)

    def _has_run_enough(self, task: Task) -> bool:
        if task.desired_status == "STOPPED":
            return True
        if task.fault == "spot_interruption":
            self._lifecycle.want_stopped(task, "SpotInterruption", SPOT_INTERRUPTED)
            return True
        if task.fault == "oom_kill":
            self.kill_for_memory(task)
            return True
        script = self._script(task)
        done = self._steps_running.get(task.id, 0) + 1
        self._steps_running[task.id] = done
        if script.running_steps is None or done < script.running_steps:
            return False
        for container in task.containers:
            container.exit_code = script.exit_code
        self._end(task)
        return True

    def _end(self, task: Task) -> None:
        self._lifecycle.want_stopped(task, "EssentialContainerExited", ESSENTIAL_CONTAINER_EXITED)

    def _pull_images(self, task: Task) -> None:
        for container in task.containers:
            known = self._images.find(container.definition["image"])
            if known is None or task.fault == "image_pull":
                raise image_pull_failure(container)

    def _start_containers(self, task: Task) -> None:
        for container in task.containers:
            self._lifecycle.container_running(task, container)
        log = open_log_stream(self._ingestion, self._lifecycle.registry, task, task.containers[0])
        lines = self._script(task).lines
        if log and lines:
            log.write(lines)
