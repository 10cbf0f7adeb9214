"""Texts for people: a message joined with its hint, and what others wrote made harmless."""

from __future__ import annotations

import unicodedata


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


def counted(count: int, word: str) -> str:
    """How many of something there are, for people.

    >>> counted(1, "run"), counted(2, "run")
    ('1 run', '2 runs')
    """
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def written(value: object) -> str:
    """A value as Python writes it; of one that can't be written so, what it is.

    >>> written([1, 2]), written(10**6000)
    ('[1, 2]', '<int: its repr() raises ValueError>')
    """
    try:
        return repr(value)
    except Exception as error:  # the flow's own class, or the interpreter's limit
        return f"<{type(value).__name__}: its repr() raises {type(error).__name__}>"


_ACTING = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""The categories of characters that act or, as half of a pair, can't be encoded."""


class _Escapes(dict[int, str | int]):
    """What to show for a character: itself, or its escape where it would act, not show."""

    def __missing__(self, code: int) -> str | int:
        acts = unicodedata.category(chr(code)) in _ACTING
        self[code] = chr(code).encode("unicode_escape").decode() if acts else code
        return self[code]


_ESCAPES = _Escapes({ord("\n"): ord("\n"), ord("\t"): ord("\t")})
_ON_ONE_LINE = _Escapes()


def shown(text: str, *, lines: bool = True) -> str:
    """A text as it may be shown: nothing in it moves a cursor, changes a colour or hides a word.

    Names, labels, records and log lines come from a platform, where others write too.

    Args:
        text: any text.
        lines: False escapes line ends and tabs as well.

    >>> print(shown("a\x1b[2Jb \u202ecba"))
    a\\x1b[2Jb \\u202ecba
    """
    if text.isprintable():
        return text
    return text.translate(_ESCAPES if lines else _ON_ONE_LINE)
