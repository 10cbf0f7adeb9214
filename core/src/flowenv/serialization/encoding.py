"""Python objects as JSON, for payloads and serialised environments.

Plain data stays as it is. Functions and classes go by `module:qualname` where they can be
imported, executors by class and settings. All else is pickled: such a document can only be
read by the same Python minor version, so it says so.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import enum
import importlib
import io
import json
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flowenv.errors import PayloadError

_OBJECT, _PICKLE, _EXECUTOR, _PLAIN = "$object", "$pickle", "$executor", "$plain"
_TEXT, _ITEMS = "$text", "$items"
_MARKS = frozenset({_OBJECT, _PICKLE, _EXECUTOR, _PLAIN, _TEXT, _ITEMS})

_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "path": Path,
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "bytes": base64.b64decode,
}
_TO_TEXT: dict[type, tuple[str, Callable[[Any], str]]] = {
    type(Path()): ("path", str),
    datetime.datetime: ("datetime", datetime.datetime.isoformat),
    datetime.date: ("date", datetime.date.isoformat),
    datetime.time: ("time", datetime.time.isoformat),
    bytes: ("bytes", lambda data: base64.b64encode(data).decode()),
}
"""Values that travel as text, so that they can be read by any Python."""

_COLLECTIONS: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset}


@dataclasses.dataclass
class Encoder:
    """Encodes objects for one document.

    Args:
        renamed: modules that have another name in the container, such as `__main__`.
        by_value: names of modules whose objects must be pickled, because the container
            doesn't have them.
    """

    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    by_value: frozenset[str] = frozenset()
    has_pickles: bool = False

    def encode(self, value: object, what: str) -> Any:
        """The value as JSON data.

        Args:
            value: any object.
            what: what it is, for the error.

        Raises:
            PayloadError: if it can neither be named nor pickled.
        """
        from flowenv.executors.base import Executor

        if is_plain(value):
            return value
        if type(value) in _TO_TEXT:
            kind, to_text = _TO_TEXT[type(value)]
            return {_TEXT: kind, "value": to_text(value)}
        if isinstance(value, Executor) and dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return {
                _EXECUTOR: self._name(type(value)) or self.pickle(type(value), what),
                "settings": {n: self.encode(v, f"{what}.{n}") for n, v in fields.items()},
            }
        if isinstance(value, dict) and all(isinstance(k, str) for k in value):
            inner = {k: self.encode(v, f"{what}[{k!r}]") for k, v in value.items()}
            return {_PLAIN: inner} if _MARKS & inner.keys() else inner
        if type(value) is list:
            return [self.encode(v, f"{what}[{i}]") for i, v in enumerate(value)]
        if isinstance(value, tuple | set | frozenset) and type(value) in _COLLECTIONS.values():
            items = [self.encode(v, f"{what}[{i}]") for i, v in enumerate(value)]
            # a set has no order of its own, but the same run gives the same bytes
            ordered = items if type(value) is tuple else sorted(items, key=to_json_bytes)
            return {_ITEMS: type(value).__name__, "value": ordered}
        if isinstance(value, enum.Enum) and (named := self._name(type(value))):
            return {_OBJECT: f"{named[_OBJECT]}.{value.name}"}
        if callable(value) and (named := self._name(value)):
            return named
        return self.pickle(value, what)

    def _name(self, value: Any) -> dict[str, str] | None:
        module = getattr(value, "__module__", None)
        qualname = getattr(value, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(qualname, str) or "<" in qualname:
            return None
        if module in self.by_value:
            return None
        if module == "__main__" and module not in self.renamed:
            return None
        if _find(sys.modules.get(module), qualname) is not value:
            return None
        return {_OBJECT: f"{self.renamed.get(module, module)}:{qualname}"}

    def pickle(self, value: object, what: str) -> dict[str, str]:
        """The value as a pickle, which only the same Python minor version can read.

        Raises:
            PayloadError: if it can't be pickled.
        """
        try:
            data = self._dumps(value)
        except Exception as error:
            raise PayloadError(
                f"{what} can't be sent to another process: {type(value).__qualname__} "
                f"can't be pickled ({error}).",
                hint="Make it inside the flow, or pass what it is made from.",
            ) from error
        self.has_pickles = True
        return {_PICKLE: base64.b64encode(data).decode()}

    def _dumps(self, value: object) -> bytes:
        import cloudpickle

        class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
            """Pickles what has another name in the container by that name.

            By value, as cloudpickle does with `__main__`, a parameter's class would be another
            than the one that the flow knows.
            """

            def reducer_override(pickler, obj: Any) -> Any:
                is_named = isinstance(obj, type | types.FunctionType)
                if is_named and obj.__module__ in self.renamed and (name := self._name(obj)):
                    return decode, (name,)
                return super().reducer_override(obj)

        with io.BytesIO() as file:
            Pickler(file).dump(value)
            return file.getvalue()


def is_plain(value: object) -> bool:
    """True if the value is JSON data that reads back as exactly the same.

    >>> is_plain({"a": [1, None]}), is_plain((1, 2)), is_plain({1: 2})
    (True, False, False)
    """
    if value is None or type(value) in (str, int, bool):
        return True
    if type(value) is float:
        return value == value and abs(value) != float("inf")
    if type(value) is list:
        return all(is_plain(one) for one in value)
    if type(value) is dict:
        return not (_MARKS & value.keys()) and all(
            type(k) is str and is_plain(v) for k, v in value.items()
        )
    return False


def decode(data: Any) -> Any:
    """The object that `Encoder.encode` was given.

    Raises:
        PayloadError: if a module or name is missing here, or a pickle can't be read.
    """
    if isinstance(data, list):
        return [decode(one) for one in data]
    if not isinstance(data, dict):
        return data
    for mark, read in _READERS.items():
        if mark in data:
            return read(data)
    return {name: decode(value) for name, value in data.items()}


def _read_object(data: dict[str, Any]) -> Any:
    module, _, qualname = data[_OBJECT].partition(":")
    try:
        found = _find(importlib.import_module(module), qualname)
    except ImportError as error:
        raise PayloadError(
            f"{data[_OBJECT]} can't be imported here: {error}.",
            hint="Install it in the image, or ship its file with @flow(files=[…]).",
        ) from error
    if found is None:
        raise PayloadError(f"The module {module} here has no {qualname}.")
    return found


def _read_pickle(data: dict[str, Any]) -> Any:
    import cloudpickle

    try:
        return cloudpickle.loads(base64.b64decode(data[_PICKLE]))
    except Exception as error:
        raise PayloadError(
            f"A pickled object can't be read here: {type(error).__name__}: {error}.",
            hint="The image needs the packages that it was made with.",
        ) from error


def _read_executor(data: dict[str, Any]) -> Any:
    return decode(data[_EXECUTOR])(**decode(data["settings"]))


def _read_plain(data: dict[str, Any]) -> Any:
    return {name: decode(value) for name, value in data[_PLAIN].items()}


def _read_text(data: dict[str, Any]) -> Any:
    return _FROM_TEXT[data[_TEXT]](data["value"])


def _read_items(data: dict[str, Any]) -> Any:
    return _COLLECTIONS[data[_ITEMS]](decode(data["value"]))


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    _OBJECT: _read_object,
    _PICKLE: _read_pickle,
    _EXECUTOR: _read_executor,
    _PLAIN: _read_plain,
    _TEXT: _read_text,
    _ITEMS: _read_items,
}


def _find(module: Any, qualname: str) -> Any:
    found = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def to_json_bytes(data: Any) -> bytes:
    """A document as compact JSON bytes, the same for the same data."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes JSON's own escape
