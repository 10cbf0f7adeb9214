"""What ECS's operations take, from botocore's own description of the service.

botocore is imported when this is first asked; no client is made, nothing is sent, and nobody's
profile or credentials are read.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def _model() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("ecs", "service-2"), service_name="ecs")


@functools.cache
def parameters_of(operation: str) -> Any:
    """The shape of an operation's parameters, as the installed botocore knows them.

    Args:
        operation: its name in the API, such as `RunTask`.
    """
    return _model().operation_model(operation).input_shape
