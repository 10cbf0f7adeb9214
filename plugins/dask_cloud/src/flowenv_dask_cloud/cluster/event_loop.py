"""An event loop in a thread of its own, where a run's cluster lives."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_STOP = 10.0
"""Seconds that the loop's last tasks may take to end."""


class EventLoop:
    """Runs coroutines away from the calling thread.

    An interrupt reaches the main thread only: what runs here goes on until it is cancelled.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="flowenv-cluster", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start a coroutine; its result or exception is in the future."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def stop(self) -> None:
        """Cancel what still runs, and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._end())
        finally:
            self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP / 2)
        await self._loop.shutdown_asyncgens()


async def in_thread(function: Callable[..., T], **arguments: Any) -> T:
    """Call a function in a thread of its own, for which the interpreter's end doesn't wait.

    Args:
        function: may take as long as it likes, or never return.
        **arguments: what it gets.
    """
    done: concurrent.futures.Future[T] = concurrent.futures.Future()
    done.set_running_or_notify_cancel()  # nobody can cancel it any more

    def call() -> None:
        try:
            done.set_result(function(**arguments))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=call, name=f"flowenv-{function.__name__}", daemon=True).start()
    return await asyncio.wrap_future(done)
