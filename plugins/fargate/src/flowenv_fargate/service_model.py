"""What ECS's operations take, from botocore's own description of the service.

botocore is imported when this is first asked; no client is made and nothing is sent.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol, cast

REGISTER = "RegisterTaskDefinition"
RUN = "RunTask"


class Shape(Protocol):
    """What this package uses of botocore's shapes."""

    type_name: str
    members: Mapping[str, Shape]
    member: Shape
    value: Shape
    required_members: list[str]


@functools.cache
def _model() -> Any:
    import botocore.session

    return botocore.session.Session().get_service_model("ecs")


@functools.cache
def parameters_of(operation: str) -> Shape:
    """The shape of an operation's parameters, as the installed botocore knows them.

    Args:
        operation: its name in the API, such as `RunTask`.
    """
    return cast(Shape, _model().operation_model(operation).input_shape)


def register_names() -> frozenset[str]:
    """The names that `register_task_definition` takes."""
    return frozenset(parameters_of(REGISTER).members)


def run_names() -> frozenset[str]:
    """The names that `run_task` takes."""
    return frozenset(parameters_of(RUN).members)
