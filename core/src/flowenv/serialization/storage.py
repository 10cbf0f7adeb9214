"""Objects at a URL that the user names: large payloads and results, through fsspec."""

from __future__ import annotations

import json
import os
from typing import Any

from flowenv.errors import ConfigurationError, PlatformError


def write(url: str, data: bytes) -> None:
    """Write an object; an existing one is replaced.

    Args:
        url: of any scheme that fsspec knows: `s3://…`, `gs://…`, `file:///…`.
        data: its bytes.

    Raises:
        ConfigurationError: if fsspec, or what the scheme needs, isn't installed.
        PlatformError: if it can't be written.
    """
    filesystem, path = _open(url)
    try:
        filesystem.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH120
        filesystem.pipe_file(path, data)
    except Exception as error:
        raise PlatformError(f"{url} can't be written: {error}") from error


def read(url: str) -> bytes:
    """Read an object.

    Raises:
        ConfigurationError: if fsspec, or what the scheme needs, isn't installed.
        PlatformError: if it can't be read.
    """
    filesystem, path = _open(url)
    try:
        return bytes(filesystem.cat_file(path))
    except Exception as error:
        raise PlatformError(f"{url} can't be read: {error}") from error


def read_json(url: str) -> Any:
    """Read an object that holds JSON."""
    return json.loads(read(url))


def remove(url: str) -> None:
    """Remove an object; one that isn't there is no error.

    Raises:
        PlatformError: if it can't be removed.
    """
    filesystem, path = _open(url)
    try:
        filesystem.rm_file(path)
    except FileNotFoundError:
        return
    except Exception as error:
        raise PlatformError(f"{url} can't be removed: {error}") from error


def _open(url: str) -> tuple[Any, str]:
    try:
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise ConfigurationError(
            f"{url} needs a package that isn't installed: {error}",
            hint="Run: pip install fsspec, and what its documentation names for the scheme.",
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{url} is no URL that fsspec knows: {error}") from error
    return filesystem, path
