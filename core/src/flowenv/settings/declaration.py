"""Settings: one declaration feeds the constructor, TOML, the command line and the docs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_type_hints

from flowenv.errors import SettingError


def setting(
    default: Any = None,
    *,
    help: str,
    factory: Callable[[], Any] | None = None,
    secret: bool = False,
    serialized: bool = True,
    is_path: bool = False,
    kw_only: bool | None = None,
) -> Any:
    """Declare one field of an environment or executor.

    Args:
        default: the value when nobody gives one.
        help: one sentence for `--help` and the docs.
        factory: makes a mutable default, instead of `default`.
        secret: never shown, never serialised.
        serialized: False keeps the field out of `serialize()` and pickles.
        is_path: True for a file that is read where the environment is made; in a
            configuration file it is relative to that file.
        kw_only: True if the constructor takes it by keyword only; by default what the
            class says.

    >>> import dataclasses
    >>> @dataclasses.dataclass
    ... class Example:
    ...     size: int = setting(3, help="How many.")
    >>> Example().size
    3
    """
    kept = serialized and not secret
    metadata = {"help": help, "secret": secret, "serialized": kept, "is_path": is_path}
    given: dict[str, Any] = {"default_factory": factory} if factory else {"default": default}
    if kw_only is not None:
        given["kw_only"] = kw_only
    return dataclasses.field(metadata=metadata, repr=not secret, **given)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting of a class, as the command line and the docs see it."""

    name: str
    annotation: Any
    default: Any
    help: str
    secret: bool
    is_path: bool = False

    @property
    def reminder(self) -> str:
        """What the setting is, for the hint of a message on a value that it can't have."""
        return f"{self.name}: {self.help}" if self.help else ""


def settings_of(cls: type) -> list[Setting]:
    """The settings of an environment or executor class, in the constructor's order.

    >>> from flowenv.executors import LocalDaskExecutor
    >>> [one.name for one in settings_of(LocalDaskExecutor)]
    ['scheduler', 'num_workers', 'kwargs']
    """
    return [
        Setting(
            name=field.name,
            annotation=hint,
            default=_default(field),
            help=field.metadata.get("help", ""),
            secret=field.metadata.get("secret", False),
            is_path=field.metadata.get("is_path", False),
        )
        for field, hint in _fields(cls)
    ]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def fields_of(cls: type) -> list[dataclasses.Field[Any]]:
    """A dataclass's fields in its constructor's order: those by keyword only come last."""
    return sorted(dataclasses.fields(cls), key=lambda field: bool(field.kw_only))


def _fields(cls: type) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
    if not dataclasses.is_dataclass(cls):
        return
    hints = _hints(cls)
    for field in fields_of(cls):
        yield field, hints[field.name]


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """A class's annotations, evaluated once: every environment that is made needs them."""
    return get_type_hints(cls)


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that somebody most likely meant; empty if none is near."""
    import difflib

    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)), "")


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known name, or lists them all.

    >>> nearest("imge", ["image", "labels"])
    "Did you mean 'image'?"
    """
    names = sorted(known)
    if close := closest(name, names):
        return f"Did you mean {close!r}?"
    return f"Known: {', '.join(names)}." if names else ""


def check_type(
    value: object, annotation: Any, name: str, *, secret: bool = False, hint: str = ""
) -> None:
    """Check a setting's value against its annotation.

    Args:
        value: the value.
        annotation: the setting's annotation.
        name: what to call the setting in the error.
        secret: True keeps the value itself out of the error.
        hint: what it is, for the error.

    Raises:
        SettingError: naming the setting, what it is and what it should be.
    """
    from flowenv.settings.annotations import fits

    if not fits(value, annotation):
        from flowenv.settings.annotations import describe

        shown = "" if secret else f" ({value!r})"
        raise SettingError(
            f"{name} must be {describe(annotation)}, not {type(value).__name__}{shown}.", hint=hint
        )
