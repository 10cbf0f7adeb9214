"""The door for authors of backends and plugins: all that they need, and nothing else.

    from flowenv.plugin import hookimpl

    @hookimpl
    def flowenv_environment_variables(environment, flow_run, target):
        return {"TEAM": "forecasting"}

Names are imported when they are first used. Errors are in `flowenv.errors`, executors in
`flowenv.executors`, the conformance kit in `flowenv.testing`; all other modules are internal.
"""

from __future__ import annotations

from flowenv._lazily import names_of

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from flowenv import contract
    from flowenv.answers.events import Event, moments_of
    from flowenv.answers.handle import FinishedHandle, Handle, poll
    from flowenv.answers.summaries import Finding, Leftover, RunSummary
    from flowenv.answers.times import RunTimes
    from flowenv.contract import Target
    from flowenv.contract.log_lines import is_beginning
    from flowenv.contract.process import PAYLOAD_FILE, Payload, Process, Runtime
    from flowenv.contract.spec_views import containers, pods
    from flowenv.contract.variables import SPEC_FILE, THIS_PROCESS, Entry, Merged, Value, Variables
    from flowenv.environments.capabilities import Capabilities
    from flowenv.environments.common_environment import (
        CommonEnvironment,
        executor_setting,
        labels_setting,
        metadata_setting,
        on_exit_setting,
        on_start_setting,
        runtime_setting,
    )
    from flowenv.environments.environment import Callback, Environment
    from flowenv.execution.in_process import execute_here
    from flowenv.execution.running import Returned, call_with_callbacks
    from flowenv.executors.classes import load_class
    from flowenv.executors.dask import check_versions, run_on
    from flowenv.executors.dask_cluster.connection import connected, silenced
    from flowenv.executors.dask_cluster.local_cluster import (
        kill_workers,
        leave_interrupts_to_owner,
        started_without_ctrl_c,
        without_its_work,
    )
    from flowenv.executors.dask_cluster.report import check_report_here, has_dashboard
    from flowenv.executors.dask_cluster.required import check_requirements
    from flowenv.executors.dask_cluster.upkeep import keep_awake, wait_for_workers
    from flowenv.executors.dask_cluster.worker_versions import OTHER_VERSIONS
    from flowenv.hooks.specs import API_VERSION, hookimpl
    from flowenv.payload.runtime import shipped_runtime
    from flowenv.registry.secrets import find_secret
    from flowenv.remote.marks import Marks, moment, seconds_since, texts_by_name
    from flowenv.remote.outages import OUTAGES, Patience
    from flowenv.remote.polled_handle import PolledHandle
    from flowenv.remote.poller import Poller
    from flowenv.remote.rate_limit import RateLimit
    from flowenv.remote.retries import Retries, TryAgain
    from flowenv.results.lines import first_line_of, without_lines
    from flowenv.results.object_urls import payload_object, payload_url
    from flowenv.results.place import check_results_are_shared
    from flowenv.results.record.exit_codes import (
        EXIT_CANCELLED,
        EXIT_COMPLETED,
        EXIT_CRASHED,
        EXIT_FAILED,
        without_record,
    )
    from flowenv.results.record.lines import is_outcome_line
    from flowenv.results.record.outcome import Outcome
    from flowenv.results.record.seal import seal_of
    from flowenv.runs.flow_run import FlowRun
    from flowenv.secret import Secret, SecretDocument, revealed
    from flowenv.serialization import storage
    from flowenv.serialization.encoding import Encoder
    from flowenv.settings.configuration import configuration
    from flowenv.settings.declaration import nearest, setting, settings_of
    from flowenv.settings.hidden import HiddenItems
    from flowenv.settings.plugin_settings import PluginSettings
    from flowenv.settings.user_folders import cache_folder
    from flowenv.states import Reason, State, Status
    from flowenv.submission.lifecycle import prepare_here

