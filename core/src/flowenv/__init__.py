"""flowenv: run a Python flow where you say.

    from flowenv import flow

    @flow
    def greet(name: str = "world"):
        return f"Hello, {name}!"

The names below are the public API. They are imported when they are first used, so that
`import flowenv` costs next to nothing.
"""

from __future__ import annotations

from flowenv._version import __version__

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from flowenv.entry import load_and_run_flow
    from flowenv.environment import Capabilities, Environment
    from flowenv.environments import make_environment
    from flowenv.errors import FlowenvError, RunRefused
    from flowenv.executors import (
        DaskExecutor,
        Executor,
        LocalDaskExecutor,
        LocalExecutor,
        get_executor,
    )
    from flowenv.flow_run import FlowRun
    from flowenv.flows import Flow, flow
    from flowenv.handle import RunSummary
    from flowenv.hookspecs import hookimpl
    from flowenv.lifecycle import attach, find_runs, submit
    from flowenv.secret import Secret
    from flowenv.states import Reason, State, Status

_WHERE = {
    "Capabilities": "environment",
    "DaskExecutor": "executors",
    "Environment": "environment",
    "Executor": "executors",
    "Flow": "flows",
    "FlowRun": "flow_run",
    "FlowenvError": "errors",
    "LocalDaskExecutor": "executors",
    "LocalExecutor": "executors",
    "Reason": "states",
    "RunRefused": "errors",
    "RunSummary": "handle",
    "Secret": "secret",
    "State": "states",
    "Status": "states",
    "attach": "lifecycle",
    "find_runs": "lifecycle",
    "flow": "flows",
    "get_executor": "executors",
    "hookimpl": "hookspecs",
    "load_and_run_flow": "entry",
    "make_environment": "environments",
    "submit": "lifecycle",
}

__all__ = [
    "Capabilities",
    "DaskExecutor",
    "Environment",
    "Executor",
    "Flow",
    "FlowRun",
    "FlowenvError",
    "LocalDaskExecutor",
    "LocalExecutor",
    "Reason",
    "RunRefused",
    "RunSummary",
    "Secret",
    "State",
    "Status",
    "__version__",
    "attach",
    "find_runs",
    "flow",
    "get_executor",
    "hookimpl",
    "load_and_run_flow",
    "make_environment",
    "submit",
]


def __getattr__(name: str) -> object:
    if name in _WHERE:
        import importlib

        value = getattr(importlib.import_module(f"flowenv.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'flowenv' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
