"""Secrets that were revealed stay out of the logs, whoever writes them.

A platform's library logs at DEBUG what it sends, and knows no secrets. So from the first secret on
that this process reveals, records of all loggers are made without the texts that were revealed.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import LogRecord

_SHORTEST, _LONGEST = 5, 16 * 1024
"""Characters that a text must have: shorter ones are in every log, longer ones no credentials."""
_MOST = 1000
"""How many secrets are remembered: those that were revealed last."""

_lock = threading.Lock()
_known: dict[str, frozenset[str]] = {}
"""The shapes of each secret, the one that was revealed last at the end."""
_of_length: dict[int, set[str]] = {}
"""The secrets by their lengths: no shape is shorter, so a short text is searched for few."""


def keep_out_of_logs(text: str) -> None:
    """Keep a text out of every log record that is made from now on.

    Args:
        text: a secret, which is about to be sent.
    """
    if not _SHORTEST <= len(text) <= _LONGEST:
        return
    with _lock:
        _install()
        shapes = _known.pop(text) if text in _known else frozenset(_shapes(text))
        _known[text] = shapes
        _of_length.setdefault(len(text), set()).add(text)
        while len(_known) > _MOST:
            _forget(next(iter(_known)))


def redacted(text: str) -> str:
    """A text without the secrets that were revealed.

    >>> keep_out_of_logs("correct horse")
    >>> redacted("the key is 'correct horse', in base64 Y29ycmVjdCBob3JzZQ==")
    "the key is '***', in base64 ***"
    """
    with _lock:
        long_enough = [one for length, one in _of_length.items() if length <= len(text)]
        secrets = itertools.chain.from_iterable(long_enough)
        found = {shape for secret in secrets for shape in _known[secret] if shape in text}
    for shape in sorted(found, key=len, reverse=True):  # one can stand in another
        text = text.replace(shape, "***")
    return text


def _shapes(text: str) -> set[str]:
    """A text as it may stand in what is logged of a request: encoded, quoted, escaped."""
    import base64
    import json
    from urllib.parse import quote

    encoded = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return {
        text,
        encoded,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        quote(text),
        quote(text, safe=""),
    }


def forget() -> None:
    """Forget all secrets. For tests: one's password may be a word of another's log."""
    with _lock:
        _known.clear()
        _of_length.clear()


def _forget(text: str) -> None:
    del _known[text]
    of_length = _of_length[len(text)]
    of_length.remove(text)
    if not of_length:
        del _of_length[len(text)]


def _install() -> None:
    import logging

    if not getattr(logging.getLogRecordFactory(), "_is_flowenvs", False):
        made = _without_secrets(logging.getLogRecordFactory())
        made._is_flowenvs = True  # type: ignore[attr-defined]
        logging.setLogRecordFactory(made)


def _without_secrets(make: Callable[..., LogRecord]) -> Callable[..., LogRecord]:
    def made(*args: Any, **kwargs: Any) -> LogRecord:
        record = make(*args, **kwargs)
        try:
            message = record.getMessage()
        except Exception:  # the handler reports it, as without us
            return record
        if (clean := redacted(message)) != message:
            record.msg, record.args = clean, None
        if record.exc_info and record.exc_info[0] is not None:
            _redact_traceback(record)
        return record

    return made


def _redact_traceback(record: LogRecord) -> None:
    import logging

    text = logging.Formatter().formatException(record.exc_info)  # type: ignore[arg-type]
    if (clean := redacted(text)) != text:
        record.exc_text = clean
