"""What hooks may make of a spec: plain data, changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowenv.errors import PluginError, SpecError
from flowenv.secret import Secret, SecretDocument


def check_built(spec: object, owner: str) -> None:
    """Check what a backend's `flowenv_build_spec` gave.

    Raises:
        PluginError: if it is no spec.
        SpecError: if it is no plain data.
    """
    if not isinstance(spec, dict):
        raise PluginError(
            f"{owner} builds no spec in flowenv_build_spec, but gives {type(spec).__name__}.",
            hint="Its flowenv_build_spec returns the request as plain data: a dict of its parts.",
        )
    check_spec(spec, owner, "flowenv_build_spec")


def check_modified(returned: object, spec: dict[str, Any], plugin: str) -> None:
    """Check what a plugin's `flowenv_modify_spec` did: only what it did in place counts.

    Raises:
        PluginError: if it returned another spec.
        SpecError: if its changes are no plain data.
    """
    if returned is not None and returned is not spec:
        raise PluginError(
            f"{plugin} returned {type(returned).__qualname__} from flowenv_modify_spec, which "
            "nobody looks at.",
            hint="Change the spec in place, and return nothing.",
        )
    check_spec(spec, plugin, "flowenv_modify_spec")


def check_spec(spec: object, maker: str, hook: str) -> None:
    """Check that a spec is plain data.

    Args:
        spec: the spec.
        maker: who made it, or changed it.
        hook: in which hook.

    Raises:
        SpecError: naming the place that isn't, and who made it.
    """
    try:
        check_plain(spec, "spec")
    except SpecError as error:
        message = f"{maker} made a wrong spec in {hook}: {error.message}"
        raise SpecError(message, hint=error.hint) from None


_PLAIN = frozenset({type(None), str, int, float, bool, bytes, Secret, SecretDocument})


def _is_plain(value: Any) -> bool:
    """True if there is nothing to look for: where it would stand takes longer to say."""
    kind = type(value)
    if kind is dict:
        return all(type(key) is str and _is_plain(one) for key, one in value.items())
    if kind is list or kind is tuple:
        return all(map(_is_plain, value))
    return kind in _PLAIN


def check_plain(value: object, where: str) -> None:
    """Check that a spec is plain data (or Secrets), which any process can send.

    Raises:
        SpecError: naming the place that isn't.
    """
    if _is_plain(value) or isinstance(value, str | int | float | bool | bytes | Secret):
        return
    if isinstance(value, Mapping):
        for key, one in value.items():
            if not isinstance(key, str):
                raise SpecError(
                    f"{where} has a key that is no string: {key!r}.", hint="Put it in quotes."
                )
            check_plain(one, f"{where}.{key}")
        return
    if isinstance(value, list | tuple):
        for index, one in enumerate(value):
            check_plain(one, f"{where}[{index}]")
        return
    raise SpecError(
        f"{where} is a {type(value).__qualname__}, which is no plain data.",
        hint="A spec holds strings, numbers, lists and mappings.",
    )