__all__ = [
    # hooks
    "API_VERSION",
    "hookimpl",
    # an environment and its settings
    "Callback",
    "Capabilities",
    "CommonEnvironment",
    "Encoder",
    "Environment",
    "HiddenItems",
    "PluginSettings",
    "cache_folder",
    "configuration",
    "executor_setting",
    "find_secret",
    "labels_setting",
    "load_class",
    "metadata_setting",
    "nearest",
    "on_exit_setting",
    "on_start_setting",
    "runtime_setting",
    "setting",
    "settings_of",
    # what a container runs
    "PAYLOAD_FILE",
    "Payload",
    "Process",
    "Runtime",
    "SPEC_FILE",
    "THIS_PROCESS",
    "Entry",
    "Merged",
    "Secret",
    "SecretDocument",
    "Target",
    "Value",
    "Variables",
    "contract",
    "check_results_are_shared",
    "payload_object",
    "payload_url",
    "revealed",
    "seal_of",
    "storage",
    # what specs have in common
    "containers",
    "pods",
    # a run and its handle
    "FlowRun",
    "Handle",
    "Reason",
    "State",
    "Status",
    "poll",
    # calls to a platform
    "OTHER_VERSIONS",
    "OUTAGES",
    "Patience",
    "PolledHandle",
    "Poller",
    "RateLimit",
    "Retries",
    "TryAgain",
    # how a run ended
    "EXIT_CANCELLED",
    "EXIT_COMPLETED",
    "EXIT_CRASHED",
    "EXIT_FAILED",
    "Outcome",
    "is_beginning",
    "is_outcome_line",
    "first_line_of",
    "without_lines",
    "without_record",
    # runs whose flow runs in this process
    "Event",
    "FinishedHandle",
    "Returned",
    "call_with_callbacks",
    "execute_here",
    "prepare_here",
    "shipped_runtime",
    # what is on the platform
    "Finding",
    "Leftover",
    "Marks",
    "RunSummary",
    "RunTimes",
    "moment",
    "moments_of",
    "texts_by_name",
    "seconds_since",
    # clusters of Dask
    "check_report_here",
    "check_requirements",
    "check_versions",
    "has_dashboard",
    "connected",
    "leave_interrupts_to_owner",
    "keep_awake",
    "kill_workers",
    "run_on",
    "silenced",
    "started_without_ctrl_c",
    "wait_for_workers",
    "without_its_work",
]

__getattr__, __dir__ = names_of(
    globals(),
    {
        "contract": "contract Target",
        "contract.spec_views": "containers pods",
        "contract.variables": "SPEC_FILE THIS_PROCESS Entry Merged Value Variables",
        "executors.classes": "load_class",
        "executors.dask": "check_versions run_on",
        "executors.dask_cluster.required": "check_requirements",
        "executors.dask_cluster.upkeep": "keep_awake wait_for_workers",
        "executors.dask_cluster.connection": "connected silenced",
        "executors.dask_cluster.report": "check_report_here has_dashboard",
        "executors.dask_cluster.worker_versions": "OTHER_VERSIONS",
        "executors.dask_cluster.local_cluster": (
            "leave_interrupts_to_owner kill_workers started_without_ctrl_c without_its_work"
        ),
        "hooks.specs": "API_VERSION hookimpl",
        "registry.secrets": "find_secret",
        "remote.marks": "Marks moment seconds_since texts_by_name",
        "remote.outages": "OUTAGES Patience",
        "remote.polled_handle": "PolledHandle",
        "remote.poller": "Poller",
        "remote.rate_limit": "RateLimit",
        "remote.retries": "Retries TryAgain",
        "environments.capabilities": "Capabilities",
        "environments.common_environment": (
            "CommonEnvironment executor_setting labels_setting metadata_setting on_exit_setting "
            "on_start_setting runtime_setting"
        ),
        "environments.environment": "Callback Environment",
        "answers.events": "Event moments_of",
        "runs.flow_run": "FlowRun",
        "answers.handle": "FinishedHandle Handle poll",
        "execution.in_process": "execute_here",
        "contract.log_lines": "is_beginning",
        "results.record.exit_codes": (
            "EXIT_CANCELLED EXIT_COMPLETED EXIT_CRASHED EXIT_FAILED without_record"
        ),
        "results.record.outcome": "Outcome",
        "results.record.lines": "is_outcome_line",
        "results.object_urls": "payload_object payload_url",
        "contract.process": "PAYLOAD_FILE Payload Process Runtime",
        "results.place": "check_results_are_shared",
        "results.lines": "first_line_of without_lines",
        "results.record.seal": "seal_of",
        "execution.running": "Returned call_with_callbacks",
        "answers.summaries": "Finding Leftover RunSummary",
        "answers.times": "RunTimes",
        "secret": "Secret SecretDocument revealed",
        "serialization.encoding": "Encoder",
        "serialization.storage": "storage",
        "settings.configuration": "configuration",
        "settings.hidden": "HiddenItems",
        "settings.declaration": "nearest setting settings_of",
        "settings.plugin_settings": "PluginSettings",
        "settings.user_folders": "cache_folder",
        "states": "Reason State Status",
        "submission.lifecycle": "prepare_here",
        "payload.runtime": "shipped_runtime",
    },
)
