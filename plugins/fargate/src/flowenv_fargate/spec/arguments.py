"""The keyword arguments: which operation each is for, and what they say together."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.errors import SettingError
from flowenv.plugin import nearest
from flowenv_fargate.spec.shapes import (
    REGISTER,
    RUN,
    ParametersOf,
    Shape,
    argument_problems,
    where_to,
)

Arguments = Mapping[str, Any]

FARGATE_PROVIDERS = frozenset({"FARGATE", "FARGATE_SPOT"})


def check_arguments(
    arguments: Arguments,
    launch_type: str | None,
    parameters_of: ParametersOf,
    own: Iterable[str] = (),
) -> None:
    """Check names, and combinations that can't be meant.

    Args:
        arguments: the environment's keyword arguments.
        launch_type: the environment's.
        parameters_of: knows what the operations take.
        own: the environment's own settings, one of which may be meant.

    Raises:
        SettingError: with the nearest right name, or the next step.
    """
    shapes = {name: parameters_of(name) for name in (REGISTER, RUN)}
    known = {*shapes[REGISTER].members, *shapes[RUN].members}
    for name in arguments:
        if name not in known:
            raise SettingError(
                f"FargateTaskEnvironment has no setting {name!r}, and neither boto3's "
                "register_task_definition nor its run_task takes it.",
                hint=where_to(name, known | {*own}, shapes[REGISTER], shapes[RUN]),
            )
    check_launch_type(arguments.get("launchType"))
    for name, value in arguments.items():
        _check_shape(name, value, shapes)
    _check_run_identity(arguments)
    _check_launch(arguments, launch_type)
    _check_family(arguments, known - set(shapes[RUN].members))


def _check_shape(name: str, value: Any, shapes: Mapping[str, Shape]) -> None:
    """Check one argument's types and enumerated values as boto3 knows them."""
    if name in ("cpu", "memory") and isinstance(value, int):
        return  # ECS wants a text, and a number says the same
    operation = RUN if name in shapes[RUN].members else REGISTER
    if problems := argument_problems(name, value, shapes[operation]):
        raise SettingError(" ".join(problems), hint=f"boto3's {operation} says what it takes.")


def _check_run_identity(arguments: Arguments) -> None:
    if arguments.get("count", 1) != 1:
        raise SettingError(
            "A run is one task, so count can only be 1.", hint="Submit the flow several times."
        )
    if "clientToken" in arguments:
        raise SettingError(
            "clientToken can't be set: every run has its own, derived from the run's id.",
            hint="Leave it out; a submission is tried again without starting a second task.",
        )
    if arguments.get("containerDefinitions") == []:
        raise SettingError("containerDefinitions must be a list with the flow's container first.")


def check_launch_type(launch_type: object) -> None:
    """Check that a launch type isn't the name of a capacity provider.

    Raises:
        SettingError: with the strategy to give instead.
    """
    if launch_type == "FARGATE_SPOT":
        raise SettingError(
            "FARGATE_SPOT is no launch type but a capacity provider.",
            hint="Give capacityProviderStrategy=[{'capacityProvider': 'FARGATE_SPOT'}].",
        )


def _check_launch(arguments: Arguments, launch_type: str | None) -> None:
    given = arguments.get("launchType")
    if given is not None and given != launch_type and launch_type not in ("FARGATE", None):
        raise SettingError(
            f"launch_type is {launch_type!r} and launchType is {given!r}.", hint="Give one."
        )
    for one in arguments.get("capacityProviderStrategy") or []:
        name = str(one.get("capacityProvider"))
        # ECS lets nobody else's provider begin like this
        if name.lower().startswith("fargate") and name not in FARGATE_PROVIDERS:
            raise SettingError(
                f"There is no capacity provider {name!r}.", hint=nearest(name, FARGATE_PROVIDERS)
            )
    if given is not None and arguments.get("capacityProviderStrategy"):
        raise SettingError(
            "launchType and capacityProviderStrategy exclude each other.", hint="Give one."
        )


def _check_family(arguments: Arguments, only_registered: set[str]) -> None:
    family, existing = arguments.get("family"), arguments.get("taskDefinition")
    if family and existing and family != existing:
        raise SettingError(
            f"family is {family!r} and taskDefinition is {existing!r}: another definition would "
            "run than the one that is registered.",
            hint="Give both the same string, or only one of them.",
        )
    only = sorted(set(arguments) & only_registered)
    if existing and not family and only:
        raise SettingError(
            f"taskDefinition names the existing definition {existing!r}, and "
            f"{', '.join(only)} would need another one.",
            hint="Leave those out; or give family too, with the same string, to have a "
            "definition registered.",
        )


def uses_existing(arguments: Arguments) -> bool:
    """True if runs use a task definition as it is, and nothing is registered."""
    return bool(arguments.get("taskDefinition")) and not arguments.get("family")


def own_image(arguments: Arguments) -> str | None:
    """The image that the user's first container names, if any."""
    containers = arguments.get("containerDefinitions") or [{}]
    first = containers[0]
    return first.get("image") if isinstance(first, Mapping) else None


def launch_type_of(arguments: Arguments, launch_type: str | None) -> str | None:
    """The launch type to send; None where a capacity provider strategy takes its place.

    That may be the cluster's own: it holds where neither is sent.
    """
    if arguments.get("capacityProviderStrategy") is not None:
        return None
    return arguments.get("launchType") or launch_type


def runs_where_the_cluster_says(arguments: Arguments, launch_type: str | None) -> bool:
    """True if the cluster's default strategy decides where the task runs."""
    strategy = arguments.get("capacityProviderStrategy")
    return not strategy and launch_type_of(arguments, launch_type) is None


def runs_on_fargate(arguments: Arguments, launch_type: str | None) -> bool:
    """True if the task will, or may, run on Fargate, so its rules hold.

    Args:
        arguments: those of the definition count too where the cluster decides.
        launch_type: the environment's.
    """
    if strategy := arguments.get("capacityProviderStrategy"):
        names = {one.get("capacityProvider") for one in strategy if isinstance(one, Mapping)}
        return bool(names & FARGATE_PROVIDERS)
    if runs_where_the_cluster_says(arguments, launch_type):
        required = arguments.get("requiresCompatibilities") or ["FARGATE"]
        return arguments.get("networkMode", "awsvpc") == "awsvpc" and "FARGATE" in required
    return launch_type_of(arguments, launch_type) == "FARGATE"


def for_operation(arguments: Arguments, shape: Shape) -> dict[str, Any]:
    """A copy of the arguments that an operation takes.

    Of a list that both take, such as `placementConstraints`, an item that only the other
    operation knows is left to that one.

    Args:
        arguments: the environment's keyword arguments.
        shape: of the operation's parameters.
    """
    taken = {}
    for name, value in arguments.items():
        if name not in shape.members:
            continue
        if isinstance(value, list):
            kept = [one for one in value if not argument_problems(name, [one], shape)]
            if value and not kept:
                continue
            value = kept
        taken[name] = copy.deepcopy(value)
    return taken
