"""Settings that are secrets: read as their text, kept so that nothing which lists them shows it.

Whoever prints `vars(environment)`, a debugger or an error reporter sees `Secret('***')`.
"""

from __future__ import annotations

from typing import Any

from flowenv.secret import Secret
from flowenv.settings.declaration import fields_of


class HiddenValue:
    """An attribute whose text is kept as a Secret, and comes out as text.

    Args:
        name: the attribute's.
        default: what it is where nobody has set it.
    """

    def __init__(self, name: str, default: Any) -> None:
        self._name = name
        self._default = default

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self._default
        value = owner.__dict__.get(self._name, self._default)
        return value.reveal() if isinstance(value, Secret) else value

    def __set__(self, owner: Any, value: Any) -> None:
        hide = isinstance(value, str) and value
        owner.__dict__[self._name] = Secret(value) if hide else value


class HiddenItems(dict[str, Any]):
    """A dict whose values its `repr` doesn't show: anything may be among them.

    >>> HiddenItems({"password": "s3cr3t", "image": "repo/flow:1"})
    {'password': '***', 'image': '***'}
    """

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "***"))

    def __copy__(self) -> HiddenItems:
        return HiddenItems(self)


class HiddenTexts(HiddenItems):
    """A dict whose `repr` shows only what can be no credential: numbers, and how they are nested.

    >>> HiddenTexts({"n_workers": 2, "token": "s3cr3t", "scheduler": {"port": 0}})
    {'n_workers': 2, 'token': '***', 'scheduler': {'port': 0}}
    """

    def __repr__(self) -> str:
        return repr({name: _without_texts(value) for name, value in self.items()})

    def __copy__(self) -> HiddenTexts:
        return HiddenTexts(self)


def _without_texts(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | Secret):
        return value
    if isinstance(value, dict):
        return {name: _without_texts(one) for name, one in value.items()}
    return [_without_texts(one) for one in value] if isinstance(value, list) else "***"


def hide_secrets(environment: Any) -> None:
    """Keep an environment's secret settings as Secrets, from now on whoever sets them."""
    kind = type(environment)
    for field in fields_of(kind):
        if not field.metadata.get("secret"):
            continue
        if not isinstance(kind.__dict__.get(field.name), HiddenValue):
            # not before: `dataclass` puts the default there after the class is made
            setattr(kind, field.name, HiddenValue(field.name, field.default))
        setattr(environment, field.name, environment.__dict__.get(field.name, field.default))
