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
    place = payload_url(environment)
    if place is None:
        return None
    bucket = str(place).removeprefix("s3://").partition("/")[0]
    if not str(place).startswith("s3://") or not bucket:
        raise SpecError(
            f"payload_url is {place!r}, which is no place in S3.",
            hint="Fargate tasks fetch large payloads, and flowenv, from S3, such as s3://bucket/flowenv.",
        )
    return str(place)
