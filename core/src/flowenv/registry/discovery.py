"""Which backends and plugins are installed, from the distributions' metadata alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

BACKENDS = "flowenv.backends"
PLUGINS = "flowenv.plugins"

KNOWN_BACKENDS = {
    "local": "flowenv-local",
    "k8s": "flowenv-k8s",
    "dask_k8s": "flowenv-dask-k8s",
    "dask_cloud": "flowenv-dask-cloud",
    "fargate": "flowenv-fargate",
}
"""What to install for a backend that isn't; third parties' are installed by their own names."""


@dataclass(frozen=True)
class Installed:
    """An entry point of an installed distribution.

    Args:
        name: the entry point's name: the backend, or the plugin.
        kind: `backend` or `plugin`.
        distribution: the distribution that brings it.
        version: that distribution's version.
        module: the module with the hook implementations.
    """

    name: str
    kind: str
    distribution: str
    version: str
    module: str

    def to_json(self) -> dict[str, Any]:
        """The record as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "distribution": self.distribution,
            "version": self.version,
            "module": self.module,
        }


def metadata() -> Any:
    """The library that reads metadata; where flowenv has come with a run, Python's own."""
    try:
        import importlib_metadata
    except ModuleNotFoundError:
        import importlib.metadata

        return importlib.metadata
    return importlib_metadata


def installed() -> list[Installed]:
    """All backends and plugins, by name; nothing of theirs is imported."""
    points = metadata().entry_points()
    found = {
        _record(point, kind)
        for group, kind in ((BACKENDS, "backend"), (PLUGINS, "plugin"))
        for point in points.select(group=group)
    }
    return sorted(found, key=lambda one: (one.kind, one.name, one.distribution))


def _record(point: EntryPoint, kind: str) -> Installed:
    name = version = "?"
    try:
        if point.dist:
            name = next(metadata_field(point.dist.read_text, "Name"), "?")
            version = next(metadata_field(point.dist.read_text, "Version"), "?")
    except Exception:  # a distribution whose metadata is damaged harms no other
        name = version = "?"
    return Installed(point.name, kind, name, version, point.value)


def metadata_field(read_text: Callable[[str], str | None], name: str) -> Iterator[str]:
    """What a field of a distribution's metadata says, each time that it stands there.

    Without the standard library's parser of e-mail, which takes more time than all else here.

    Args:
        read_text: gives the text of one of the distribution's files.
        name: the field's name, such as `Requires-Dist`.
    """
    text = read_text("METADATA") or read_text("PKG-INFO") or ""
    for line in text.splitlines():
        if not line.strip():  # below is the description
            return
        key, _, value = line.partition(":")
        if key.lower() == name.lower():
            yield value.strip()
