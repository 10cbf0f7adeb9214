"""The hooks: the contract between the core, the backends and everybody's plugins.

A backend is a module with implementations, named by an entry point in `flowenv.backends`.
A plugin that adds to every backend is named in `flowenv.plugins`, or given with `--plugin`.

    from flowenv import hookimpl

    @hookimpl
    def flowenv_environment_variables(environment, flow_run, target):
        return {"TEAM": "forecasting"}

A backend implements the hooks that make, start and find runs; a plugin that did would replace
every backend's, and is refused. All others, plugins add to.

An implementation takes any subset of a hook's arguments. Contributions are merged in this
order, later wins: the backend, the core, installed plugins, local plugins. An implementation
with `@hookimpl(tryfirst=True)` comes before all others, one with `trylast=True` after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from flowenv.contract import Target

if TYPE_CHECKING:
    from flowenv.answers.handle import Handle
    from flowenv.answers.summaries import Finding, Leftover, RunSummary
    from flowenv.contract.process import Process
    from flowenv.contract.variables import Value
    from flowenv.environments.environment import Environment
    from flowenv.runs.flow_run import FlowRun
    from flowenv.secret import Secret
    from flowenv.settings.plugin_settings import PluginSettings
    from flowenv.states import Status

hookspec = pluggy.HookspecMarker("flowenv")
hookimpl = pluggy.HookimplMarker("flowenv")
"""Marks a function of a hook's name as its implementation.

`tryfirst=True` and `trylast=True` move it before or behind all others; `specname="flowenv_…"` lets
it have another name; `wrapper=True` makes it a generator that is called around the others.

    @hookimpl
    def flowenv_environment_variables(target):
        return {"TEAM": "forecasting"}
