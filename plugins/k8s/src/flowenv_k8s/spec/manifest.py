"""Manifests that users write: read from YAML, checked, with file and line in every error."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from flowenv.errors import SpecError

Path_ = tuple[str | int, ...]
"""Where something stands in a manifest: keys and indices."""


@dataclass(frozen=True)
class Manifest:
    """A manifest and where each part of it stands.

    Args:
        data: the manifest as plain data; treat it as read-only.
        source: what messages call it: the file's path, or `job_spec`.
        text: the YAML text, to say on which line something stands.
    """

    data: dict[str, Any]
    source: str
    text: str = ""

    @functools.cached_property
    def _lines(self) -> dict[Path_, int]:
        node = yaml.compose(self.text, Loader=_Loader) if self.text else None
        return dict(_lines(node)) if node else {}

    def place(self, *path: str | int) -> str:
        """`file:line` of a part, or of the nearest part around it."""
        for length in range(len(path), -1, -1):
            if line := self._lines.get(path[:length]):
                return f"{self.source}:{line}"
        return self.source

    def fail(self, message: str, *path: str | int, hint: str = "") -> NoReturn:
        """Raise a SpecError that says where."""
        raise SpecError(f"{self.place(*path)}: {message}", hint=hint)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML as the API server would: a date is a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


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
        raise SpecError(f"{path} can't be read: {reason}.") from error
    manifest = Manifest(_parse(text, str(path)), str(path), text)
    check_kind(manifest, kind, api_version)
    return manifest


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        documents = [one for one in yaml.load_all(text, Loader=_Loader) if one is not None]
        node = yaml.compose(text, Loader=_Loader) if len(documents) == 1 else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{source}:{mark.line + 1}" if mark else source
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"{place}: this is no YAML: {problem}.") from error
    if len(documents) != 1:
        raise SpecError(f"{source} has {len(documents)} YAML documents; it must have one.")
    if not isinstance(documents[0], dict):
        raise SpecError(f"{source}:1: this is a {type(documents[0]).__name__}, not a manifest.")
    if node is not None and (twice := next(_repeated(node), None)):
        raise SpecError(f"{source}:{twice[1]}: the key {twice[0]!r} comes twice.")
    found: dict[str, Any] = documents[0]
    return found


def _lines(node: Any, path: Path_ = ()) -> Iterator[tuple[Path_, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            yield below, key.start_mark.line + 1
            for place, line in _lines(value, below):
                if place != below:
                    yield place, line
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*path, index))


def _repeated(node: Any) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen and key.value != "<<":
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)


def check_kind(manifest: Manifest, kind: str, api_version: str) -> None:
    """Check that a manifest is what it should be.

    Raises:
        SpecError: if it says that it is something else.
    """
    found = manifest.data.get("kind", kind)
    if found != kind:
        manifest.fail(f"this is a {found}, not a {kind}.", "kind")
    version = manifest.data.get("apiVersion", api_version)
    if version != api_version:
        manifest.fail(f"the apiVersion is {version!r}; it must be {api_version}.", "apiVersion")


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
