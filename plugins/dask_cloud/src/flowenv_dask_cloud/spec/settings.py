"""Checks what the user sets by itself, without the provider's library."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from flowenv.errors import SettingError
from flowenv_dask_cloud.spec.provider_names import AN_EXAMPLE, check_can_be_named, check_dotted_name

OnExecute = Callable[[dict[str, Any], dict[str, Any]], object]


def check_provider(provider: Any) -> None:
    """Check that a provider's class is one, or a name that can be one's.

    Raises:
        SettingError: saying what is wrong.
    """
    if isinstance(provider, str):
        check_dotted_name(provider)
        return
    deploy = sys.modules.get("distributed.deploy.cluster")
    if not isinstance(provider, type) or deploy is None or not issubclass(provider, deploy.Cluster):
        raise SettingError(
            f"provider_class must be a Dask Cluster class or its dotted name, not {provider!r}.",
            hint=AN_EXAMPLE,
        )
    check_can_be_named(provider)


def check_security(security: Any) -> None:
    """Check that `security` is a `distributed.Security`, true, false or None.

    Raises:
        SettingError: saying what is wrong.
    """
    if security is None or isinstance(security, bool):
        return
    module = sys.modules.get("distributed.security")
    if module is None or not isinstance(security, module.Security):
        raise SettingError(
            f"security must be a distributed.Security, true or false, not "
            f"{type(security).__name__}."
        )


def check_on_execute(function: OnExecute | None) -> None:
    """Check that `on_execute` can be called as it will be.

    Raises:
        SettingError: saying what is wrong.
    """
    if function is None:
        return
    try:
        inspect.signature(function).bind({}, {})
    except TypeError as error:
        raise SettingError(
            f"on_execute can't be called with two arguments: {error}.",
            hint="It gets the flow's parameters and the provider's arguments: "
            "def on_execute(parameters, provider_kwargs).",
        ) from error
    except ValueError:  # a builtin without a signature
        return


def check_workers(minimum: int | None, maximum: int | None) -> None:
    """Check the limits of an adaptive cluster.

    Raises:
        SettingError: saying what is wrong.
    """
    if minimum is not None and minimum < 0:
        raise SettingError(f"adaptive_min_workers must be 0 or more, not {minimum}.")
    if maximum is None:
        return
    if minimum is None:
        raise SettingError(
            "adaptive_max_workers is set, but adaptive_min_workers isn't.",
            hint="Set adaptive_min_workers, to 0 for a cluster that shrinks to nothing.",
        )
    if maximum < max(minimum, 1):
        raise SettingError(
            f"adaptive_max_workers is {maximum}; it must be at least 1 and at least "
            f"adaptive_min_workers ({minimum})."
        )
