"""Objects at a URL that the user names: large payloads and results, through fsspec."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any

from flowenv.errors import ConfigurationError, PlatformError


def write(url: str, data: bytes) -> None:
    """Write an object; an existing one is replaced.

    On this machine's own file system only the user can read it, and the folders made for it.

    Args:
        url: of any scheme that fsspec knows: `s3://…`, `gs://…`, `file:///…`.
        data: its bytes.

    Raises:
        ConfigurationError: if fsspec, or what the scheme needs, isn't installed.
        PlatformError: if it can't be written.
    """
    filesystem, path = _open(url)
    try:
        if "file" in (filesystem.protocol, *filesystem.protocol):
            _write_here(Path(path), data)
            return
        # an object store's path begins with its bucket: it has no folders, and to make one there
        # would be to ask for a bucket
        if path.startswith("/"):
            filesystem.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH120
        filesystem.pipe_file(path, data)
    except Exception as error:
        raise PlatformError(f"{url} can't be written: {error}") from error


def _write_here(path: Path, data: bytes) -> None:
    missing = [one for one in path.parents if not one.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    # a new file, whose mode is right from the start, in place of whatever is there
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(url: str, most: int | None = None) -> bytes:
    """Read an object.

    Args:
        url: where it is.
        most: the most bytes that it may have; None for any number.

    Raises:
        ConfigurationError: if fsspec, or what the scheme needs, isn't installed.
        PlatformError: if it can't be read.
    """
    filesystem, path = _open(url)
    try:
        # a byte more shows that there are too many; not all file systems know the size before
        content = bytes(filesystem.cat_file(path, end=None if most is None else most + 1))
        if most is not None and len(content) > most:
            raise OSError(f"it has more than {most:,} bytes")
        return content
    except Exception as error:
        raise PlatformError(f"{url} can't be read: {error}") from error


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


def local_path(url: str) -> Path | None:
    """The path of a URL on the own disk of whoever reads or writes there; None for another place.

    >>> local_path("file:///results"), local_path("s3://bucket/results")
    (PosixPath('/results'), None)
    """
    scheme, found, path = url.partition("://")
    if not found:
        return Path(url)
    return Path(path) if scheme in ("file", "local") else None


def missing_package(url: str) -> str:
    """The package that a URL needs and that isn't installed here; empty if none is missing.

    Nothing but fsspec is imported.

    Raises:
        ConfigurationError: if fsspec knows no such URL.
    """
    try:
        from fsspec.registry import available_protocols, known_implementations
    except ImportError:
        return "fsspec"
    for part in url.split("::"):
        scheme, found, _ = part.partition("://")
        if not found:
            continue
        if scheme not in available_protocols():
            raise ConfigurationError(f"{url} is no URL that fsspec knows: {scheme}.")
        module = str(known_implementations.get(scheme, {}).get("class", "fsspec")).partition(".")[0]
        if importlib.util.find_spec(module) is None:
            return module
    return ""


def try_out(url: str) -> None:
    """Write an object of a few bytes, and remove it.

    Raises:
        ConfigurationError: if what the URL needs isn't installed.
        PlatformError: if it can't be written.
    """
    write(url, b"flowenv")
    with contextlib.suppress(PlatformError):  # it need not be allowed
        remove(url)


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
