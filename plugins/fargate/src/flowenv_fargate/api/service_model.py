"""What ECS's operations take, from botocore's own description of the service.

botocore is imported when this is first asked; no client is made and nothing is sent.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def _model() -> Any:
    import botocore.session

    return botocore.session.Session().get_service_model("ecs")


@functools.cache
def parameters_of(operation: str) -> Any:
    """The shape of an operation's parameters, as the installed botocore knows them.

    Args:
        operation: its name in the API, such as `RunTask`.
    """
    return _model().operation_model(operation).input_shape
