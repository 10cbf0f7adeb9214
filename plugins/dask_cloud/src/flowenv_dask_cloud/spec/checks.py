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
    check_keys(arguments)
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


def check_keys(arguments: Mapping[str, Any]) -> None:
    """Check that an AWS key comes with its secret: it is never used with another key's.

    Raises:
        SpecError: if only one half is given.
    """
    halves = [
        name for name in ("aws_access_key_id", "aws_secret_access_key") if arguments.get(name)
    ]
    if len(halves) == 1:
        raise SpecError(
            f"{halves[0]} is given without its other half.",
            hint="Give both aws_access_key_id and aws_secret_access_key, or neither.",
        )


def check_is_protected(provider: Provider, arguments: Mapping[str, Any], security: object) -> None:
    """Check that a scheduler on AWS isn't open to everybody, unless the user says so.

    Args:
        provider: the provider.
        arguments: its finished arguments.
        security: the environment's setting; anything but None is the user's own decision.

    Raises:
        SpecError: with the words that allow it.
    """
    if provider.facts.family != "ecs" or security is not None:
        return
    if is_public(provider, arguments) and not _ecs_value(arguments, "security_groups"):
        raise SpecError(
            f"The scheduler of this {provider.title} would have a public address, and everybody "
            "could run code on it: it has no encryption, no authentication, and a security group "
            "that lets everybody in.",
            hint="Set fargate_use_private_ip=True, or security_groups=[…] of your own, and run "
            "where these addresses can be reached; security=False allows it as it is.",
        )


def is_public(provider: Provider, arguments: Mapping[str, Any]) -> bool:
    """True if a cluster's tasks get public addresses: on Fargate, unless told otherwise."""
    fargate = any(cls.__name__ == "FargateCluster" for cls in provider.cls.__mro__)
    names = ("fargate_scheduler", "fargate_workers")
    fargate = fargate or any(_ecs_value(arguments, name) for name in names)
    return fargate and not arguments.get("fargate_use_private_ip")


def _ecs_value(arguments: Mapping[str, Any], name: str) -> Any:
    """An argument of an ECSCluster, or what Dask's configuration says of it."""
    import dask.config

    given = arguments.get(name)
    return dask.config.get(f"cloudprovider.ecs.{name}", None) if given is None else given


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
