"""Credentials among a provider's arguments, of whichever provider: guarded, masked, left out.

No list can have all of them, so what counts is how they are called, and how they look; and what
isn't known to be harmless isn't shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowenv.plugin import Secret

_CALLED_SO = re.compile(
    r"secret|passw|passphrase|token|credential|private_?key|api_?key|access_?key|account_?key"
    r"|(^|_)auth(_|$)|authori[sz]ation|(^|_)key$|(^|_)pat$|(^|_)sas(_|$)|signature"
    r"|conn(ection)?_?str|kubeconfig",
    re.IGNORECASE,
)
_NOT_THOSE = frozenset({"auth_url", "auth_type"})
_LOOKS_SO = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[A-Z0-9]{12,}|\bgh[pousr]_\w{20,}|://[^/\s:@]*:[^/\s@]+@"
)
_HARMLESS = frozenset(
    {
        *("region_name", "region", "zone", "availability_zone", "location", "resource_group"),
        *("image", "docker_image", "name", "cluster_arn", "vpc", "vnet", "subnets"),
        *("security_group", "security_groups", "instance_type", "machine_type", "vm_size"),
        *("worker_class", "interval", "memory_limit", "idle_timeout", "death_timeout"),
    }
)
"""Arguments whose text is shown."""
HIDDEN = "***"


def is_credential(name: str) -> bool:
    """Whether an argument, or a key in one, is called as credentials are.

    >>> [is_credential(one) for one in ("auth", "aws_session_token", "image")]
    [True, True, False]
    """
    return name not in _NOT_THOSE and bool(_CALLED_SO.search(name))


def guarded(name: str, value: Any, *, inside: bool = False) -> Any:
    """A value in which every text that is, or looks like, a credential is a Secret.

    Args:
        name: of the argument, or the key in one.
        value: what was given.
        inside: True within a credential, of which all texts count.

    >>> guarded("auth", {"user": "me", "retries": 3})
    {'user': Secret('***'), 'retries': 3}
    """
    inside = inside or is_credential(name)
    if isinstance(value, Mapping):
        return {key: guarded(str(key), one, inside=inside) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(guarded("", one, inside=inside) for one in value)
    if isinstance(value, str) and value and (inside or _LOOKS_SO.search(value)):
        return Secret(value)
    return value


def without_credentials(value: Any, *, inside: bool = False) -> Any:
    """A copy that may be written down: without Secrets, and without what credentials hold.

    Args:
        value: arguments as `guarded` gave them.
        inside: True within a credential.
    """
    if isinstance(value, Mapping):
        kept = {}
        for key, one in value.items():
            secret = inside or is_credential(str(key))
            if not _is_left_out(one, secret):
                kept[key] = without_credentials(one, inside=secret)
        return kept
    if type(value) in (list, tuple):
        kept_items = (one for one in value if not _is_left_out(one, inside))
        return type(value)(without_credentials(one, inside=inside) for one in kept_items)
    return value


def _is_left_out(value: Any, inside: bool) -> bool:
    # numbers and the like in a credential are harmless; an object can hold anything
    harmless = value is None or isinstance(value, bool | int | float | Mapping | list | tuple)
    return isinstance(value, Secret) or (inside and not harmless)


def masked(value: Any, name: str = "") -> Any:
    """A copy that may be shown: texts and objects only where they are known to be harmless."""
    if value is None or isinstance(value, bool | int | float | Secret | type):
        return value
    if isinstance(value, Mapping):
        return {key: masked(one, str(key)) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(masked(one, name) for one in value)
    return value if isinstance(value, str) and name in _HARMLESS else HIDDEN
