"""The payload: one JSON file that carries a flow run to where it runs.

Its header is checked before anything is unpickled.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowenv.contract.process import Payload
from flowenv.environments.environment import Environment
from flowenv.environments.shipped import ShippedEnvironment
from flowenv.errors import PayloadError
from flowenv.flows.code_reference import CodeReference, modules_to_pickle, refer_to
from flowenv.flows.definition import Flow
from flowenv.flows.further_files import names_of_files
from flowenv.flows.requirements import requirements_of
from flowenv.payload.header import IN_PARTS, Header
from flowenv.payload.left_behind import warn_of_left_behind
from flowenv.payload.scripts import check_script
from flowenv.results.object_urls import results_url
from flowenv.results.place import check_results_place
from flowenv.runs.flow_run import FlowRun
from flowenv.serialization.encoding import Encoder
from flowenv.serialization.plain_data import to_json_bytes

WORTH_SHARING = 4096
"""How many bytes a part has at least that is stored once for all runs of a batch."""


def pack(flow_run: FlowRun) -> bytes:
    """Pack a run: the flow's reference, its parameters and its environment.

    The same run gives the same bytes.

    Raises:
        PayloadError: if something can't be sent to another process; the message names it.
    """
    own, common = _documents(flow_run)
    return to_json_bytes({**own, **common})


def pack_in_parts(flow_run: FlowRun) -> Payload:
    """Pack a run of a batch: its own part, and the one that other runs have as well.

    A small common part isn't worth an object of its own, and stays with the run.

    Raises:
        PayloadError: as `pack` does.
    """
    own, common = _documents(flow_run)
    shared = to_json_bytes(common)
    if len(shared) < WORTH_SHARING:
        return Payload(to_json_bytes({**own, **common}))
    digest = hashlib.sha256(shared).hexdigest()
    return Payload(to_json_bytes({**own, "format": IN_PARTS, "common": digest}), _kept_once(shared))


@functools.lru_cache(maxsize=8)
def _kept_once(shared: bytes) -> bytes:
    """The same object for the same content: thousands of runs of a batch have it."""
    return shared


def _documents(flow_run: FlowRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is a run's own, and what all runs of its flow in its environment have."""
    flow = flow_run.flow
    assert flow is not None
    check_results_place(flow_run.environment)
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
    own = {
        **Header.here(pickles=encoder.has_pickles).to_json(),
        "run": {
            "id": flow_run.id,
            "nonce": flow_run.nonce,
            "labels": list(flow_run.labels),
            "created": flow_run.created.isoformat() if flow_run.created else None,
        },
        "parameters": parameters,
    }
    common = {
        "flow": {"name": flow.name, "image": flow.image, **packed},
        "requirements": list(requirements_of(flow, reference)),
        "environment": environment,
        "results_url": results_url(flow_run.environment),
        "logs_results": flow_run.environment.capabilities.logs,
    }
    return own, common


@contextlib.contextmanager
def _pickled_by_value(names: frozenset[str]) -> Iterator[None]:
    """Let cloudpickle pickle whole what these modules define; `__main__` it always does."""
    if not names:
        yield
        return
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
        if reference.module == "__main__":
            check_script(flow.name, path, reference.attribute)
        further = names_of_files(flow.files, path.parent, flow.name)
        names = (*(name for name in further if name != path.name), path.name)  # its own comes last
        files = {name: _read(path.parent, name, flow.name) for name in names}
        warn_of_left_behind(flow.name, path.parent, names)
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
