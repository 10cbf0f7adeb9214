"""Results that no record has room for: written where the flow runs, read by who wants them.

A record says that there is one and what its SHA-256 is; where it is, the reader knows by itself.
"""

from __future__ import annotations

import hashlib
from typing import Any

from flowenv.errors import PayloadError, PlatformError, ResultUnavailable
from flowenv.runs.object_urls import result_object
from flowenv.serialization import storage
from flowenv.serialization.plain_data import NotData, decode_data, from_json, to_json_bytes


def store_result(base: str, run_id: str, value: object) -> str:
    """Store a flow's result, as data if it is some.

    Args:
        base: the `results_url`.
        run_id: the run.
        value: the result.

    Returns:
        The SHA-256 of what was stored.

    Raises:
        PayloadError: if the result can't leave its process.
        PlatformError: if it can't be written.
    """
    from flowenv.serialization.encoding import Encoder

    content = to_json_bytes(Encoder().encode(value, "The flow's result"))
    storage.write(result_object(base, run_id), content)
    return hashlib.sha256(content).hexdigest()


def read_result(base: str, run_id: str, sha256: str, *, allow_pickle: bool = False) -> Any:
    """Read a stored result.

    Args:
        base: the `results_url` of who reads.
        run_id: the run.
        sha256: what the record says of it.
        allow_pickle: whether what is no data is read too, which runs the code in it.

    Raises:
        ResultUnavailable: if the result is no data, and only data may be read.
        PlatformError: if it can't be read, or is another than the record tells of.
    """
    place = result_object(base, run_id)
    content = storage.read(place)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise PlatformError(
            f"{place} isn't the result that the run {run_id} has stored: its SHA-256 is another.",
            hint="Somebody has written there since, or results_url here is another than there.",
        )
    try:
        document = from_json(content)
        if not allow_pickle:
            return decode_data(document)
    except NotData as error:
        raise ResultUnavailable(
            f"The result of the run {run_id} at {place} isn't only data: reading it runs code.",
            hint="If you trust all who can write there and to the run's record, call "
            "result(allow_pickle=True), or set allow_pickle = true in the configuration; or "
            "have the flow return data.",
        ) from error
    except (PayloadError, ValueError) as error:
        raise PlatformError(f"The result at {place} can't be read: {error}") from error
    from flowenv.serialization.encoding import decode

    return decode(document)
