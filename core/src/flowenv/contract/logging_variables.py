"""The contract's logging variables, as a flow's process reads them."""

from __future__ import annotations

import ast
import functools

from flowenv.contract import EXTRA_LOGGERS, LOGGING_LEVEL

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LEVELS = frozenset({*LEVELS, "WARN", "FATAL", "NOTSET"})


def logging_level(text: str) -> str:
    """The level that `PREFECT__LOGGING__LEVEL` names, in capitals; INFO if it is empty.

    Raises:
        ValueError: if it names none; the message says what is wrong.

    >>> logging_level("debug")
    'DEBUG'
    """
    level = text.strip().upper() or "INFO"
    if level not in _LEVELS:
        raise ValueError(f"{text!r}, which is no logging level: {', '.join(LEVELS)}")
    return level


def extra_loggers(text: str) -> list[str]:
    """The logger names in `PREFECT__LOGGING__EXTRA_LOGGERS`, a list as Python or JSON writes it.

    Raises:
        ValueError: if it is no such list; the message says what is wrong.

    >>> extra_loggers("['sqlalchemy', 'boto3']")
    ['sqlalchemy', 'boto3']
    """
    try:
        names = ast.literal_eval(text) if text.strip() else []
    except (ValueError, SyntaxError):
        names = [part.strip() for part in text.split(",") if part.strip()]
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"{text!r}, which is no list of names")
    return list(names)


@functools.lru_cache(maxsize=64)  # all runs of a batch have the same
def problem(name: str, value: str) -> str:
    """What is wrong with a variable's value, if it is one of these; empty if nothing is.

    One that refers to others by `$(NAME)` is known in the container only.

    >>> problem("PREFECT__LOGGING__EXTRA_LOGGERS", "3")
    "'3', which is no list of names"
    """
    read = {LOGGING_LEVEL: logging_level, EXTRA_LOGGERS: extra_loggers}.get(name)
    if read is None or "$(" in value:
        return ""
    try:
        read(value)
    except ValueError as error:
        return str(error)
    return ""
