"""What environments that make a Dask cluster share: waiting for it, feeding it, keeping it."""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flowenv.errors import PlatformError
from flowenv.states import Reason

_log = logging.getLogger("flowenv.dask")

_POLL = 0.05
"""Seconds between two looks at the scheduler while workers are awaited."""
_TOUCHES = 4
"""How often in one idle timeout the scheduler is told that the flow is alive."""


def wait_for_workers(
    client: Any,
    *,
    timeout: float,
    count: int = 1,
    while_waiting: Callable[[], str | None] = lambda: None,
    hint: str = "",
) -> None:
    """Wait until workers have joined the scheduler.

    Args:
        client: a connected `distributed.Client`.
        timeout: seconds to wait at most.
        count: how many workers are enough.
        while_waiting: called again and again; a text it returns is why no worker will come,
            and ends the wait.
        hint: what to do when none comes in time.

    Raises:
        PlatformError: if they don't join in time, or can't.
    """
    deadline = time.monotonic() + timeout
    while len(_workers(client)) < count:
        if why := while_waiting():
            raise PlatformError(
                f"No worker can join the Dask cluster: {why}", hint=hint, reason=Reason.START_ERROR
            )
        if time.monotonic() > deadline:
            joined = len(_workers(client))
            raise PlatformError(
                f"{joined} of {count} workers joined the Dask scheduler within {timeout:g} s.",
                hint=hint or "Look at the workers' logs: do they start, and reach the scheduler?",
                reason=Reason.DEADLINE,
            )
        time.sleep(_POLL)


def _workers(client: Any) -> Sequence[str]:
    return list(client.scheduler_info(n_workers=-1)["workers"])


def check_late_workers(client: Any) -> None:
    """Have workers that join from now on end at once if their versions aren't those here.

    Args:
        client: a connected `distributed.Client`.
    """
    import inspect

    from distributed.versions import get_versions

    from flowenv.executors.dask_cluster import worker_versions

    expected = worker_versions.versions_of(get_versions())
    source = inspect.getsource(worker_versions)
    client.register_plugin(worker_versions.version_check(expected, source))


def bring_flowenv(client: Any, content: bytes) -> None:
    """Let the scheduler and all workers import flowenv, also those that join later.

    Those whose image has it keep theirs.

    Args:
        client: a connected `distributed.Client`.
        content: flowenv, as a zip that Python imports from.
    """
    import inspect

    from flowenv.executors.dask_cluster import worker_runtime

    source = inspect.getsource(worker_runtime)
    for one in worker_runtime.runtime_plugins(content, source):
        client.register_plugin(one)


def upload_files(client: Any, files: Sequence[Path]) -> None:
    """Give the flow's files to all workers, also to those that join later.

    A file whose name is no module name goes under the name that it is imported by here.
    Python files in folders go as one archive, which can be imported from; data in folders
    stays behind.

    Args:
        client: a connected `distributed.Client`.
        files: the files; the last is the flow's own, and the others lie beside or below it.
    """
    if not files:
        return
    root = files[-1].parent
    beside = [path for path in files if path.parent == root]
    below = [path for path in files if path.parent != root and path.suffix == ".py"]
    with tempfile.TemporaryDirectory(prefix="flowenv-") as folder:
        archive = [_archive(root, below, Path(folder))] if below else []
        placed = [*archive, *(_named_as_module(path, Path(folder)) for path in beside)]
        # all are there before the first is imported, which may import the others
        for path in placed if len(placed) > 1 else ():
            client.upload_file(str(path), load=False)
        for path in placed:
            if path.suffix in (".py", ".zip"):
                client.upload_file(str(path))


def _named_as_module(path: Path, folder: Path) -> Path:
    from flowenv.contract.shipped_files import module_name

    name = f"{module_name(path)}.py"
    if path.suffix != ".py" or name == path.name:
        return path
    return Path(shutil.copyfile(path, folder / name))


def _archive(root: Path, files: Sequence[Path], folder: Path) -> Path:
    path = folder / f"flowenv-{uuid.uuid4().hex}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        names = {file.relative_to(root) for file in files}
        for name in sorted(names):
            archive.write(root / name, name)
        # an archive has no folders of its own, so a package needs its file
        folders = {parent for name in names for parent in name.parents if parent != Path()}
        for init in sorted({parent / "__init__.py" for parent in folders} - names):
            archive.writestr(str(init), "")
    return path


@contextlib.contextmanager
def keep_awake(client: Any, seconds: float | None = None) -> Iterator[None]:
    """Keep the scheduler from its idle timeout for as long as the block lasts.

    A scheduler with an idle timeout closes the cluster when nothing is computed on it,
    although a flow that works in plain Python for a while is alive. Here "idle" means that
    the flow is gone.

    Args:
        client: a connected `distributed.Client`.
        seconds: the idle timeout, where somebody else than the scheduler looks after it; by
            default the scheduler's own.
    """

    # functions inside a function are pickled whole: the scheduler's image may lack flowenv
    def timeout(dask_scheduler: Any) -> float | None:
        return dask_scheduler.idle_timeout  # type: ignore[no-any-return]

    def touch(dask_scheduler: Any) -> None:
        dask_scheduler.idle_since = None

    try:
        seconds = seconds or client.run_on_scheduler(timeout)
    except Exception as error:
        _log.debug("The scheduler's idle timeout isn't known: %s", error)
    if not seconds:
        yield
        return
    over = threading.Event()

    def touch_until_over() -> None:
        while not over.wait(seconds / _TOUCHES):
            try:
                client.run_on_scheduler(touch)
            except Exception as error:  # the flow itself will notice a lost scheduler
                _log.debug("The scheduler can't be kept awake: %s", error)

    thread = threading.Thread(target=touch_until_over, name="keep-dask-awake", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
