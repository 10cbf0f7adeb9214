"""Python objects as JSON, for payloads and serialised environments.

Data goes as `flowenv.serialization.plain_data` has it. Functions and classes go by
`module:qualname` where they can be imported, executors by class and settings. All else is pickled:
such a document can only be read by the same Python minor version, so it says so. Reading one runs
code: only for payloads, whose digest the submitter has set, and for results where the caller
asks for it.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import importlib
import inspect
import io
import sys
import types
from collections.abc import Mapping
from typing import Any

from flowenv.errors import PayloadError
from flowenv.serialization.pictures import encode_picture
from flowenv.serialization.plain_data import (
    DATA_READERS,
    EXECUTOR,
    OBJECT,
    PICKLE,
    Decode,
    Reader,
    decode_with,
    encode_data,
)


@dataclasses.dataclass
class Encoder:
    """Encodes objects for one document.

    Args:
        renamed: modules that have another name in the container, such as `__main__`.
        by_value: names of modules whose objects must be pickled, because the container
            doesn't have them.
        pictures: whether a figure goes as the picture that it shows, as in a result.

    Attributes:
        has_pickles: True once something was pickled.
        not_data: the first part that is no data, with its type; empty if all is.
    """

    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    by_value: frozenset[str] = frozenset()
    pictures: bool = False
    has_pickles: bool = False
    not_data: str = ""

    def encode(self, value: object, what: str) -> Any:
        """The value as JSON data.

        Args:
            value: any object.
            what: what it is, for the error.

        Raises:
            PayloadError: if it can neither be named nor pickled.
        """
        from flowenv.executors.base import Executor

        if isinstance(value, Executor) and dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return {
                EXECUTOR: self._name(type(value)) or self.pickle(type(value), what),
                "settings": {n: self.encode(v, f"{what}.{n}") for n, v in fields.items()},
            }
        data = encode_data(value, self.encode, what)
        if data is not NotImplemented:
            return data
        if self.pictures and (data := encode_picture(value)) is not NotImplemented:
            return data
        self.not_data = self.not_data or f"{what} is a {type(value).__qualname__}"
        if isinstance(value, enum.Enum) and (named := self._name(type(value))):
            return {OBJECT: f"{named[OBJECT]}.{value.name}"}
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
        return {OBJECT: f"{self.renamed.get(module, module)}:{qualname}"}

    def pickle(self, value: object, what: str) -> dict[str, str]:
        """The value as a pickle, which only the same Python minor version can read.

        Raises:
            PayloadError: if it can't be pickled.
        """
        try:
            data = self._dumps(value)
        except Exception as error:
            culprit = self._culprit(value) or type(value).__qualname__
            raise PayloadError(
                f"{what} can't be sent to another process: {culprit} can't be pickled ({error}).",
                hint="Make it inside the flow, or pass what it is made from.",
            ) from error
        self.has_pickles = True
        return {PICKLE: base64.b64encode(data).decode()}

    def _culprit(self, function: object, tried: tuple[object, ...] = ()) -> str:
        """The variable for which a function can't be pickled; empty if there is none."""
        if not isinstance(function, types.FunctionType):
            return ""
        try:
            used = inspect.getclosurevars(function)
        except ValueError:  # one of them has no value yet
            return ""
        tried, others = (*tried, function), []
        for name, value in {**used.globals, **used.nonlocals}.items():
            if isinstance(value, types.FunctionType):
                others.append(value)  # the same variable may be to blame
            elif not self._can_be_pickled(value):
                kind = type(value).__qualname__
                return f"the variable {name} of {function.__qualname__}, of type {kind},"
        for other in others:
            is_new = all(other is not one for one in tried)
            if is_new and not self._can_be_pickled(other) and (c := self._culprit(other, tried)):
                return c
        return ""

    def _can_be_pickled(self, value: object) -> bool:
        try:
            self._dumps(value)
        except Exception:
            return False
        return True

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


def decode(data: Any) -> Any:
    """The object that `Encoder.encode` was given.

    Raises:
        PayloadError: if a module or name is missing here, or a pickle can't be read.
    """
    return decode_with(_READERS, data)


def _read_object(data: dict[str, Any], decode: Decode) -> Any:
    module, _, qualname = data[OBJECT].partition(":")
    try:
        found = _find(importlib.import_module(module), qualname)
    except ImportError as error:
        raise PayloadError(
            f"{data[OBJECT]} can't be imported here: {error}.",
            hint="Install it in the image, or ship its file with @flow(files=[…]).",
        ) from error
    if found is None:
        raise PayloadError(f"The module {module} here has no {qualname}.")
    return found


def _read_pickle(data: dict[str, Any], decode: Decode) -> Any:
    import cloudpickle

    try:
        return cloudpickle.loads(base64.b64decode(data[PICKLE]))
    except Exception as error:
        raise PayloadError(
            f"A pickled object can't be read here: {type(error).__name__}: {error}.",
            hint="The image needs the packages that it was made with.",
        ) from error


def _read_executor(data: dict[str, Any], decode: Decode) -> Any:
    return decode(data[EXECUTOR])(**decode(data["settings"]))


_READERS: dict[str, Reader] = {
    OBJECT: _read_object,
    PICKLE: _read_pickle,
    EXECUTOR: _read_executor,
    **DATA_READERS,
}


def _find(module: Any, qualname: str) -> Any:
    found = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found
