"""From the environment and the run to the provider's finished arguments. Pure and offline."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from flowenv.errors import SpecError
from flowenv.plugin import Secret, Target
from flowenv_dask_cloud.spec.credentials import HIDDEN
from flowenv_dask_cloud.spec.providers import Provider, dotted_name
from flowenv_dask_cloud.spec.tags import cluster_name, log_prefix, run_tags

if TYPE_CHECKING:
    from flowenv.plugin import FlowRun, Process

PART = "cloud_cluster"
"""The spec's only part."""
IDLE_TIMEOUT = "300s"
"""After which a scheduler without a living flow ends, and its machine with it."""
DEATH_TIMEOUT = "60s"
"""After which a worker without a scheduler ends."""

Variables = dict[str, str | Secret]


class Settings(Protocol):
    """What the arguments take from the environment."""

    security: Any
    kwargs: dict[str, Any]

    @property
    def adapt(self) -> dict[str, Any] | None:
        """What `cluster.adapt` gets."""


def build_spec(
    environment: Settings,
    provider: Provider,
    flow_run: FlowRun,
    process: Process,
) -> dict[str, Any]:
    """The cluster as plain data: the provider, its arguments, and how the cluster scales.

    Objects that aren't plain data are shown by their dotted name or their type's; the run itself
    gets the objects.
    """
    arguments = _with_defaults(environment, provider, flow_run)
    part: dict[str, Any] = {
        "provider": provider.name,
        "arguments": arguments,
        "adapt": environment.adapt,
        "security": security_of(environment.security, provider, arguments),
    }
    _add_variables(part, provider, process)
    return {PART: shown(part)}


def _with_defaults(environment: Settings, provider: Provider, flow_run: FlowRun) -> dict[str, Any]:
    """The user's arguments, and defaults where the user has said nothing."""
    arguments: dict[str, Any] = _copied(environment.kwargs)
    facts = provider.facts
    if facts.image and flow_run.image:
        arguments.setdefault(facts.image, flow_run.image)
    if provider.accepts("skip_cleanup"):
        arguments.setdefault("skip_cleanup", True)
    if facts.family == "ecs":
        arguments.setdefault("name", cluster_name(flow_run.id))
        arguments.setdefault("cloudwatch_logs_stream_prefix", log_prefix(flow_run.id))
        arguments["tags"] = {**(arguments.get("tags") or {}), **run_tags(flow_run)}
    if facts.family == "machines" and facts.environment:
        _default_in(arguments, "scheduler_options", "idle_timeout", IDLE_TIMEOUT)
        _default_in(arguments, "worker_options", "death_timeout", DEATH_TIMEOUT)
    if facts.family == "local" and provider.accepts("dashboard_address"):
        arguments.setdefault("dashboard_address", "127.0.0.1:0")  # else every interface
    return arguments


def _default_in(arguments: dict[str, Any], name: str, key: str, value: Any) -> None:
    arguments[name] = {key: value, **(arguments.get(name) or {})}


def security_of(given: Any, provider: Provider, arguments: Mapping[str, Any]) -> str:
    """How the cluster's connections are protected, in a word.

    Raises:
        SpecError: if temporary certificates are asked for that wouldn't reach the machines.
    """
    if given is False:
        return "none"
    if given is True and provider.facts.tls is False:
        raise SpecError(
            f"A {provider.title} can't have temporary certificates: they don't reach its tasks.",
            hint="Put certificates into the image, name them in scheduler_extra_args and "
            "worker_extra_args, and give a distributed.Security with them.",
        )
    if given not in (None, True):
        return "given"
    if given is True or (provider.facts.tls and not _within_process(provider, arguments)):
        return "temporary"
    return "none" if provider.facts.family == "ecs" else "provider"


def _within_process(provider: Provider, arguments: Mapping[str, Any]) -> bool:
    """True for a cluster of threads, to which nothing connects."""
    return provider.facts.family == "local" and arguments.get("processes") is False


def _add_variables(part: dict[str, Any], provider: Provider, process: Process) -> None:
    """Put the variables where the provider takes them; what it can't take is named."""
    arguments = part["arguments"]
    argument = provider.facts.environment
    if _within_process(provider, arguments):
        argument = None
    given = arguments.get(argument) if argument else None
    workers = _merged(given, Target.WORKER, "worker", process)
    schedulers = _merged(given, Target.SCHEDULER, "scheduler", process)
    if argument is None:
        part["unset_variables"] = sorted({*workers, *schedulers})
        return
    arguments[argument] = workers
    if provider.facts.family in ("ecs", "machines"):
        part["scheduler_variables"] = schedulers
    elif provider.facts.family == "other":
        part["unset_variables"] = sorted(n for n in schedulers if schedulers[n] != workers.get(n))


def _merged(given: Any, target: Target, container: str, process: Process) -> Variables:
    if given is not None and not isinstance(given, Mapping):
        raise SpecError(
            f"The provider's environment variables must be a mapping, not {type(given).__name__}."
        )
    existing = [
        {"name": str(name), "value": value if isinstance(value, Secret) else str(value)}
        for name, value in (given or {}).items()
    ]
    values = process.variables.merge(existing, target, container).values
    for name, value in values.items():
        if isinstance(value, Secret) and value.reference:
            raise SpecError(
                f"The variable {name} is a reference to a secret, which Dask's providers can't "
                "resolve.",
                hint="Give its value, or have the flow fetch it.",
            )
    return values


def shown(value: Any) -> Any:
    """A value as plain data, for the spec."""
    if value is None or isinstance(value, str | int | float | bool | Secret):
        return value
    if isinstance(value, Mapping):
        return {str(key): shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [shown(one) for one in value]
    if isinstance(value, type) or callable(value):
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
        if module and name:
            return dotted_name(value)
    # its own words may show what it holds
    return f"{dotted_name(type(value))}({HIDDEN})"


def real(spec_value: Any, given: Any) -> Any:
    """The value that the spec shows: the user's own object, unless a plugin has changed it.

    Args:
        spec_value: what the finished spec says.
        given: what the user gave.
    """
    if isinstance(spec_value, Mapping):
        known = given if isinstance(given, Mapping) else {}
        return {key: real(one, known.get(key)) for key, one in spec_value.items()}
    if given is not None and shown(given) == spec_value:
        return _copied(given)
    return _copied(spec_value)


def _copied(value: Any) -> Any:
    """A copy of lists and mappings; other objects are the user's own."""
    if isinstance(value, Mapping):
        return {key: _copied(one) for key, one in value.items()}
    if type(value) is list:
        return [_copied(one) for one in value]
    return copy.copy(value) if isinstance(value, set) else value
