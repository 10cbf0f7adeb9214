"""How a message and its hint are joined to one text."""

from __future__ import annotations


def sentences(message: str, hint: str = "") -> str:
    """A message and what to do about it as one text, with a full stop between them.

    A message may end in the platform's own words, which have none.

    >>> sentences("Connection refused", "Is the port right?")
    'Connection refused. Is the port right?'
    """
    text = message.rstrip()
    if text.endswith("..") and not text.endswith("..."):
        text = text[:-1]
    if not hint:
        return text
    stop = "" if not text or text.endswith((".", "!", "?", ":", "…")) else "."
    return f"{text}{stop} {hint}".lstrip()
