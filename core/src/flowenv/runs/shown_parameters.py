"""A run's parameters as others may see them: short, and without what looks like a secret."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import reprlib
import uuid
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from flowenv.redaction import redacted
from flowenv.secret import Secret

MOST, LONGEST = 1000, 60
"""Characters of all shown parameters together, and of one value."""
MORE = "…"
"""The name that stands for those for which there is no room."""
MASK = "***"

_SECRET_WORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "apikey",
    "privatekey", "accesskey", "auth", "connectionstring", "dsn",
)  # fmt: skip
_SHOWN_BY_REPR = (
    bool, int, float, complex, type(None), bytes, bytearray, range, slice,
)  # fmt: skip
_SHOWN_AS_TEXT = (decimal.Decimal, fractions.Fraction, uuid.UUID, datetime.timedelta)


class _Short(reprlib.Repr):
    """Short texts of plain values; of others only what they are, as theirs can take long."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxother, self.maxlong = 3, LONGEST, LONGEST

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, Secret):
            return MASK
        if isinstance(x, enum.Enum):
            return shortened(str(x._name_)) if x._name_ else f"<{type(x).__name__}>"
        if isinstance(x, str):
            return repr(shortened(without_secrets(str(x))))
        if isinstance(x, PurePath):
            text = shortened(without_secrets(str(x)))
            return text if text.isprintable() else repr(text)
        if isinstance(x, _SHOWN_AS_TEXT):
            return shortened(str(x))
        if isinstance(x, datetime.date | datetime.time):
            return shortened(x.isoformat())
        plain = isinstance(x, (*_SHOWN_BY_REPR, list, tuple, dict, set, frozenset))
        return super().repr1(x, level) if plain else f"<{type(x).__name__}>"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0:
            return "{...}"
        shown = [
            f"{self.repr1(key, level - 1)}: "
            f"{MASK if _is_secret(key, value) else self.repr1(value, level - 1)}"
            for key, value in list(x.items())[: self.maxdict]
        ]
        return "{" + ", ".join([*shown, *(["..."] if len(x) > self.maxdict else [])]) + "}"


def is_secret_name(name: object) -> bool:
    """True for the names that people give to what nobody else should read.

    >>> [is_secret_name(name) for name in ("db_password", "API-KEY", "n", "author")]
    [True, True, False, False]
    """
    if not isinstance(name, str):
        return False
    plain = "".join(c for c in name.lower() if c.isalnum())
    parts = {part for part in name.lower().replace("-", "_").split("_") if part}
    return any(word in plain for word in _SECRET_WORDS if word not in ("auth", "pwd", "dsn")) or (
        bool(parts & {"auth", "pwd", "dsn", "pw", "pat"})
    )


def _is_secret(name: object, value: object) -> bool:
    """Whether a value is masked by its name; a number of tokens isn't, nor that there is none."""
    if value is None or (isinstance(value, int | float) and "tokens" in str(name).lower()):
        return False
    return is_secret_name(name)


def without_secrets(text: str) -> str:
    """A text without the secrets this process has revealed, and without passwords in its URLs.

    >>> without_secrets("postgres://me:hunter2@db/prod")
    'postgres://me:***@db/prod'
    """
    import re

    return redacted(re.sub(r"(://[^/\s:@]*):[^/\s@]+@", rf"\1:{MASK}@", text))


def shortened(text: str, longest: int = LONGEST) -> str:
    """The text, or its beginning and a mark that it goes on."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def shown_parameters(parameters: Mapping[str, Any], most: int = MOST) -> dict[str, str]:
    """Parameters as texts that stand where all can read them who may list runs.

    A value is shown as Python shows it, shortened, but a date, a time, a path, a decimal number
    and the like as their plain texts, and a member of an enumeration by its name; a `Secret`, what
    has the name of one, and texts of secrets that this process has revealed are masked.

    Args:
        parameters: values by name.
        most: characters in all; `…` says how many more parameters there are.

    >>> shown_parameters({"n": 5, "password": "hunter2", "names": ["a"] * 9})
    {'n': '5', 'password': '***', 'names': "['a', 'a', 'a', 'a', 'a', 'a', ...]"}
    """
    short, found, used = _Short(), dict[str, str](), 0
    for number, (name, value) in enumerate(parameters.items()):
        text = MASK if _is_secret(name, value) else _text(short, value)
        used += len(name) + len(text)
        if used > most:
            found[MORE] = f"{len(parameters) - number} more"
            break
        found[name] = text
    return found


def _text(short: _Short, value: Any) -> str:
    try:
        return shortened(redacted(short.repr(value)))
    except Exception:  # a class of the user's own that can't be shown; it is no reason to fail
        return f"<{type(value).__name__}>"


def as_words(shown: Mapping[str, str]) -> str:
    """Shown parameters on one line.

    >>> as_words({"n": "5", "…": "3 more"})
    'n=5 … 3 more'
    """
    return " ".join(
        f"{MORE} {text}" if name == MORE else f"{name}={text}" for name, text in shown.items()
    )
