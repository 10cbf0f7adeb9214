"""Where a run's large payload and its stored result are.

A place is computed from this process's own configuration and the run's id, never taken from what
the platform says: who can write to a record, an annotation or a tag could name any place there.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any, Protocol

from flowenv.errors import SpecError

_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Kept(enum.Enum):
    """What is kept of a run at a URL: each under a name of its own."""

    PAYLOAD = ".payload.json"
    RESULT = ".json"
    FILES = ".files"
    TRIAL = ".trial"
    """What is written, and removed at once, to see whether it can be."""


class HasMetadata(Protocol):
    """An environment, as far as it says where things go."""

    @property
    def metadata(self) -> dict[str, Any] | None:
        """Its metadata."""


def payload_url(environment: HasMetadata) -> str | None:
    """Where payloads go that the platform has no room for; None if that isn't set.

    The environment's `metadata["payload_url"]` wins over the configured `payload_url`.
    """
    return _url(environment, "payload_url")


def results_url(environment: HasMetadata) -> str | None:
    """Where results go that no record has room for; None if that isn't set.

    The environment's `metadata["results_url"]` wins over the configured `results_url`.
    """
    return _url(environment, "results_url")


def object_url(base: str, run_id: str, kept: Kept) -> str:
    """The URL of what is kept of a run.

    Args:
        base: the `payload_url` or the `results_url`.
        run_id: the run.
        kept: what of it.

    Raises:
        SpecError: if the run's id is none.

    >>> object_url("s3://bucket/flows", "../../somewhere", Kept.RESULT)
    Traceback (most recent call last):
    ...
    flowenv.errors.SpecError: '../../somewhere' is no run's id.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise SpecError(f"{run_id!r} is no run's id.")
    return f"{base.rstrip('/')}/{run_id}{kept.value}"


def payload_object(base: str, run_id: str) -> str:
    """The URL of a run's payload.

    Args:
        base: the `payload_url`.
        run_id: the run.

    Raises:
        SpecError: if the run's id is none.

    >>> payload_object("s3://bucket/flows/", "6f1c0a3c-6c0b-4f0e-9d0a-0a54d7a3b6c1")
    's3://bucket/flows/6f1c0a3c-6c0b-4f0e-9d0a-0a54d7a3b6c1.payload.json'
    """
    return object_url(base, run_id, Kept.PAYLOAD)


def _url(environment: HasMetadata, name: str) -> str | None:
    from flowenv.settings.configuration import configuration

    metadata: Mapping[str, Any] = environment.metadata or {}
    found: str | None = metadata.get(name) or getattr(configuration(), name)
    return found