"""

API_VERSION = 1
"""The version of the hooks. It goes up when one changes so that old implementations can't work; a
plugin that sets `flowenv_api_version` to another is refused when it is loaded."""


@hookspec(firstresult=True)
def flowenv_environment_type() -> type[Environment] | None:
    """The backend's Environment class; every backend implements it.

    Called once, when the backend is first used.

    Returns:
        The class. Its `capabilities` say what the backend can do.
    """


@hookspec
def flowenv_environment_variables(
    environment: Environment, flow_run: FlowRun, target: Target
) -> Mapping[str, Value] | None:
    """Environment variables for one kind of container; all results are merged.

    Called while the spec is built, on the submitting machine, once for each target that
    the spec has.

    Args:
        environment: where the flow runs.
        flow_run: the run; in a standalone setup a draft without an identity.
        target: the flow's container, a sidecar, the Dask scheduler or a worker.

    Returns:
        Values by name: text, a Secret, or None to remove the variable.
    """


@hookspec(firstresult=True)
def flowenv_build_spec(
    environment: Environment, flow_run: FlowRun, process: Process
) -> dict[str, Any] | None:
    """The complete request to the platform as plain data.

    Pure and offline: the same arguments give the same spec. Every backend implements it.

    Args:
        environment: where the flow runs.
        flow_run: the run.
        process: what the flow's container runs: command, variables, payload.

    Returns:
        The request's parts by name, e.g. `{"job": {…}, "secret": {…}}`.
    """


@hookspec
def flowenv_modify_spec(spec: dict[str, Any], environment: Environment, flow_run: FlowRun) -> None:
    """Change the built spec in place: a node selector, a sidecar, a tag.

    Called once for each plugin, one after the other: installed plugins, then local ones, then
    those with `@hookimpl(trylast=True)`, such as policies.

    Args:
        spec: what `flowenv_build_spec` gave. It stays plain data: strings, numbers, lists
            and mappings.
        environment: where the flow runs.
        flow_run: the run.

    Only what is changed in place counts: to return another spec is an error.
    Raise `flowenv.RunRefused` to refuse the run; nothing has been submitted then.
    """


@hookspec
def flowenv_setup(environment: Environment, flow_run: FlowRun, spec: dict[str, Any]) -> None:
    """Stand up static infrastructure: a registry secret, a task definition.

    Called before every execution and by `setup(flow)`; again it makes no difference. It
    may use the network.

    Args:
        environment: where the flow runs.
        flow_run: the run, or a draft.
        spec: the finished spec.
    """


@hookspec(firstresult=True)
def flowenv_execute(
    environment: Environment, flow_run: FlowRun, spec: dict[str, Any]
) -> Handle | None:
    """Submit the run. Every backend implements it.

    Submitting the same run again, after a lost answer, finds the first submission.

    Args:
        environment: where the flow runs.
        flow_run: the run.
        spec: the finished spec.

    Returns:
        A handle on the submitted run.
    """


@hookspec(firstresult=True)
def flowenv_attach(environment: Environment, reference: str) -> FlowRun | None:
    """A run that another process submitted.

    Args:
        environment: where it runs.
        reference: what its handle or `flowenv runs` gave, or its run id.

    Returns:
        The run with a handle. Raises `RunNotFound` if it isn't there.
    """


@hookspec(firstresult=True)
def flowenv_find_runs(
    environment: Environment, labels: Sequence[str]
) -> Iterable[RunSummary] | None:
    """The runs that the platform knows of.

    Args:
        environment: where to look.
        labels: only runs with all of these flowenv labels; empty for all runs.
    """


@hookspec(firstresult=True)
def flowenv_sweep(
    environment: Environment, older_than: float, delete: bool
) -> Iterable[Leftover] | None:
    """What is left on the platform of runs that are over.

    Args:
        environment: where to look.
        older_than: seconds; younger things are left alone.
        delete: True to remove what is found, False to only list it.

    What is listed carries what removes it, by `Leftover.swept(remove, delete)`: `flowenv sweep`
    lists first, and removes what is the user's own. Without it, only all can be removed.
    """


@hookspec(firstresult=True)
def flowenv_run_flow(environment: Environment, flow_run: FlowRun) -> Any:
    """Run the flow where it really runs: open the executor or cluster, call it, close.

    Called in the flow's container, and by `Environment.run` in this process. The core's
    own opens the environment's executor; a backend overrides it to make a cluster first.
    As a result can be None, an implementation returns `flowenv.plugin.Returned(result)`.

    Args:
        environment: where the flow runs.
        flow_run: the run, with `flow`, `parameters`, `source_files` and `directory`.
    """


@hookspec(firstresult=True)
def flowenv_get_secret(name: str, is_preview: bool) -> Secret | str | None:
    """A named secret: the auth token (`auth_token`), registry credentials.

    The core's own looks in the configuration's `[secrets]` and in environment variables.

    Args:
        name: the secret's name.
        is_preview: True if a run is only shown, as by `flowenv explain`: any Secret will do then,
            as it is masked, so that no vault has to be asked.

    Returns:
        The secret, or None to let the next one look. A text is made a Secret; an empty one
        counts as None.
    """


@hookspec
def flowenv_plugin_settings() -> type[PluginSettings] | None:
    """What users can set for the plugin: in `[plugin.NAME]`, or by variables.

    The plugin itself has them from the class's `configured()`. They are checked before anything is
    submitted, and shown by `flowenv plugins --load -o json` and `flowenv doctor`.

    Returns:
        A dataclass that is a subclass of `flowenv.plugin.PluginSettings`.
    """


@hookspec
def flowenv_state_changed(flow_run: FlowRun, status: Status) -> None:
    """Tell somebody that a run's state has changed.

    Called in a process that observes the run, in a thread of the plugin's own: in order, after
    the line that says so was printed. The run doesn't wait for it, and what it raises is logged.
    At the end flowenv waits up to 5 seconds for what hasn't been told yet. A rehearsal is no
    run: nobody is told of it.

    Args:
        flow_run: the run as it was then; a copy, which changes no more.
        status: its new status.
    """


@hookspec
def flowenv_check(environment: Environment) -> Iterable[Finding] | None:
    """Findings for `flowenv doctor`: is the platform reachable, may we do what we need.

    Args:
        environment: where flows would run.
    """
