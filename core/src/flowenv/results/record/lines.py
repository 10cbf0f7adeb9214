"""Finding the records of outcomes in texts, such as a log, and reading them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flowenv.results.record.text import LIMIT, read_cut
from flowenv.states import Reason, State

MARK = "flowenv-outcome"
"""What a log line with a record begins with; the run's id comes next."""
FILES = ("files_stored", "files_logged", "files_left")
"""The fields of a record that say where the files are."""
TEXTS = ("error_class", "result_type", "stored", "logged", "left", "message", "hint", "traceback")
"""Its other fields that are texts."""


def fields_of(line: str, run_id: str) -> dict[str, Any] | None:
    """A record's fields, as `Outcome` takes them; None if it is no record of this run.

    Args:
        line: what may be one.
        run_id: the run.
    """
    if not line.lstrip().startswith("{") or len(line) > LIMIT:
        return None
    is_cut = False
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data, is_cut = read_cut(line.lstrip()), True
    try:
        if data.get("run") != run_id:
            return None
        reason = Reason(data["reason"]) if data.get("reason") else None
        state = State(data["state"])
    except (ValueError, KeyError, AttributeError):
        return None
    if not state.is_final:
        return None
    texts = {n: str(data.get(n, "")) for n in (*TEXTS, *FILES, "proof")}
    has_result = "result" in data and not is_cut
    return {
        **texts,
        "state": state,
        "result": data["result"] if has_result else None,
        "has_result": has_result,
        "reason": reason,
        "ran": _seconds(data.get("ran")),
        "installed": _seconds(data.get("installed")),
        "clustered": _seconds(data.get("clustered")),
        "is_cut": is_cut,
    }


_LATEST = 16_725_225_600.0
"""The year 2500, in seconds since 1970."""


def _seconds(data: object) -> tuple[float, ...]:
    """A moment and how long something took, if a record tells that."""
    if not isinstance(data, list) or len(data) != 2:
        return ()
    if not all(isinstance(one, int | float) and 0 <= one < _LATEST for one in data):
        return ()
    return tuple(float(one) for one in data)


def records_in(text: str, run_id: str) -> Iterator[tuple[str, bool]]:
    """What may be records, the last first, and whether each is a whole line.

    A flow may have printed something without a line end before its process wrote the record.
    """
    lines, mark = text.strip("\n").split("\n"), f"{MARK} {run_id} "
    if len(lines) == 1 and not text.startswith(MARK):
        yield text, True
    for line in reversed(lines):
        at = line.find(mark)
        while at >= 0:
            yield line[at + len(mark) :], at == 0
            at = line.find(mark, at + 1)


def is_outcome_line(line: str) -> bool:
    """True for a log line that only carries a record; logs shown to people leave it out.

    >>> is_outcome_line("epoch 3: loss 0.25")
    False
    """
    return line.startswith(MARK + " ")
