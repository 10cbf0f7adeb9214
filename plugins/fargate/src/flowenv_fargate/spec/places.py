"""Where in S3 things go that don't come to the task with the request."""

from __future__ import annotations

from typing import Any, Protocol

from flowenv.errors import SpecError
from flowenv.plugin import payload_url


class HasMetadata(Protocol):
    """An environment, as far as it says where things go."""

    @property
    def metadata(self) -> dict[str, Any] | None:
        """Its metadata."""


def payload_place(environment: HasMetadata) -> str | None:
    """Where large payloads and flowenv go: the environment's metadata, else the configuration.

    Raises:
        SpecError: if it is no place in S3.
    """
    configured, place = payload_url(environment), place_in_s3(environment)
    if configured is not None and place is None:
        raise SpecError(
            f"payload_url is {configured!r}, which is no place in S3.",
            hint="Fargate tasks fetch large payloads, and flowenv, from S3, such as s3://bucket/flowenv.",
        )
    return place


def place_in_s3(environment: HasMetadata) -> str | None:
    """The same; None as well if it is no place in S3, for what can do without."""
    place = str(payload_url(environment) or "")
    bucket = place.removeprefix("s3://").partition("/")[0]
    return place if place.startswith("s3://") and bucket else None
