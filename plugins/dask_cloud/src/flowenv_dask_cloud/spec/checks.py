"""What can be known to be wrong with a finished spec before anything is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import nearest, revealed
from flowenv_dask_cloud.spec.build import PART
from flowenv_dask_cloud.spec.providers import (
    Provider,
    load_provider,
    named_arguments,
    worker_arguments,
)

_ECS_OVERRIDES = 8192
"""Characters that RunTask's overrides may have: AWS ECS API reference, TaskOverride."""
_OTHER_OVERRIDES = 1000
"""Characters kept free for the command and the names around the variables."""
_SURELY = 0.9
"""How near a name must be to one of the environment's own settings to be taken for it, where a
constructor may take any."""
_OURS = ("asynchronous", "loop", "security")


def check_spec(spec: Mapping[str, Any], own: set[str]) -> None:
    """Check a finished spec.

    Args:
        spec: the finished spec.
        own: the names of the environment's own settings.

    Raises:
        SpecError: if an argument is unknown to the provider, ours to set, or too large.
    """
    part = spec[PART]
    provider = load_provider(part["provider"])
    check_arguments(provider, part["arguments"], own)
    if provider.facts.family == "ecs":
        for variables in (part["arguments"].get("environment"), part.get("scheduler_variables")):
            _check_ecs_size(variables or {})
    if provider.facts.family == "machines":
        _check_lines(part["arguments"].get(provider.facts.environment or "") or {})


def check_arguments(provider: Provider, arguments: Mapping[str, Any], own: set[str]) -> None:
    """Check the names of the provider's arguments.

    Raises:
        SpecError: if one can't be given.
    """
    from distributed import Scheduler

    for name in _OURS:
        if name in arguments:
            raise SpecError(
                f"{provider.title} gets its {name} from the environment, not from the arguments.",
                hint="Set security on the environment." if name == "security" else "Leave it out.",
            )
    known, others = named_arguments(provider.cls)
    if provider.facts.family == "local" and provider.accepts("worker_class"):
        workers, more = worker_arguments(arguments.get("worker_class"))
        known, others = known | workers, others or more
    for name in arguments:
        if name in known or (others and not get_close_matches(name, own, cutoff=_SURELY)):
            continue
        hint = nearest(name, known | own)
        if name in named_arguments(Scheduler)[0] and provider.accepts("scheduler_kwargs"):
            hint = "Give it in scheduler_kwargs."
        raise SpecError(f"{provider.title} has no argument {name!r}.", hint=hint)


def check_workers(provider: Provider, arguments: Mapping[str, Any], adaptive: bool) -> None:
    """Check that there will be workers: without any, a flow would wait for ever.

    Raises:
        SpecError: if the cluster would have none.
    """
    if adaptive:
        return
    import dask.config

    wanted = arguments.get("n_workers")
    if provider.facts.family == "ecs":
        wanted = wanted or dask.config.get("cloudprovider.ecs.n_workers", 0)
    # other classes have a number of their own, if none is given
    by_itself = wanted is None and provider.facts.family in ("local", "other")
    if not (wanted or by_itself):
        raise SpecError(
            f"The {provider.title} would have no workers.",
            hint="Set n_workers, or adaptive_min_workers for a cluster that grows by itself.",
        )


def _check_ecs_size(variables: Mapping[str, Any]) -> None:
    entries = [{"name": n, "value": revealed(v)} for n, v in variables.items()]
    size = len(json.dumps(entries)) + _OTHER_OVERRIDES
    if size > _ECS_OVERRIDES:
        largest = max(variables, key=lambda name: len(str(revealed(variables[name]))))
        raise SpecError(
            f"The environment variables take {size} characters of the {_ECS_OVERRIDES} that ECS "
            f"has for a task's overrides; the largest is {largest}.",
            hint="Keep large values in a file or an object store.",
        )


def _check_lines(variables: Mapping[str, Any]) -> None:
    for name, value in variables.items():
        if "\n" in str(revealed(value)):
            raise SpecError(
                f"The variable {name} has more than one line, which a machine's start-up "
                "script can't set.",
                hint="Encode it, or have the flow fetch it.",
            )
