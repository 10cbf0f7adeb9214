"""What became of names of Prefect 0.x, for messages: whoever uses one hears what to write here."""

from __future__ import annotations

from collections.abc import Mapping

from flowenv.errors import SettingError

PAGE = "The page “Coming from Prefect 0.x” in the documentation has an example."

_TASK = "a task is a plain function here, which the flow's function calls."
_MAP = "mapping is get_executor().map(function, list) or dask.delayed here."
_BRANCH = "a branch is an `if` in the flow's function here."
_NO_SERVER = (
    "there is no server here, and nothing is registered: flowenv run, or environment.execute"
)
IMPORTED: Mapping[str, str] = {
    "task": _TASK,
    "Task": _TASK,
    "Parameter": "a flow's parameters are its function's here: def report(day: str = 'today').",
    **dict.fromkeys(("unmapped", "mapped", "flatten"), _MAP),
    **dict.fromkeys(("case", "merge", "ifelse", "switch"), _BRANCH),
    "Client": f"{_NO_SERVER}, runs a flow.",
    "context": "a flow's process has PREFECT__CONTEXT__FLOW_RUN_ID and logging.getLogger here.",
    "storage": "a flow's file travels with the run, or is in the image: metadata={'image': …}.",
}
"""Names that a file imports from `prefect`."""

ON_FLOWS: Mapping[str, str] = {
    "register": f"{_NO_SERVER}(flow), runs it.",
    "deploy": f"{_NO_SERVER}(flow), runs it.",
    "run_config": "where a flow runs is said by its environment alone: @flow(environment=…).",
    "executor": "an executor is the environment's: executor=… there, or flow.run(executor=…).",
    "schedule": "a schedule is cron, a CronJob or EventBridge that calls flowenv run.",
    "storage": "its file travels with the run, or is in the image: metadata={'image': …}.",
    "state_handlers": "state handlers are the hook flowenv_state_changed of a plugin.",
    "result": "what the flow returns is its result, and larger ones go to results_url.",
    **dict.fromkeys(
        ("bind", "add_task", "add_edge", "set_dependencies", "set_reference_tasks", "tasks"),
        "a flow is a function, and has no tasks: it calls functions.",
    ),
    "visualize": "a flow is a function, and has no graph to show.",
}
"""Attributes of flows."""


def no_callable(given: object) -> SettingError:
    """The error for what is no function: most likely it is what a flow was in Prefect."""
    kind = type(given)
    if any(one.__name__ == "Flow" and one.__module__.startswith("prefect") for one in kind.__mro__):
        return SettingError(
            f"{given!r} is a flow of Prefect, which can't be called like a function.",
            hint="Wrap it in a function with @flow that calls its run(parameters=…) and raises if "
            "the state that this gives is_failed(); or make its tasks plain functions.",
        )
    if isinstance(given, str):
        return SettingError(
            f"A flow needs a callable, and {given!r} is a name.",
            hint="A flow is a function with @flow above it, or @flow(name=…); there is no "
            f"`with Flow(…)`. {PAGE}",
        )
    if isinstance(given, str):
        return SettingError(
            f"A flow needs a callable, not the text {given!r}.",
            hint=f"For a name: @flow(name={given!r}).",
        )
    return SettingError(
        f"A flow needs a callable, not {kind.__name__}.",
        hint="Wrap what it does in a function.",
    )
