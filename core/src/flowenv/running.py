"""Calling a flow: its executor opened, its callbacks around it, sync or async."""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowenv.contract import EXECUTOR
from flowenv.errors import (
    CallbackFailed,
    FlowenvError,
    PlatformError,
    RunFailed,
    SettingError,
)
from flowenv.executors.base import Executor
from flowenv.states import Reason

if TYPE_CHECKING:
    from flowenv.environment import Callback, Environment
    from flowenv.flow_run import FlowRun
    from flowenv.flows import Flow


@dataclass(frozen=True)
class Returned:
    """What a flow returned, so that None can be told from no answer of a hook."""

    value: Any


def run_flow(environment: Environment, flow_run: FlowRun) -> Returned:
    """Run a flow as the core does it: open the executor, call the flow, close it.

    Args:
        environment: whose executor and callbacks are used.
        flow_run: the run, with its flow.
    """
    with open_executor(environment.executor, flow_run):
        return call_with_callbacks(environment, flow_run)


def check_executor_here(environment: Environment) -> None:
    """Check that the executor that a flow would get can be had here, before the run begins.

    Raises:
        SettingError: if it can't: a wrong name, or something that isn't installed.
    """
    executor = environment.executor
    (executor if executor is not None else default_executor()).check()


@contextlib.contextmanager
def open_executor(executor: Executor | None, flow_run: FlowRun | None = None) -> Iterator[Any]:
    """Open an executor, or the default one, and make it the active one.

    Args:
        executor: the executor; None for the default.
        flow_run: whose files an executor's workers may need.
    """
    from flowenv.executors.base import check_executor

    check_executor(executor)
    chosen = executor if executor is not None else default_executor()
    opened = chosen.open(flow_run.source_files if flow_run and chosen.elsewhere else ())
    pool = _open(opened, type(chosen).__name__)
    try:
        yield pool
    except BaseException as error:
        _close(opened, error)
        raise
    _close(opened, None)


def _open(opened: contextlib.AbstractContextManager[Any], name: str) -> Any:
    try:
        return opened.__enter__()
    except FlowenvError:
        raise
    except Exception as error:
        raise PlatformError(
            f"The executor {name} can't be opened: {type(error).__name__}: {error}",
            reason=Reason.START_ERROR,
        ) from error


def _close(opened: contextlib.AbstractContextManager[Any], error: BaseException | None) -> None:
    """Close an executor. What goes wrong then is logged: it must not hide how the flow ended.

    Raises:
        PlatformError: if the executor says that this is why the flow failed: its cluster is
            lost, and the flow's own exception is only what came of it.
    """
    kind, frames = (type(error), error.__traceback__) if error else (None, None)
    try:
        opened.__exit__(kind, error, frames)
    except Exception as failure:
        if isinstance(failure, PlatformError) and failure.__cause__ is error is not None:
            raise
        if failure is not error:
            logging.getLogger("flowenv").exception("The executor could not be closed properly")


def default_executor() -> Executor:
    """The executor that `PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS` names, else LocalExecutor.

    Raises:
        SettingError: if the variable names no executor class.
    """
    dotted = os.environ.get(EXECUTOR)
    if not dotted:
        from flowenv.executors.local import LocalExecutor

        return LocalExecutor()
    from flowenv.executors.by_name import make_executor

    try:
        return make_executor(dotted, {})
    except SettingError as error:
        raise SettingError(f"{EXECUTOR} is {dotted!r}: {error.message}", hint=error.hint) from error


def call_with_callbacks(environment: Environment, flow_run: FlowRun) -> Returned:
    """Call `on_start`, the flow, then `on_exit`, which is called in every case.

    Raises:
        CallbackFailed: if a callback raises; but the flow's own exception comes first, and
            then the callback's is only logged.
    """
    try:
        _callback(environment.on_start, "on_start")
        value = _call_to_its_end(flow_run)
    except BaseException:
        try:
            _callback(environment.on_exit, "on_exit")
        except CallbackFailed:
            logging.getLogger("flowenv").exception("on_exit failed after the flow had failed")
        raise
    _callback(environment.on_exit, "on_exit")
    return Returned(value)


def _call_to_its_end(flow_run: FlowRun) -> Any:
    """Call a flow whose `sys.exit()` ends the flow, not the process that runs it.

    Raises:
        RunFailed: if the flow exits with anything but success, or raises what is no
            `Exception` and no interrupt, such as `asyncio.CancelledError`.
    """
    assert flow_run.flow is not None
    try:
        return call_flow(flow_run.flow, flow_run.parameters)
    except KeyboardInterrupt:
        raise
    except Exception as error:
        flow_run.raised = error
        raise
    except SystemExit as error:
        if error.code in (None, 0):
            return None
        raise RunFailed(
            f"the flow called sys.exit({error.code!r})", error_class="SystemExit"
        ) from error
    except BaseException as error:
        raise RunFailed(str(error), error_class=type(error).__name__) from error


def _callback(callback: Callback | None, name: str) -> None:
    if callback is None:
        return
    try:
        callback()
    except Exception as error:
        raise CallbackFailed(
            f"{name} raised {type(error).__name__}: {error}", error_class=type(error).__name__
        ) from error


def call_flow(flow: Flow[..., Any], parameters: Mapping[str, Any]) -> Any:
    """Call a flow's function; a coroutine is run to its end."""
    value = flow.call(parameters)
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
