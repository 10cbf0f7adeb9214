"""From a payload to the run that it carries. Its header is checked before anything is unpickled."""

from __future__ import annotations

import base64
import datetime
import functools
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv.environments.environment import Environment
from flowenv.environments.shipped import ShippedEnvironment
from flowenv.errors import FlowNotFound, PayloadError
from flowenv.flows.definition import Flow
from flowenv.flows.finding import find_flow, flow_in, load_file
from flowenv.payload.header import Header
from flowenv.registry.registry import registry
from flowenv.runs.flow_run import FlowRun
from flowenv.serialization.encoding import decode
from flowenv.serialization.plain_data import from_json

if TYPE_CHECKING:
    from flowenv.hooks.backend_hooks import BackendHooks

_GZIP = b"\x1f\x8b"
LARGEST = 512 * 1024 * 1024
"""The most bytes that a payload may have."""


@dataclass(frozen=True)
class Unpacked:
    """A payload as it arrived, its header checked, nothing of it loaded yet.

    Args:
        data: the document.
    """

    data: dict[str, Any]

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.data["run"]["id"])

    @property
    def results_url(self) -> str | None:
        """Where a large result goes."""
        return self.data.get("results_url")

    @property
    def logs_results(self) -> bool:
        """Whether a result may travel in the log, which who submitted the run reads."""
        return self.data.get("logs_results") is True

    @property
    def requirements(self) -> list[str]:
        """What the flow imports that the image may lack."""
        return [str(one) for one in self.data.get("requirements") or ()]

    @functools.cached_property
    def created(self) -> datetime.datetime | None:
        """When the run was made."""
        text = self.data["run"].get("created")
        return datetime.datetime.fromisoformat(text) if text else None


def expanded(data: bytes) -> bytes:
    """A document that may be compressed with gzip, as it is.

    Raises:
        PayloadError: if it can't be expanded, or has more than `LARGEST` bytes then.
    """
    try:
        if data.startswith(_GZIP):
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PayloadError(f"This is no flowenv payload: {error!r}.") from error
    if len(data) > LARGEST:
        raise PayloadError(f"The payload has more than {LARGEST:,} bytes.")
    return data


def _no_common_part() -> bytes:
    raise PayloadError("The payload is only a part of one, and the other isn't here.")


def unpack(data: bytes, read_common: Callable[[], bytes] = _no_common_part) -> Unpacked:
    """Read a payload and check that this Python and flowenv can run it.

    Args:
        data: the document; its seal has been checked.
        read_common: reads the part that all runs of a batch share, if it stands apart. It counts
            only if it is the one whose SHA-256 the document has.

    Raises:
        PayloadError: if they can't, or it is no payload; the message says what to do.
    """
    try:
        document = from_json(data)
        header = Header.read(document)
        document["run"]["id"], document.get("common") or document["flow"]["kind"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PayloadError(f"This is no flowenv payload: {error!r}.") from error
    header.check()
    if digest := document.get("common"):
        document = {**_common_part(read_common(), digest), **document}
    return Unpacked(document)


def _common_part(data: bytes, digest: object) -> dict[str, Any]:
    if hashlib.sha256(data).hexdigest() != digest:
        raise PayloadError(
            "The part of the payload that the batch's runs share isn't the one that this run was "
            "submitted with.",
            hint="Somebody else has written to where it is kept. See docs/security.md.",
        )
    return from_json(data)  # type: ignore[no-any-return]


def load_run(unpacked: Unpacked, directory: Path) -> FlowRun:
    """Load a run: its flow first, then parameters and environment, which may need its module.

    Args:
        unpacked: the payload.
        directory: an empty folder for the flow's shipped files.

    Raises:
        PayloadError: if something isn't there in this image.
    """
    data = unpacked.data
    flow, files = _load_flow(data["flow"], directory)
    environment, hooks = _load_environment(data["environment"])
    run = FlowRun(
        environment,
        id=unpacked.run_id,
        flow_name=flow.name,
        flow=flow,
        parameters={name: _parameter(name, value) for name, value in data["parameters"].items()},
        labels=data["run"]["labels"],
        created=unpacked.created,
        hooks=hooks,
    )
    run.source_files = files
    return run


def _parameter(name: str, data: Any) -> Any:
    """A parameter's value.

    Raises:
        PayloadError: naming the parameter, if the image lacks what its value is made with.
    """
    try:
        return decode(data)
    except PayloadError as error:
        raise PayloadError(
            f"The parameter {name} can't be read in the image: {error.message}",
            hint=error.hint or "The image needs the packages that the value was made with.",
        ) from error


def _load_flow(data: dict[str, Any], directory: Path) -> tuple[Flow[..., Any], tuple[Path, ...]]:
    files: tuple[Path, ...] = ()
    try:
        if data["kind"] == "module":
            flow = find_flow(data["target"])
        elif data["kind"] == "source":
            files = _write_files(data["files"], directory)
            module = load_file(directory / data["file"])
            flow = flow_in(module, data["attribute"], data["file"])
        else:
            flow = Flow(decode(data["function"]))
    except FlowNotFound as error:
        raise PayloadError(
            f"The flow can't be loaded where it runs: {error.message}",
            hint="Is it in the image? A script's flow is shipped with it; see Flow(code=…).",
        ) from error
    except ImportError as error:
        raise PayloadError(
            f"The flow's module can't be imported where it runs: {error}.",
            hint="Install what it needs in the image, or ship it with @flow(files=[…]).",
        ) from error
    flow.name, flow.image = data["name"], data["image"]
    return flow, files


def _write_files(files: dict[str, Any], directory: Path) -> tuple[Path, ...]:
    """Write the shipped files; the flow's own comes last, as it imports the others."""
    written = []
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, "utf-8", newline="")
        else:
            path.write_bytes(base64.b64decode(content["base64"]))
        written.append(path)
    return tuple(written)


def _load_environment(serialized: dict[str, Any]) -> tuple[Environment, BackendHooks]:

    backend = serialized["type"]
    if backend == ShippedEnvironment.backend:
        hooks = registry().hooks_without_backend()
        return ShippedEnvironment.from_serialized(serialized), hooks
    hooks = registry().hooks(backend)
    return Environment.deserialize(serialized), hooks
