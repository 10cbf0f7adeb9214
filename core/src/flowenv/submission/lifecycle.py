"""The life of a run: variables → build → modify → validate → setup → execute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flowenv.contract.process import Process
from flowenv.environments.environment import Environment
from flowenv.errors import ConfigurationError, ParameterError
from flowenv.flows.definition import Flow
from flowenv.registry.registry import registry
from flowenv.runs.flow_run import FlowRun as FlowRun  # for `Environment`, which is below it
from flowenv.settings.declaration import closest
from flowenv.submission.container_process import VariableLayers
from flowenv.submission.prepared import Prepared
from flowenv.submission.preparing import Preparation


def as_flow(flow: Flow[..., Any] | Callable[..., Any]) -> Flow[..., Any]:
    """The flow itself, or a flow of any callable."""
    return flow if isinstance(flow, Flow) else Flow(flow)


def prepare(
    flow: Flow[..., Any] | Callable[..., Any],
    *,
    environment: Environment | str | None = None,
    parameters: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    draft: bool = False,
    is_preview: bool = False,
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

    Raises:
        ParameterError: if the parameters don't fit the flow's signature.
        PluginError: if the backend or a required plugin can't be loaded.
        ConfigurationError: if what is configured for a plugin is wrong.
        RunWhileImporting: if the flow's own module is just being imported.
    """
    flow = as_flow(flow)
    made = Preparation(flow, environment, variables or {})
    return made.run(parameters or {}, labels, draft=draft, is_preview=is_preview)


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
    flow = as_flow(flow)
    parameters = all_parameters(flow, given, parameters, _ARGUMENTS)
    return prepare(
        flow, environment=environment, parameters=parameters, labels=labels, variables=variables
    ).submit()


_ARGUMENTS = ("environment", "parameters", "labels", "variables")


def execute(
    flow: Flow[..., Any] | Callable[..., Any],
    environment: Environment,
    parameters: Mapping[str, Any],
) -> FlowRun:
    """Run a flow in an environment, which takes nothing but the flow's parameters.

    Raises:
        ParameterError: if one is meant as an argument of `submit`, too.
    """
    flow = as_flow(flow)
    hint = "{}= is an argument of flowenv.submit(flow, environment=…)."
    check_misspelt(flow, parameters, _ARGUMENTS[2:], hint)
    return submit(flow, environment=environment, parameters=parameters)


def all_parameters(
    flow: Flow[..., Any],
    given: Mapping[str, Any],
    parameters: Mapping[str, Any] | None,
    own: Sequence[str],
) -> dict[str, Any]:
    """A flow's parameters, some of which are given by their names.

    Args:
        flow: the flow.
        given: those given by their names.
        parameters: the others.
        own: the names of the arguments of who is called, which may be meant.

    Raises:
        ParameterError: if one is given twice, or is near to an argument and no parameter.
    """
    if twice := given.keys() & dict(parameters or {}).keys():
        raise ParameterError(f"The parameter {min(twice)} is given twice.")
    check_misspelt(flow, given, own)
    return {**given, **(parameters or {})}


def check_misspelt(
    flow: Flow[..., Any],
    given: Iterable[str],
    own: Sequence[str],
    hint: str = "Did you mean {}=?",
) -> None:
    """What is no parameter of the flow may be meant as an argument.

    Args:
        flow: the flow.
        given: the names that are given as parameters.
        own: the names of the arguments that may be meant.
        hint: what to do, with a place for the argument's name.

    Raises:
        ParameterError: naming the argument that it is near to.
    """
    takes = flow.signature.parameters
    if any(one.kind is one.VAR_KEYWORD for one in takes.values()):
        return
    for name in given:
        if name not in takes and not closest(name, takes) and (meant := closest(name, own)):
            raise ParameterError(
                f"The flow {flow.name} has no parameter {name!r}.", hint=hint.format(meant)
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
