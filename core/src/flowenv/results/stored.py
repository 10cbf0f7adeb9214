"""Results that no record has room for: written where the flow runs, read by who wants them.

A record says that there is one and what its SHA-256 is; where it is, the reader knows by itself.
"""

from __future__ import annotations

from typing import Any

from flowenv.errors import PlatformError
from flowenv.results.document import digest, read_content
from flowenv.results.object_urls import Kept, object_url
from flowenv.serialization import storage


def store_result(base: str, run_id: str, content: bytes) -> str:
    """Store a flow's result.

    Args:
        base: the `results_url`.
        run_id: the run.
        content: the result's document.

    Returns:
        The SHA-256 of what was stored.

    Raises:
        PlatformError: if it can't be written.
    """
    storage.write(object_url(base, run_id, Kept.RESULT), content)
    return digest(content)


def read_result(
    base: str, run_id: str, sha256: str, *, allow_pickle: bool = False, part: str = ""
) -> Any:
    """Read a stored result.

    Args:
        base: the `results_url` of who reads.
        run_id: the run.
        sha256: what the record says of it.
        allow_pickle: whether what is no data is read too, which runs the code in it.
        part: the first part that is no data, as the record tells it; for errors.

    Raises:
        ResultUnavailable: if the result is no data, and only data may be read.
        PlatformError: if it can't be read, or is another than the record tells of.
    """
    place = object_url(base, run_id, Kept.RESULT)
    content = storage.read(place)
    if digest(content) != sha256:
        raise PlatformError(
            f"{place} isn't the result that the run {run_id} has stored: its SHA-256 is another.",
            hint="Somebody has written there since, or results_url here is another than there.",
        )
    return read_content(content, run_id, f"at {place}", allow_pickle=allow_pickle, part=part)
