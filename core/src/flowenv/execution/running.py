"""Running a flow where it is: its executor opened, its callbacks around it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowenv.errors import CallbackFailed, RunFailed
from flowenv.execution.live_output import live_output
from flowenv.executors.opening import open_executor
from flowenv.flows.calling import to_its_end

if TYPE_CHECKING:
    from flowenv.environments.environment import Callback, Environment
    from flowenv.runs.flow_run import FlowRun


@dataclass(frozen=True)
class Returned:
    """What a flow returned, so that None can be told from no answer of a hook.

    Args:
        value: the flow's result.

    >>> Returned(None).value is None
    True
    """

    value: Any


def run_flow(environment: Environment, flow_run: FlowRun) -> Returned:
    """Run a flow as the core does it: open the executor, call the flow, close it.

    Args:
        environment: whose executor and callbacks are used.
        flow_run: the run, with its flow.
    """
    with live_output(), open_executor(environment.executor, lambda: flow_run.source_files):
        return call_with_callbacks(environment, flow_run)


@live_output()
def call_with_callbacks(environment: Environment, flow_run: FlowRun) -> Returned:
    """Call `on_start`, the flow, then `on_exit`, which is called in every case.

    What they print is seen at once.

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
            import logging

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
    began, at = time.time(), time.monotonic()
    try:
        return to_its_end(flow_run.flow.call(flow_run.parameters))
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
    finally:
        flow_run.ran = (began, time.monotonic() - at)


def _callback(callback: Callback | None, name: str) -> None:
    if callback is None:
        return
    try:
        callback()
    except Exception as error:
        raise CallbackFailed(
            f"{name} raised {type(error).__name__}: {error}", error_class=type(error).__name__
        ) from error
