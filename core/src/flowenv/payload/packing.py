"""The payload: one JSON file that carries a flow run to where it runs.

Its header is checked before anything is unpickled.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
from flowenv.serialization.plain_data import own_copy, to_json_bytes

WORTH_SHARING = 4096
"""How many bytes a part has at least that is stored once for all runs of a batch."""


@dataclass(frozen=True)
class _Common:
    """What all runs of a flow have in equal environments.

    Args:
        settings: the environment's, as they were.
        document: the common part.
        renamed: modules that have another name in the container.
        by_value: modules that the container doesn't have.
        has_pickles: True if some of it is pickled.
    """

    settings: Mapping[str, Any]
    document: Mapping[str, Any]
    renamed: Mapping[str, str]
    by_value: frozenset[str]
    has_pickles: bool

    @functools.cached_property
    def content(self) -> bytes:
        """The common part as it is stored."""
        return to_json_bytes(self.document)

    @functools.cached_property
    def digest(self) -> str:
        """Its SHA-256."""
        return hashlib.sha256(self.content).hexdigest()


class Packing:
    """Packs runs of one flow. What they have in common, files too, is read and packed once.

    Args:
        flow: the flow.
    """

    def __init__(self, flow: Flow[..., Any]) -> None:
        self._flow = flow
        self._lock = threading.Lock()
        self._packed: _Common | None = None

    def whole(self, flow_run: FlowRun) -> bytes:
        """A run as one document: the flow's reference, its parameters and its environment.

        The same run gives the same bytes.

        Raises:
            PayloadError: if something can't be sent to another process; the message names it.
        """
        common = self._common(flow_run.environment)
        return to_json_bytes({**_own(flow_run, common), **common.document})

    def in_parts(self, flow_run: FlowRun) -> Payload:
        """A run of a batch: its own part, and the one that other runs have as well.

        A small common part isn't worth an object of its own, and stays with the run.

        Raises:
            PayloadError: as `whole` does.
        """
        common = self._common(flow_run.environment)
        own = _own(flow_run, common)
        if len(common.content) < WORTH_SHARING:
            return Payload(to_json_bytes({**own, **common.document}))
        apart = {**own, "format": IN_PARTS, "common": common.digest}
        return Payload(to_json_bytes(apart), common.content)

    def _common(self, environment: Environment) -> _Common:
        with self._lock:
            if self._packed is None or not _are_equal(self._packed.settings, vars(environment)):
                self._packed = _pack_common(self._flow, environment)
            return self._packed


def _are_equal(settings: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether environments are equal: hooks may have changed a run's own."""
    try:
        return settings == others
    except Exception:  # a user's own class may compare as it likes
        return False


def pack(flow_run: FlowRun) -> bytes:
    """Pack one run; see `Packing.whole`.

    Raises:
        PayloadError: if something can't be sent to another process; the message names it.
    """
    assert flow_run.flow is not None
    return Packing(flow_run.flow).whole(flow_run)


def _pack_common(flow: Flow[..., Any], environment: Environment) -> _Common:
    check_results_place(environment)
    reference = refer_to(flow)
    reference.check(flow)
    renamed = {reference.module: reference.import_name} if reference.import_name else {}
    encoder = Encoder(renamed=renamed, by_value=modules_to_pickle(flow, reference))
    with _pickled_by_value(encoder.by_value):
        packed = _pack_flow(flow, reference, encoder)
        shipped = _shipped(environment).serialize(encoder)
    document = {
        "flow": {"name": flow.name, "image": flow.image, **packed},
        "requirements": list(requirements_of(flow, reference)),
        "environment": shipped,
        "results_url": results_url(environment),
        "logs_results": environment.capabilities.logs,
    }
    settings = own_copy(vars(environment))
    return _Common(settings, document, renamed, encoder.by_value, encoder.has_pickles)


def _own(flow_run: FlowRun, common: _Common) -> dict[str, Any]:
    encoder = Encoder(renamed=common.renamed, by_value=common.by_value)
    with _pickled_by_value(encoder.by_value):
        parameters = {
            name: encoder.encode(value, f"The parameter {name}")
            for name, value in flow_run.parameters.items()
        }
    return {
        **Header.here(pickles=common.has_pickles or encoder.has_pickles).to_json(),
        "run": {
            "id": flow_run.id,
            "nonce": flow_run.nonce,
            "labels": list(flow_run.labels),
            "created": flow_run.created.isoformat() if flow_run.created else None,
        },
        "parameters": parameters,
    }


_registering = threading.RLock()


@contextlib.contextmanager
def _pickled_by_value(names: frozenset[str]) -> Iterator[None]:
    """Let cloudpickle pickle whole what these modules define; `__main__` it always does."""
    if not names:
        yield
        return
    import cloudpickle

    with _registering:  # what another thread takes back would be missing here
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
