"""A flow's function may be a coroutine: it is run to its end, in a notebook too."""

from __future__ import annotations

import contextlib
import inspect
from typing import Any


def to_its_end(value: Any) -> Any:
    """What a flow's function gave; a coroutine is run to its end first."""
    if inspect.iscoroutine(value):
        import asyncio

        return _run_beside_the_loop(value) if _loop_is_running() else asyncio.run(value)
    return value


def _loop_is_running() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_beside_the_loop(coroutine: Any) -> Any:
    """Run a coroutine where a loop is running already, as in a notebook: in a thread.

    When the waiting thread is interrupted, the coroutine is cancelled and waited for.
    """
    import asyncio
    import concurrent.futures
    import contextvars

    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def known_to_this_thread() -> Any:
        task = asyncio.current_task()
        assert task
        running.append((asyncio.get_running_loop(), task))
        return await coroutine

    with concurrent.futures.ThreadPoolExecutor(1, "flowenv-flow") as pool:
        run = contextvars.copy_context().run
        future = pool.submit(run, asyncio.run, known_to_this_thread())
        try:
            return future.result()
        except BaseException:
            for loop, task in running:
                with contextlib.suppress(RuntimeError):  # the loop is closed: it was its own error
                    loop.call_soon_threadsafe(task.cancel)
            raise
