"""Secrets of `[secrets]` that nothing in the configuration uses: no flow gets them by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flowenv.contract import AUTH_TOKEN_SECRET
from flowenv.settings.configuration import Configuration


def unused_secrets(found: Configuration, more: Mapping[str, Any] | None = None) -> list[str]:
    """The names of the secrets that no variable is made of and no setting names.

    A plugin or a backend may still ask for them.

    Args:
        found: the configuration.
        more: variables of one run.
    """
    tables: list[Iterable[Any]] = [found.secret_env.values(), (more or {}).values()]
    for one in found.environments.values():
        tables += [one.env.values(), one.settings.values()]
    used = used_texts(tables)
    return [name for name in found.secrets if name not in used]


def used_texts(tables: Iterable[object]) -> set[str]:
    """The texts that may name a secret: those in settings and variables, and the token's name."""
    return {AUTH_TOKEN_SECRET, *_texts(tables)}


def how_to_use(name: str) -> str:
    """How a secret becomes a variable of flows."""
    import re

    variable = re.sub(r"\W", "_", name).upper()
    return f'[env] {variable} = {{ secret = "{name}" }} gives it to all runs.'


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(value.values())
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for one in value:
            yield from _texts(one)
