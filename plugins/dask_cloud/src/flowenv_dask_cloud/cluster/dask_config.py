"""Dask's global configuration: what a provider sets there is undone after the run."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
_MISSING = object()


class ProviderSettings:
    """Notices what a provider sets in Dask's global configuration, and takes it back.

    VMCluster puts the cluster's certificates there: without this, every later cluster of
    the process would come up with them.
    """

    def __init__(self) -> None:
        self._before: dict[Path, Any] = {}

    @contextlib.contextmanager
    def noticed(self) -> Iterator[None]:
        """Notice what is set within the block."""
        import dask

        before = _leaves(copy.deepcopy(dask.config.config))
        try:
            yield
        finally:
            after = _leaves(dask.config.config)
            # a library that was first imported within the block brings its defaults for good
            defaults = _leaves(dask.config.merge(*dask.config.defaults))
            for path, value in after.items():
                if value != before.get(path, _MISSING) and (
                    path in before or defaults.get(path, _MISSING) != value
                ):
                    self._before.setdefault(path, before.get(path, _MISSING))

    def undo(self) -> None:
        """Set what was noticed back to what it was."""
        import dask

        with dask.config.config_lock:
            for path, value in self._before.items():
                _restore(dask.config.config, path, value)
        self._before.clear()


def _leaves(config: Mapping[str, Any], above: Path = ()) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    for key, value in config.items():
        path = (*above, key)
        if isinstance(value, Mapping) and value:
            found |= _leaves(value, path)
        else:
            found[path] = value
    return found


def _restore(config: dict[str, Any], path: Path, value: Any) -> None:
    *above, last = path
    parents = []
    for key in above:
        parents.append((config, key))
        config = config.setdefault(key, {})
    if value is not _MISSING:
        config[last] = value
        return
    config.pop(last, None)
    for parent, key in reversed(parents):
        if parent[key] == {}:
            del parent[key]
