"""Which attributes of a kit's subclass are flags, so that a misspelt one isn't ignored."""

from __future__ import annotations

import dataclasses

from flowenv.environments.capabilities import Capabilities
from flowenv.settings.declaration import nearest

_OF_PYTEST = "pytestmark"


def check_flags(kit: type) -> None:
    """Check that the class's own public values are flags that the kit knows.

    Methods, fixtures and properties are the author's business, as are names that begin with an
    underscore or have a capital, and what is set on `self`.

    Args:
        kit: a class that has just been made.

    Raises:
        TypeError: if one isn't known; it names the nearest that is.
    """
    known = {one.name for one in dataclasses.fields(Capabilities)}
    known |= {name for base in kit.__mro__[1:] for name in vars(base) if _is_flag(base, name)}
    for name in vars(kit):
        if _is_flag(kit, name) and name not in known:
            own = f"A value of your own is _{name}, or set on self."
            raise TypeError(
                f"{kit.__name__}.{name} is no flag of the kit. {nearest(name, known)} {own}"
            )


def _is_flag(owner: type, name: str) -> bool:
    if name.startswith(("_", "test_")) or not name.islower() or name == _OF_PYTEST:
        return False
    value = vars(owner)[name]
    return not callable(value) and not hasattr(type(value), "__get__")
