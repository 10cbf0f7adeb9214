"""The life of a run: variables → build → modify → validate → setup → execute."""

from __future__ import annotations

import copy
import datetime
import functools
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowenv.errors import ConfigurationError, ParameterError, UnsupportedOperation
from flowenv.flows.definition import Flow
from flowenv.flows.importing import check_not_importing
from flowenv.hooks.backend_hooks import BackendHooks
from flowenv.hooks.registry import registry
from flowenv.hooks.required_plugins import check_required
from flowenv.hooks.settings_of_plugins import check_plugin_settings
from flowenv.runs.answers import blamed, one
from flowenv.runs.environment import Environment
from flowenv.runs.flow_run import DRAFT_ID
from flowenv.runs.flow_run import FlowRun as FlowRun  # for `Environment`, which is below it
from flowenv.runs.handle import FinishedHandle, check_handle
from flowenv.runs.labels import Labels
from flowenv.runs.process import Process
from flowenv.runs.stopping import closed_before_the_end
from flowenv.runs.submitter import submitter
from flowenv.serialization.plain_data import own_copy
from flowenv.settings.configuration import configuration
from flowenv.settings.declaration import closest
from flowenv.states import State, Status
from flowenv.submission.configured_variables import checked_variables
from flowenv.submission.container_process import VariableLayers, process_of
from flowenv.submission.named_environments import as_environment
from flowenv.submission.process_variables import variables_here
from flowenv.submission.remembering import journal_here
from flowenv.submission.spec_checks import check_built, check_modified


@dataclass(frozen=True)
class Change:
    """What one plugin's `flowenv_modify_spec` did.

    Args:
        plugin: who.
        before: the spec before.
        after: the spec after.
    """

    plugin: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass
class Prepared:
    """A run that is ready to be submitted; the spec is built when it is first asked for.

    Args:
        flow_run: the run.
        hooks: the backend's hooks.
        process: what the flow's container runs.
    """

    flow_run: FlowRun
    hooks: BackendHooks
    process: Process
    changes: list[Change] = field(default_factory=list)
    keep_changes: bool = False

    @functools.cached_property
    def spec(self) -> dict[str, Any]:
        """The finished spec: built, modified by plugins, validated. Nothing is sent.

        Raises:
            SpecError: if it is wrong.
            RunRefused: if a plugin refuses the run.
        """
        run, environment = self.flow_run, self.flow_run.environment
        with blamed(self.hooks.owner, f"{type(environment).__name__}.needs_image"):
            needs_image = environment.needs_image()
        if needs_image:
            run.require_image(environment.instead_of_image)
        spec = self.hooks.hook.flowenv_build_spec(
            environment=environment, flow_run=run, process=self.process
        )
        check_built(spec, self.hooks.owner)
        arguments = {"spec": spec, "environment": environment, "flow_run": run}
        for plugin, call in self.hooks.each("flowenv_modify_spec", **arguments):
            before = copy.deepcopy(spec) if self.keep_changes else {}
            check_modified(call(), spec, plugin)
            if self.keep_changes:
                self.changes.append(Change(plugin, before, copy.deepcopy(spec)))
        with blamed(self.hooks.owner, f"{type(environment).__name__}.validate_spec"):
            environment.validate_spec(spec, run)
        return spec  # type: ignore[no-any-return]

    def setup(self) -> None:
        """Stand up the static infrastructure that the spec needs."""
        run, spec = self.flow_run, self.spec
        arguments = {"environment": run.environment, "flow_run": run, "spec": spec}
        for _, call in self.hooks.each("flowenv_setup", **arguments):
            call()

    def submit(self) -> FlowRun:
        """Set up, and submit the run.

        Returns:
            The run, with a handle.
        """
        run = self.flow_run
        self.setup()
        run.spec = self.spec
        run.container_variables = self.process.variables
        handle = self.hooks.hook.flowenv_execute(
            environment=run.environment, flow_run=run, spec=self.spec
        )
        check_handle(handle, self.hooks.owner)
        run.handle = handle
        if not isinstance(handle, FinishedHandle) and (journal := journal_here()):
            journal.follow(run)
        if run.last_status.state is State.PENDING:
            run.observe(Status(State.SUBMITTED))
        if isinstance(handle, FinishedHandle):
            run.observe(handle.status())
        return run

    def run_here(self) -> Any:
        """Run the flow from this process, and return its result."""
        with self.flow_run.surroundings(), closed_before_the_end():
            return self.hooks.run_flow(self.flow_run)


