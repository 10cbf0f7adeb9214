"""Manifests that users write: read from YAML, checked, with file and line in every error."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from flowenv.errors import SpecError
from flowenv.plugin import contract
from flowenv_k8s.spec.manifests.yaml_scalars import NotYaml
from flowenv_k8s.spec.manifests.yaml_text import Document, Path_, Place, documents

_IN_CONTAINER = (
    "This is the flow's container, in which the flow's file is imported. Keep the environment in "
    "flowenv.toml; or ship the file, as with @flow(files=['job.yaml']), and name it by "
    "Path(__file__).with_name('job.yaml')."
)


@dataclass(frozen=True)
class Manifest:
    """A manifest and where each part of it stands.

    Args:
        data: the manifest as plain data; treat it as read-only.
        source: what messages call it: the file's path, or `job_spec`.
        places: where in a text each part of it stands; empty if it was given as data.
        kind: what it is: `Job`, `Pod`, ….
        origin: the user's own manifest that this one was made from.
        origin_at: the place in this one where the origin's top went.
    """

    data: dict[str, Any]
    source: str
    places: Mapping[Path_, Place] = field(default_factory=dict, repr=False)
    kind: str = "Job"
    origin: Manifest | None = field(default=None, repr=False)
    origin_at: Path_ = ()

    def place(self, *path: str | int) -> str:
        """`file:line` of a part, or of the nearest part around it."""
        if line := self.line_of_origin(*path):
            return f"{line} ({self.source})"
        for length in range(len(path), -1, -1):
            if found := self.places.get(path[:length]):
                return f"{self.source}:{found.line}"
        return self.source

    def line_of_origin(self, *path: str | int) -> str:
        """`file:line` of a part that is as the user's own manifest has it; else empty."""
        if self.origin and path[: len(self.origin_at)] == self.origin_at:
            there = path[len(self.origin_at) :]
            if there in self.origin.places and _at(self.origin.data, there) == _at(self.data, path):
                return self.origin.place(*there)
        return ""

    def written(self, *path: str | int) -> str:
        """A scalar as its source writes it."""
        if (found := self.places.get(path)) and found.text is not None:
            return found.text
        value = _at(self.data, path)
        return str(value).lower() if isinstance(value, bool) else str(value)

    def fail(self, message: str, *path: str | int, hint: str = "") -> NoReturn:
        """Raise a SpecError that says where."""
        raise SpecError(f"{self.place(*path)}: {message}", hint=hint)


def _at(data: Any, path: Path_) -> Any:
    for key in path:
        try:
            data = data[key]
        except (LookupError, TypeError):
            return None
    return data


def read_manifest(path: str | Path, kind: str, api_version: str) -> Manifest:
    """Read a manifest file with one object of a kind.

    Args:
        path: the file.
        kind: what it has to be: `Job`, `Pod`.
        api_version: such as `batch/v1`; a file that names none is fine.

    Raises:
        SpecError: if it can't be read, doesn't parse, or is something else; with file and
            line.
    """
    try:
        text = Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        # the file of a flow that makes its environment itself is imported in the container, too
        hint = _IN_CONTAINER if contract.PAYLOAD in os.environ else ""
        raise SpecError(f"{path} can't be read: {reason}.", hint=hint) from error
    document = _document(text, str(path))
    manifest = Manifest(document.data, str(path), document.places)
    check_kind(manifest, kind, api_version)
    return manifest


def _document(text: str, source: str) -> Document:
    try:
        found = documents(text)
    except NotYaml as error:
        place = f"{source}:{error.line}" if error.line else source
        raise SpecError(f"{place}: this is no YAML: {error.problem}.") from error
    if len(found) != 1:
        raise SpecError(f"{source} has {len(found)} YAML documents; it must have one.")
    if not isinstance(found[0].data, dict):
        kind = type(found[0].data).__name__
        raise SpecError(f"{source}:1: this is a {kind}, not a manifest.")
    return found[0]


def check_kind(manifest: Manifest, kind: str, api_version: str) -> None:
    """Check that a manifest is what it should be.

    Raises:
        SpecError: if it says that it is something else.
    """
    found = _given(manifest, "kind", kind)
    if found != kind:
        manifest.fail(f"this is a {found}, not a {kind}.", "kind")
    version = _given(manifest, "apiVersion", api_version)
    if version != api_version:
        manifest.fail(f"the apiVersion is {version!r}; it must be {api_version}.", "apiVersion")


def _given(manifest: Manifest, name: str, default: str) -> Any:
    value = manifest.data.get(name)
    return default if value is None else value  # null is as if it weren't there


_PLACE = re.compile(r"\b(?:spec|metadata)(?:\.[A-Za-z]\w*|\[\d+\])+")


def lines_of(words: str, manifest: Manifest) -> str:
    """Where in the user's file is what Kubernetes' words speak of: `file:3, 7`, or nothing.

    Args:
        words: they name places such as `spec.template.spec.containers[0].foo`.
        manifest: what Kubernetes got.
    """
    found: set[int] = set()
    file = ""
    for place in _PLACE.findall(words):
        path = [int(key) if key.isdigit() else key for key in re.findall(r"\w+", place)]
        lines = (manifest.line_of_origin(*path[:length]) for length in range(len(path), 1, -1))
        if place := next(filter(None, lines), ""):
            file, _, line = place.rpartition(":")
            found.add(int(line))
    return f"{file}:{', '.join(map(str, sorted(found)))}" if found else ""


def mapping_at(manifest: Manifest, *path: str | int) -> dict[str, Any]:
    """The mapping at a place; an empty one if nothing is there.

    Raises:
        SpecError: if something else is there.
    """
    found: Any = manifest.data
    for depth, key in enumerate(path):
        found = found[int(key)] if isinstance(found, list) else found.get(key)
        if found is None:
            return {}
        if not isinstance(found, dict | list):
            manifest.fail(f"{dotted(path[: depth + 1])} must be a mapping.", *path[: depth + 1])
    if not isinstance(found, dict):
        manifest.fail(f"{dotted(path)} must be a mapping.", *path)
    return found


def list_at(manifest: Manifest, *path: str | int) -> list[Any]:
    """The list of mappings at a place; an empty one if nothing is there.

    Raises:
        SpecError: if something else is there.
    """
    found = mapping_at(manifest, *path[:-1]).get(str(path[-1]))
    if found is None:
        return []
    if not isinstance(found, list):
        manifest.fail(f"{dotted(path)} must be a list.", *path)
    for index, item in enumerate(found):
        if not isinstance(item, dict):
            manifest.fail(f"{dotted((*path, index))} must be a mapping.", *path, index)
    return found


def dotted(path: Path_) -> str:
    """A place as people write it.

    >>> dotted(("spec", "containers", 0, "env"))
    'spec.containers[0].env'
    """
    return re.sub(r"\.\[", "[", ".".join(f"[{p}]" if isinstance(p, int) else p for p in path))
