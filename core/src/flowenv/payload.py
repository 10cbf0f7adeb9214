"""The payload: one JSON file that carries a flow run to where it runs.

Its header is checked before anything is unpickled.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv.code_reference import CodeReference, modules_to_pickle, refer_to
from flowenv.encoding import Encoder, decode, to_json_bytes
from flowenv.environment import Environment
from flowenv.errors import FlowNotFound, PayloadError
from flowenv.flow_run import FlowRun
from flowenv.flows import Flow
from flowenv.payload_header import Header
from flowenv.shipped import ShippedEnvironment
from flowenv.targets import flow_in, load_file, load_target

if TYPE_CHECKING:
    from flowenv.registry import BackendHooks

_GZIP = b"\x1f\x8b"


def pack(flow_run: FlowRun) -> bytes:
    """Pack a run: the flow's reference, its parameters and its environment.

    The same run gives the same bytes.

    Raises:
        PayloadError: if something can't be sent to another process; the message names it.
    """
    flow = flow_run.flow
    assert flow is not None
    reference = refer_to(flow)
    reference.check(flow)
    renamed = {reference.module: reference.import_name} if reference.import_name else {}
    encoder = Encoder(renamed=renamed, by_value=modules_to_pickle(flow, reference))
    with _pickled_by_value(encoder.by_value):
        packed = _pack_flow(flow, reference, encoder)
        parameters = {
            name: encoder.encode(value, f"The parameter {name}")
            for name, value in flow_run.parameters.items()
        }
        environment = _shipped(flow_run.environment).serialize(encoder)
    return to_json_bytes(
        {
            **Header.here(pickles=encoder.has_pickles).to_json(),
            "run": {
                "id": flow_run.id,
                "labels": list(flow_run.labels),
                "created": flow_run.created.isoformat() if flow_run.created else None,
            },
            "flow": {"name": flow.name, "image": flow.image, **packed},
            "parameters": parameters,
            "environment": environment,
            "results_url": results_url(flow_run.environment),
        }
    )


def results_url(environment: Environment) -> str | None:
    """Where large results go: the environment's metadata, else the configuration."""
    from flowenv.configuration import configuration

    return (environment.metadata or {}).get("results_url") or configuration().results_url


@contextlib.contextmanager
def _pickled_by_value(names: frozenset[str]) -> Iterator[None]:
    """Let cloudpickle pickle whole what these modules define; `__main__` it always does."""
    import cloudpickle

    already = cloudpickle.list_registry_pickle_by_value()
    modules = [sys.modules[name] for name in sorted(names - already - {"__main__"})]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _pack_flow(flow: Flow[..., Any], reference: CodeReference, encoder: Encoder) -> dict[str, Any]:
    if reference.code == "module":
        return {"kind": "module", "target": f"{reference.import_name}:{reference.attribute}"}
    if reference.code == "source":
        path = reference.path
        assert path
        names = dict.fromkeys((*flow.files, path.name))  # the flow's own file comes last
        files = {name: _read(path.parent, name, flow.name) for name in names}
        return {
            "kind": "source",
            "file": path.name,
            "attribute": reference.attribute,
            "files": files,
        }
    return {"kind": "pickle", "function": encoder.pickle(flow.function, f"The flow {flow.name}")}


def _read(folder: Path, name: str, flow: str) -> Any:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise PayloadError(
            f"The flow {flow} names a file outside its own folder: {name}.",
            hint="Put it beside the flow's file, or below.",
        )
    if not path.is_file():
        raise PayloadError(f"The flow {flow} names a file that isn't there: {name}.")
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


# -- unpacking -------------------------------------------------------------------------------


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

    @functools.cached_property
    def created(self) -> datetime.datetime | None:
        """When the run was made."""
        text = self.data["run"].get("created")
        return datetime.datetime.fromisoformat(text) if text else None


def unpack(data: bytes) -> Unpacked:
    """Read a payload and check that this Python and flowenv can run it.

    Args:
        data: the document, as it is or compressed with gzip.

    Raises:
        PayloadError: if they can't, or it is no payload; the message says what to do.
    """
    try:
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
        document = json.loads(data)
        header = Header.read(document)
        document["run"]["id"], document["flow"]["kind"]
    except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error) as error:
        raise PayloadError(f"This is no flowenv payload: {error!r}.") from error
    header.check()
    return Unpacked(document)


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
        parameters={name: decode(value) for name, value in data["parameters"].items()},
        labels=data["run"]["labels"],
        created=unpacked.created,
        hooks=hooks,
    )
    run.source_files = files
    return run


def _load_flow(data: dict[str, Any], directory: Path) -> tuple[Flow[..., Any], tuple[Path, ...]]:
    files: tuple[Path, ...] = ()
    try:
        if data["kind"] == "module":
            flow = load_target(data["target"])
        elif data["kind"] == "source":
            files = _write_files(data["files"], directory)
            module = load_file(directory / data["file"])
            flow = flow_in(module, data["attribute"], data["file"])
        else:
            flow = Flow(decode(data["function"]))
    except FlowNotFound as error:
        raise PayloadError(
            f"The flow can't be loaded here: {error.message}",
            hint="Is it in the image? A script's flow is shipped with it; see Flow(code=…).",
        ) from error
    except ImportError as error:
        raise PayloadError(
            f"The flow's module can't be imported here: {error}.",
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


def _shipped(environment: Environment) -> Environment:
    """What of the environment the flow's process needs: all of it only if it makes a cluster."""
    if environment.capabilities.backend_in_image:
        return environment
    return ShippedEnvironment(
        executor=environment.executor,
        labels=environment.labels,
        on_start=environment.on_start,
        on_exit=environment.on_exit,
        metadata=environment.metadata,
    )


def _load_environment(serialized: dict[str, Any]) -> tuple[Environment, BackendHooks]:
    from flowenv.registry import registry

    backend = serialized["type"]
    if backend == ShippedEnvironment.backend:
        hooks = registry().hooks_without_backend()
        return ShippedEnvironment.from_serialized(serialized), hooks
    hooks = registry().hooks(backend)
    return Environment.deserialize(serialized), hooks