def as_flow(flow: Flow[..., Any] | Callable[..., Any]) -> Flow[..., Any]:
    """The flow itself, or a flow of any callable."""
    return flow if isinstance(flow, Flow) else Flow(flow)


def environment_of(flow: Flow[..., Any], environment: Environment | str | None) -> Environment:
    """The environment given, else the flow's own, else the configured or the local one.

    Raises:
        BackendNotFound: if nothing has that name.
        SettingError: if it is no Environment, and no name of one.
    """
    return as_environment(environment if environment is not None else flow.environment)


def prepare(
    flow: Flow[..., Any] | Callable[..., Any],
    *,
    environment: Environment | str | None = None,
    parameters: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    draft: bool = False,
    is_preview: bool = False,
    is_one_of_many: bool = False,
) -> Prepared:
    """Check the input and prepare a run; nothing is built or sent yet.

    Args:
        flow: a flow, or any callable.
        environment: where to run it, or the name of a configured environment or a backend; by
            default the flow's own.
        parameters: the flow's parameters.
        labels: labels besides the environment's.
        variables: variables for this run's containers, over the configured ones.
        draft: True for a run without identity that only serves to build specs.
        is_preview: True if the run is only shown and will never be submitted.
        is_one_of_many: True if it is a batch's, whose runs share flow and environment.

    Raises:
        ParameterError: if the parameters don't fit the flow's signature.
        PluginError: if the backend or a required plugin can't be loaded.
        ConfigurationError: if what is configured for a plugin is wrong.
        RunWhileImporting: if the flow's own module is just being imported.
    """
    check_required(registry())
    flow = as_flow(flow)
    check_not_importing(flow)
    chosen = environment_of(flow, environment)
    chosen.check_is_checked()
    chosen = chosen.own_copy()
    hooks = registry().hooks(chosen.backend)
    check_plugin_settings(hooks, registry())
    checked = own_copy(parameters or {} if draft else flow.check(parameters or {}))
    run = FlowRun(
        chosen,
        id=DRAFT_ID if draft else str(uuid.uuid4()),
        flow_name=flow.name,
        flow=flow,
        parameters=checked,  # what hooks do to them, they don't do to the caller's own
        labels=_all_labels(chosen, labels),
        created=None if draft else datetime.datetime.now(datetime.UTC),
        hooks=hooks,
        submitter="" if draft else submitter(),
        shown_parameters=None if configuration().show_parameters else {},
    )
    run.is_preview = is_preview
    run.variables = checked_variables(variables or {})
    process = process_of(run, hooks, is_one_of_many=is_one_of_many)
    run.surroundings = functools.partial(variables_here, run, hooks, process.variables)
    return Prepared(run, hooks, process)


def _all_labels(environment: Environment, labels: Iterable[str]) -> tuple[str, ...]:
    """The environment's labels, to which somebody may have added, then the run's own."""
    own = Labels.of(environment.labels, f"{type(environment).__name__} labels")
    Labels.of(labels, "labels")
    return tuple(dict.fromkeys([*own, *labels]))


def submit(
    flow: Flow[..., Any] | Callable[..., Any],
    *,
    environment: Environment | str | None = None,
    parameters: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    **given: Any,
) -> FlowRun:
    """Run a flow where an environment says.

    Args:
        flow: a flow, or any callable, of any library.
        environment: where to run it: an environment, or as with `--env` the name of a
            configured one or of a backend; by default the flow's own, else the configured
            default, else the local process.
        parameters: the flow's parameters by name.
        labels: strings to find the run by, besides the environment's.
        variables: environment variables for this run, over the configured ones: a text, or
            `{"secret": name}`, `{"file": path}`, `{"reference": …}` as in `[env]`.
        **given: parameters too; those that are called as an argument above go by `parameters`.

    Returns:
        The run: `wait`, `result`, `logs`, `cancel`. In the local process it is over.

    Raises:
        FlowenvError: before anything was submitted if the input is wrong, or if the
            platform refuses the run.

    >>> import flowenv
    >>> flowenv.submit(dict, n=5).result()
    {'n': 5}
    >>> run = flowenv.submit(sorted, parameters={})
    Traceback (most recent call last):
    ...
    flowenv.errors.ParameterError: ...
    """
    if given:
        if twice := given.keys() & dict(parameters or {}).keys():
            raise ParameterError(f"The parameter {min(twice)} is given twice.")
        flow = as_flow(flow)
        _check_misspelt(flow, given)
        parameters = {**given, **(parameters or {})}
    return prepare(
        flow, environment=environment, parameters=parameters, labels=labels, variables=variables
    ).submit()


