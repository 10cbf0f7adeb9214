"""flowenv: run a Python flow where you say.

    from flowenv import flow

    @flow
    def greet(name: str = "world"):
        return f"Hello, {name}!"

The names below are the public API. They are imported when they are first used, so that
`import flowenv` costs next to nothing.
"""

from __future__ import annotations

from flowenv._lazily import names_of
from flowenv._version import __version__

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from flowenv.answers.events import Event
    from flowenv.answers.summaries import RunSummary
    from flowenv.answers.times import Phase, RunTimes
    from flowenv.batches.batch import Batch
    from flowenv.batches.mapping import map
    from flowenv.batches.waiting import as_completed, wait
    from flowenv.container.entry_point import load_and_run_flow
    from flowenv.environments.capabilities import Capabilities
    from flowenv.environments.environment import Environment
    from flowenv.errors import FlowenvError, RunRefused
    from flowenv.executors import (
        DaskExecutor,
        Executor,
        LocalDaskExecutor,
        LocalExecutor,
        get_executor,
    )
    from flowenv.flows.definition import Flow, flow
    from flowenv.hooks.specs import hookimpl
    from flowenv.known_runs.attaching import attach
    from flowenv.known_runs.finding import find_runs
    from flowenv.reports.page import report
    from flowenv.results.output_files import OutputFiles
    from flowenv.results.output_folder import output_dir
    from flowenv.runs.flow_run import FlowRun
    from flowenv.secret import Secret
    from flowenv.states import Reason, State, Status
    from flowenv.submission.explain import Preview, preview
    from flowenv.submission.lifecycle import submit
    from flowenv.submission.named_environments import make_environment

__all__ = [
    # flows and runs
    "Event",
    "Flow",
    "FlowRun",
    "OutputFiles",
    "Phase",
    "Preview",
    "RunSummary",
    "RunTimes",
    "attach",
    "find_runs",
    "flow",
    "output_dir",
    "preview",
    "submit",
    # many runs
    "Batch",
    "as_completed",
    "map",
    "wait",
    # pictures
    "report",
    # environments
    "Capabilities",
    "Environment",
    "Secret",
    "make_environment",
    # how a run stands
    "Reason",
    "State",
    "Status",
    # executors
    "DaskExecutor",
    "Executor",
    "LocalDaskExecutor",
    "LocalExecutor",
    "get_executor",
    # errors
    "FlowenvError",
    "RunRefused",
    # plugins in a file
    "hookimpl",
    # in a container
    "load_and_run_flow",
    "__version__",
]

__getattr__, __dir__ = names_of(
    globals(),
    {
        "batches.batch": "Batch",
        "batches.mapping": "map",
        "batches.waiting": "as_completed wait",
        "container.entry_point": "load_and_run_flow",
        "errors": "FlowenvError RunRefused",
        "executors": "DaskExecutor Executor LocalDaskExecutor LocalExecutor get_executor",
        "flows.definition": "Flow flow",
        "hooks.specs": "hookimpl",
        "reports.page": "report",
        "environments.capabilities": "Capabilities",
        "environments.environment": "Environment",
        "answers.events": "Event",
        "runs.flow_run": "FlowRun",
        "results.output_files": "OutputFiles",
        "results.output_folder": "output_dir",
        "answers.summaries": "RunSummary",
        "answers.times": "Phase RunTimes",
        "secret": "Secret",
        "states": "Reason State Status",
        "known_runs.attaching": "attach",
        "submission.explain": "Preview preview",
        "known_runs.finding": "find_runs",
        "submission.lifecycle": "submit",
        "submission.named_environments": "make_environment",
    },
    former="flows.prefect_names",
)
