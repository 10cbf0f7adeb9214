"""The values of `-s`: settings of an environment, or keys in them however deep."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_origin

from flowenv.cli.arguments.options import split
from flowenv.errors import ConfigurationError
from flowenv.settings.annotations import describe, fits
from flowenv.settings.declaration import Setting, nearest, settings_of
from flowenv.settings.values import parse
from flowenv.submission.named_environments import load_setting, read_setting

if TYPE_CHECKING:
    from flowenv.environments.environment import Environment

_STEP = re.compile(r'"([^"]+)"|([^."]+)')


def parse_settings(
    environment: type[Environment], items: Sequence[str], before: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of `-s`, read as the settings' annotations say.

    Args:
        environment: whose settings.
        items: `FIELD=VALUE`, or `FIELD.KEY=VALUE` for one key of a mapping, or for a key of a
            mapping in it; a key with a dot in it stands in double quotes.
        before: the settings so far, to which keys are added.

    Raises:
        ConfigurationError: naming the item, if there is no such setting or it doesn't parse.
    """
    known = {one.name: one for one in settings_of(environment)}
    values: dict[str, Any] = {}
    for path, text in split(items, "-s", "FIELD=VALUE").items():
        name, *keys = _steps(path)
        if name not in known and not environment.takes_any_setting:
            raise ConfigurationError(
                f"-s {path}: {environment.__name__} has no setting {name!r}.",
                hint=nearest(name, list(known)),
            )
        setting = known.get(name)
        if keys:
            table = _table_of(setting, values.get(name, before.get(name)), path)
            value = _parse_item(text, setting if len(keys) == 1 else None, path)
            values[name] = _with_key(table, [name], keys, value, path)
        else:
            values[name] = (
                read_setting(setting, text, f"-s {path}") if setting else parse(text, Any)
            )
    if isinstance(values.get("executor"), Mapping):
        values["executor"] = load_setting(values["executor"], known["executor"], "-s executor")
    return values


def _steps(path: str) -> list[str]:
    """The parts of a path.

    >>> _steps('metadata.labels."app.kubernetes.io/name"')
    ['metadata', 'labels', 'app.kubernetes.io/name']
    """
    steps = [quoted or plain for quoted, plain in _STEP.findall(path)]
    if not re.fullmatch(rf"(?:{_STEP.pattern})(?:\.(?:{_STEP.pattern}))*", path):
        raise ConfigurationError(
            f"-s {path}: this is no FIELD.KEY.", hint='A key with a dot in it is quoted: a."b.c"=1'
        )
    return steps


def _table_of(setting: Setting | None, table: Any, path: str) -> Any:
    """The mapping that keys are added to, so far.

    Raises:
        ConfigurationError: if the setting can't be one.
    """
    if setting is None:
        return table
    if setting.name == "executor":  # it is made anew, of these keys alone
        return table if isinstance(table, Mapping) else {}
    if not fits({}, setting.annotation):
        wanted = describe(setting.annotation)
        raise ConfigurationError(f"-s {path}: {setting.name} must be {wanted}, which has no keys.")
    return table


def _parse_item(text: str, setting: Setting | None, path: str) -> Any:
    """A value in a mapping, as the mapping's annotation says, if it says anything."""
    wanted: Any = Any
    for one in (setting.annotation, *get_args(setting.annotation)) if setting else ():
        origin, arguments = get_origin(one), get_args(one)
        if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
            wanted = arguments[1]
    try:
        return parse(text, wanted)
    except ValueError as error:
        # who can say what a mapping's key is for: it may be a password's
        raise ConfigurationError(f"-s {path}=***: {error}.") from None


def _with_key(
    table: Any, before: Sequence[str], keys: Sequence[str], value: Any, path: str
) -> dict[str, Any]:
    """A copy of a table with one more value in it, or in a table in it."""
    if table is not None and not isinstance(table, Mapping):
        raise ConfigurationError(
            f"-s {path}: {'.'.join(before)} is no table, so it has no key {keys[0]!r}."
        )
    key, *rest = keys
    if rest:
        value = _with_key((table or {}).get(key), [*before, key], rest, value, path)
    return {**(table or {}), key: value}
