"""How a run's payload and its record are known to be the run's own.

A payload has a nonce in it that only its submitter and its reader know. The SHA-256 of the payload
is the run's proof: who has read the payload knows it. The SHA-256 of the proof is the run's seal:
it stands where everybody may see it, in the container's environment as the submitter has made it.
By the seal a container knows its payload, and who follows the run knows a record that its process
wrote from a text that somebody had printed.
"""

from __future__ import annotations

import hashlib
import hmac


def proof_of(payload: bytes) -> str:
    """The proof of having read a payload."""
    return hashlib.sha256(payload).hexdigest()


def seal_of(payload: bytes) -> str:
    """The seal of a payload, which gives nothing away.

    >>> fits(proof_of(b"payload"), seal_of(b"payload")), fits("guessed", seal_of(b"payload"))
    (True, False)
    """
    return _seal(proof_of(payload))


def fits(proof: str, seal: str) -> bool:
    """Whether a proof belongs to a seal."""
    return hmac.compare_digest(_seal(proof).encode(), seal.encode())


def _seal(proof: str) -> str:
    return hashlib.sha256(proof.encode("utf-8", "backslashreplace")).hexdigest()
