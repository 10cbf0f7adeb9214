"""RunTask's overrides: what a run tells its containers, within ECS's 8,192 characters."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import Secret, contract

LIMIT = 8192
"""The most characters that ECS takes, the JSON around them included."""
_SIGNED = (contract.PAYLOAD, contract.PAYLOAD_COMMON, contract.RUNTIME_URL)
"""Variables with a URL that AWS made for the run."""


def measure(overrides: Mapping[str, Any]) -> int:
    """How many characters of ECS's limit the overrides take, as boto3 sends them."""
    return len(json.dumps(overrides, default=_as_sent))


def _as_sent(value: object) -> str:
    """A Secret's text; one that is only a reference is never sent with a run."""
    assert isinstance(value, Secret)
    return "" if value.reference else value.reveal()


def check_length(overrides: Mapping[str, Any]) -> None:
    """Check the overrides against ECS's limit.

    Raises:
        SpecError: with the length, what takes most of it, and the ways out.
    """
    length = measure(overrides)
    if length <= LIMIT:
        return
    sizes = {
        entry["name"]: len(json.dumps(entry.get("value", ""), default=_as_sent))
        for container in overrides.get("containerOverrides") or []
        for entry in container.get("environment") or []
    }
    largest = ", ".join(sorted(sizes, key=lambda name: -sizes[name])[:3])
    raise SpecError(
        f"The overrides of the task have {length} characters; ECS takes {LIMIT}. "
        f"Largest: {largest}.",
        hint="Set payload_url to an s3:// place for the payload, and put long values into the "
        "task definition or a secret.",
    )


def data_url(payload: bytes) -> str:
    """A payload as a `data:` URL, compressed; the same payload gives the same URL."""
    packed = gzip.compress(payload, compresslevel=9, mtime=0)
    return "data:;base64," + base64.b64encode(packed).decode()


def flow_override(run_task: Mapping[str, Any]) -> dict[str, Any]:
    """The override of the flow's container: the first one.

    Raises:
        SpecError: if a plugin removed it.
    """
    containers = (run_task.get("overrides") or {}).get("containerOverrides")
    if not containers:
        raise SpecError("The spec's run_task has no override for the flow's container.")
    return containers[0]  # type: ignore[no-any-return]


def set_variable(override: dict[str, Any], name: str, value: str | Secret) -> None:
    """Set one variable of a container's override; an entry of that name is replaced."""
    entries = [e for e in override.get("environment") or [] if e.get("name") != name]
    override["environment"] = [*entries, {"name": name, "value": value}]


def add_missing(override: dict[str, Any], entries: Iterable[Mapping[str, Any]]) -> None:
    """Add variables that the override doesn't set yet."""
    known = {e["name"] for e in override.get("environment") or []}
    missing = [dict(e) for e in entries if e["name"] not in known]
    override["environment"] = [*(override.get("environment") or []), *missing]


def put_payload_inline(
    overrides: dict[str, Any], override: dict[str, Any], payload: bytes, room: int = LIMIT
) -> bool:
    """Put the payload into the override if all of it fits into so many characters; True if so."""
    before = override.get("environment")
    set_variable(override, contract.PAYLOAD, data_url(payload))
    if measure(overrides) <= room:
        return True
    override["environment"] = before
    return False


def inline_secrets(overrides: Mapping[str, Any]) -> list[str]:
    """The names of variables whose secret text would stand in the overrides."""
    return [
        entry["name"]
        for container in overrides.get("containerOverrides") or []
        for entry in container.get("environment") or []
        if isinstance(entry.get("value"), Secret) and entry["name"] not in _SIGNED
    ]
