"""The outcome record as text: small enough for its place, and what a cut one still says."""

from __future__ import annotations

import json
from typing import Any

LIMIT = 4096
"""The most bytes a record may have: what a Kubernetes termination message holds
(https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/)."""

_LINE_ENDS = ("\x85", "\u2028", "\u2029")
_FIRST_CUT = {
    "message": 2000,
    "hint": 500,
    "error_class": 200,
    "result_type": 200,
    "left": 300,
    "files_left": 300,
    "traceback": 2000,
}


def dump(data: dict[str, Any]) -> bytes:
    """The record as one line of JSON."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    # a log may be split at these; a lone surrogate, as in a file's odd name, has no UTF-8
    for mark in _LINE_ENDS:
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "backslashreplace")


def dump_shortened(data: dict[str, Any], limit: int) -> bytes:
    """The record, with its texts cut until it fits, the longest first."""
    data = {n: _cut(n, v, _FIRST_CUT[n]) if n in _FIRST_CUT else v for n, v in data.items()}
    record = dump(data)
    while len(record) > limit:
        longest = max(_FIRST_CUT.keys() & data.keys(), key=lambda n: len(data[n]), default="")
        if not longest or len(data[longest]) <= 1:
            return record
        data[longest] = _cut(longest, data[longest], len(data[longest]) // 2)
        record = dump(data)
    return record


def _cut(name: str, text: str, length: int) -> str:
    if len(text) <= length:
        return text
    # what a traceback says comes at its end
    return "…" + text[1 - length :] if name == "traceback" else text[: length - 1] + "…"


def read_cut(text: str) -> dict[str, Any]:
    """The entries of a record that its platform has cut, as far as they are there.

    A text that was cut ends in an ellipsis; any other value that was cut is left out.

    >>> read_cut('{"run":"1","state":"Failed","message":"no such fi')
    {'run': '1', 'state': 'Failed', 'message': 'no such fi…'}
    """
    decoder, found, at = json.JSONDecoder(), dict[str, Any](), 1
    name, begun = "", 0
    try:
        while True:
            name, at = decoder.raw_decode(text, at)
            begun = at + 1
            value, at = decoder.raw_decode(text, begun)
            if text[at] not in ",}":
                return found
            found[str(name)] = value
            begun, at = 0, at + 1
    except (ValueError, IndexError, RecursionError):
        if begun and text[begun : begun + 1] == '"':
            found[str(name)] = _rest_of_text(text[begun:])
        return found


def _rest_of_text(begun: str) -> str:
    """A JSON text without its end; half an escape at the end is left out."""
    for dropped in range(7):
        try:
            return str(json.loads(begun[: len(begun) - dropped] + '"')) + "…"
        except ValueError:
            continue
    return "…"