def _check_misspelt(flow: Flow[..., Any], given: Iterable[str]) -> None:
    """What is no parameter of the flow may be meant as an argument of `submit`.

    Raises:
        ParameterError: naming the argument that it is near to.
    """
    takes = flow.signature.parameters
    if any(one.kind is one.VAR_KEYWORD for one in takes.values()):
        return
    own = ("environment", "parameters", "labels", "variables")
    for name in given:
        if name not in takes and not closest(name, takes) and (meant := closest(name, own)):
            raise ParameterError(
                f"The flow {flow.name} has no parameter {name!r}.", hint=f"Did you mean {meant}=?"
            )


def setup(flow: Flow[..., Any] | Callable[..., Any], environment: Environment) -> None:
    """Set up the infrastructure that runs of a flow need; again makes no difference."""
    prepare(flow, environment=environment, draft=True).setup()


def run_here(
    flow: Flow[..., Any] | Callable[..., Any],
    environment: Environment,
    parameters: Mapping[str, Any],
) -> Any:
    """Run a flow from this process, as its container would, and return its result."""
    can = environment.capabilities
    if can.attach and not can.backend_in_image:  # nothing of this is done on the platform
        import logging

        logging.getLogger("flowenv").warning(
            "The flow %s runs in this process, as %s.run does; there runs it execute(flow).",
            as_flow(flow).name,
            type(environment).__name__,
        )
    return prepare(flow, environment=environment, parameters=parameters).run_here()


def prepare_here(flow_run: FlowRun) -> Prepared:
    """What a backend makes of a run whose flow runs in this process: its spec, and its setup.

    For `flowenv_run_flow` of a backend that makes a cluster by the spec. No payload is packed.

    Args:
        flow_run: the run.
    """
    hooks = registry().hooks(flow_run.environment.backend)
    return Prepared(flow_run, hooks, Process(VariableLayers(flow_run, hooks).of))


_TYPES_OF_PREFECT = {
    "LocalEnvironment": "local",
    "KubernetesJobEnvironment": "k8s",
    "DaskKubernetesEnvironment": "dask_k8s",
    "DaskCloudProviderEnvironment": "dask_cloud",
    "FargateTaskEnvironment": "fargate",
}
"""What Prefect 0.x called the types in what it serialised."""


def deserialize(data: Mapping[str, Any]) -> Environment:
    """The environment of `Environment.serialize` data, or of what Prefect 0.x serialised.

    Raises:
        BackendNotFound: if its backend isn't installed.
        ConfigurationError: if the data isn't an environment's.
    """
    kind = data.get("type") if isinstance(data, Mapping) else None
    if not isinstance(kind, str):
        raise ConfigurationError("Not a serialised environment: it has no type.")
    backend = _TYPES_OF_PREFECT.get(kind, kind)
    return registry().environment_type(backend).from_serialized(data)


def attach(reference: str, environment: Environment | str | None = None) -> FlowRun:
    """Pick up a run that another process submitted.

    Args:
        reference: what `FlowRun.reference` or `flowenv runs` gave.
        environment: where it runs, as `submit` takes it; by default the configured one.

    Raises:
        BackendNotFound: if nothing has that name.
        UnsupportedOperation: if the backend can't.
        RunNotFound: if the platform doesn't know it.

    >>> import flowenv
    >>> flowenv.attach("run-1", "local")
    Traceback (most recent call last):
    ...
    flowenv.errors.UnsupportedOperation: The backend local can't attach to runs.
    """
    environment = as_environment(environment).own_copy()
    hooks = registry().hooks(environment.backend)
    if not environment.capabilities.attach:
        raise UnsupportedOperation(f"The backend {environment.backend} can't attach to runs.")
    run = hooks.claimed("attach", "flowenv_attach", environment=environment, reference=reference)
    one(run, FlowRun, hooks.owner, "flowenv_attach")
    check_handle(run.handle, hooks.owner, "flowenv_attach")
    run.hooks = hooks
    run.is_attached = True
    if journal := journal_here():
        journal.follow(run, is_own=False)
    return run  # type: ignore[no-any-return]
