"""The runner that really runs containers: one thread a task, one local process a container."""

import threading

from .records import Task
from .task_run import Happening, Platform, TaskRun


class ProcessRunner:
    """Runs each task in a thread of its own."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._runs: dict[str, TaskRun] = {}
        self._lock = threading.Lock()

    def start(self, task: Task) -> None:
        """Run the task in a new thread."""
        run = TaskRun(self._platform, task)
        with self._lock:
            self._runs[task.id] = run
        run.thread.start()

    def stop(self, task: Task) -> None:
        """Wake the task's thread so that it stops its containers."""
        self._tell(task, "stop")

    def kill_for_memory(self, task: Task) -> None:
        """Kill the first container with SIGKILL."""
        self._tell(task, "out of memory")

    def described(self, task: Task) -> None:
        """Nothing: these tasks move by themselves."""

    def close(self) -> None:
        """Kill all containers and wait for the threads."""
        self._platform.closed.set()
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.abandon()
        for run in runs:
            run.thread.join(timeout=10)

    def _tell(self, task: Task, happening: Happening) -> None:
        with self._lock:
            run = self._runs.get(task.id)
        if run:
            run.inbox.put((happening, None))
            self._platform.holds.wake()
