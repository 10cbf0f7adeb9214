"""The payload as it comes: read from where it is, and known to be the run's own."""

from __future__ import annotations

import os
from pathlib import Path

from flowenv import contract
from flowenv.errors import PayloadError, PlatformError
from flowenv.remote.retries import Retries, TryAgain
from flowenv.results.record.seal import fits, proof_of

FETCHING = Retries(tries=6, first=0.5)
"""How often a payload is asked for: its place may not be reached in a container's first seconds."""


class Known:
    """What this process can prove: the SHA-256 of the payload that it was started for."""

    proof = ""


def check_seal(payload: bytes) -> None:
    """Check that the payload is the one that the run was submitted with.

    Raises:
        PayloadError: if it is another.
    """
    proof, seal = proof_of(payload), os.environ.get(contract.PAYLOAD_SEAL)
    if seal and not fits(proof, seal):
        raise PayloadError(
            "The payload isn't the one that this run was submitted with.",
            hint="Somebody else has written to where it is kept. See docs/security.md.",
        )
    Known.proof = proof


def read_common() -> bytes:
    """The part of the payload that all runs of a batch share.

    Raises:
        PayloadError: if it can't be read.
    """
    where = os.environ.get(contract.PAYLOAD_COMMON)
    if not where:
        raise PayloadError(
            f"{contract.PAYLOAD_COMMON} isn't set: a part of the payload is missing."
        )
    return read_payload(where)


def read_payload(where: str) -> bytes:
    """The payload's bytes.

    Args:
        where: a path, a `data:` or `https:` URL, or a URL that fsspec knows.

    Raises:
        PayloadError: if it can't be read.
    """
    scheme = scheme_of(where)
    if scheme in ("data", "http", "https"):
        return _fetch(where, scheme)
    try:
        if scheme:
            from flowenv.serialization.storage import read

            return read(where)
        return Path(where).read_bytes()
    except (OSError, PlatformError) as error:
        raise PayloadError(f"The payload can't be read from {where}: {error}.") from error


def scheme_of(where: str) -> str:
    """What a URL begins with; empty for a path."""
    return "data" if where.startswith("data:") else where.rpartition("://")[0]


def _fetch(url: str, scheme: str) -> bytes:
    """What a URL holds, asked for again where that can help.

    A presigned one is a secret, so no error shows it.
    """
    import http.client
    import urllib.error
    import urllib.request

    from flowenv.container.unpacking import LARGEST

    def attempt() -> bytes:
        what = f"The payload can't be read from its {scheme} URL"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return bytes(answer.read(LARGEST + 1))
        except urllib.error.HTTPError as error:
            refused = PayloadError(f"{what}: {error}.")
            if error.code < 500 and error.code not in (408, 429):
                raise refused from error
            raise TryAgain(refused, after=error.headers.get("Retry-After")) from error
        except OSError as error:
            raise TryAgain(PayloadError(f"{what}: {error}.")) from error
        except http.client.HTTPException as error:
            raise TryAgain(PayloadError(f"{what}: {type(error).__name__}.")) from None
        except ValueError as error:
            raise PayloadError(f"{what}: {type(error).__name__}.") from None

    return FETCHING.call(attempt)
