"""One way to find a named secret: everybody who may have it is asked, in order."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

from flowenv.errors import PluginError
from flowenv.registry.registry import registry

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment
    from flowenv.secret import Secret

_asked: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("asked", default=())


def find_secret(
    name: str, environment: Environment | None = None, *, is_preview: bool = False
) -> Secret | None:
    """A named secret from the first who has it.

    Plugins are asked first, local ones before installed ones, then the environment's backend, then
    the configuration's `[secrets]`, at last `FLOWENV_SECRET_NAME`.

    Args:
        name: the secret's name, such as `auth_token`.
        environment: an environment whose backend may have it, too; by default none is asked.
        is_preview: what the hooks are told: True if a run is only shown.

    Returns:
        The secret, or None if nobody has it.

    Raises:
        ConfigurationError: if `[secrets]` names a variable or file that isn't there.
        PluginError: if a plugin gives anything but a secret, or asks for the secret that it is
            being asked for.

    >>> find_secret("db_password") is None
    True
    """
    if name in _asked.get():
        raise PluginError(
            f"A plugin asks for the secret {name} while it is asked for it.",
            hint="In flowenv_get_secret return None where you don't have one: the next is asked.",
        )
    token = _asked.set((*_asked.get(), name))
    try:
        found = registry()
        hooks = found.hooks(environment.backend) if environment else found.hooks_without_backend()
        return hooks.find_secret(name, is_preview=is_preview)[0]
    finally:
        _asked.reset(token)
