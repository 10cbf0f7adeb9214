"""A flow's result as a document: how it leaves its process, and how another reads it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from flowenv.errors import PayloadError, PlatformError, ResultUnavailable
from flowenv.serialization.plain_data import NotData, decode_data, from_json, to_json_bytes


@dataclass(frozen=True)
class ResultDocument:
    """A result on its way.

    Args:
        data: as JSON data.
        not_data: the first part that is no data, with its type; empty if all is.
    """

    data: Any
    not_data: str

    @classmethod
    def of(cls, value: object) -> ResultDocument:
        """The document of a result; what is no data is pickled.

        Raises:
            PayloadError: if it can't leave its process; the message names the part.
        """
        from flowenv.serialization.encoding import Encoder

        encoder = Encoder(pictures=True)
        try:
            data = encoder.encode(value, "the result")
        except RecursionError as error:
            raise PayloadError("The result holds itself, or is nested too deeply.") from error
        return cls(data, encoder.not_data)

    def content(self) -> bytes:
        """The document's bytes."""
        return to_json_bytes(self.data)


def digest(content: bytes) -> str:
    """The SHA-256 of a document, by which a record names it."""
    return hashlib.sha256(content).hexdigest()


def read_content(
    content: bytes, run_id: str, where: str, *, allow_pickle: bool, part: str = ""
) -> Any:
    """The result in a document, whose digest has been checked.

    Args:
        content: the document.
        run_id: the run.
        where: where the document was, for errors.
        allow_pickle: whether what is no data is read too, which runs the code in it.
        part: the first part that is no data, as the record tells it; for errors.

    Raises:
        ResultUnavailable: if the result is no data, and only data may be read.
        PlatformError: if it can't be read.
    """
    try:
        document = from_json(content)
        if not allow_pickle:
            return decode_data(document)
    except NotData as error:
        which = f" ({part})" if part else ""
        raise ResultUnavailable(
            f"The result of the run {run_id} {where} isn't only data{which}: reading it runs code.",
            hint="If you trust all who can write there and to the run's record, call "
            "result(allow_pickle=True), or set allow_pickle = true in the configuration; or "
            "have the flow return data.",
        ) from error
    except (PayloadError, ValueError) as error:
        raise PlatformError(f"The result {where} can't be read: {error}") from error
    from flowenv.serialization.encoding import decode

    return decode(document)
