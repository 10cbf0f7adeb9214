"""flowenv as it travels with a run: one zip, made from the submitter's own installation.

With it any image with Python will do, and both sides have the same version. Python imports from
the zip itself, so nothing is unpacked or installed.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import io
import marshal
import os
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from flowenv.contract.process import Runtime
from flowenv.errors import PayloadError
from flowenv.registry.discovery import metadata, metadata_field
from flowenv.settings.user_folders import cache_folder

CORE = ("flowenv", "cloudpickle", "pluggy")
"""The distributions of which a flow's process needs something; all are Python alone."""

_PACKAGES = {"PyYAML": "yaml"}
"""Distributions whose package has another name; PyYAML does without its compiled part."""

_LEFT_OUT = {("flowenv", "cli"), ("flowenv", "journal"), ("flowenv", "_template")}
"""What a flow's process never imports."""

_WITH_BYTECODE = tuple(f"{name}/" for name in CORE)
_ROOMS_AS_SOURCE = (
    *("batches/", "executors/dask_cluster/", "flows/parameters/", "journal/", "known_runs/"),
    *("payload/", "reports/", "submission/", "testing/"),
)
_MODULES_AS_SOURCE = (
    *("answers/summaries", "contract/process", "contract/shipped_command", "contract/spec_views"),
    *("contract/variables", "executors/dask.", "executors/local_dask", "flows/code_reference"),
    *("flows/further_files", "flows/guessed_names", "flows/requirements", "hooks/notifications"),
    *("origin", "plugin.py", "registry/settings_of_plugins", "remote/marks", "remote/outages"),
    *("remote/poll", "results/logged", "results/place", "results/saved", "results/whole_files"),
    *("runs/files_of_run", "runs/shown_parameters", "runs/submitter", "runs/waiting"),
    *("settings/plugin_settings", "settings/unused_secrets"),
)
_AS_SOURCE = tuple(f"flowenv/{name}" for name in (*_ROOMS_AS_SOURCE, *_MODULES_AS_SOURCE))
"""What few starts import, or none; with all else the file would outgrow a ConfigMap."""
_BYTECODE_ALL_THE_SAME = ("flowenv/payload/__init__.py", "flowenv/payload/header.py")

_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_MAKING = threading.Lock()
"""For threads that submit at the same time: one makes it, and the others find it."""
_OLDEST = (1980, 1, 1, 0, 0, 0)  # what a zip can say; so that the same content is the same bytes


@functools.cache
def shipped_runtime(distributions: tuple[str, ...] = ()) -> Runtime:
    """What a run's container imports flowenv from.

    Beside the source of the core's modules stands its bytecode, which a Python of this minor
    version takes; another one compiles the source. What was made once is kept in the user's cache
    folder.

    Args:
        distributions: further distributions that the flow's process imports, such as a backend
            that makes its cluster there; they are Python alone.

    Raises:
        PayloadError: if one of them isn't installed as files that can be read.

    >>> shipped_runtime() is shipped_runtime()
    True
    """
    names = dict.fromkeys((*CORE, *distributions))
    modules = sorted(one for name in names for one in _modules(name))
    # of the others, what the image itself has installed is to be found
    ours = [name for name in names if name.startswith("flowenv")]
    told = sorted(one for name in ours for one in _metadata(name))
    kept = cache_folder() / "runtimes" / f"{_key(modules, told)}.zip"
    with _MAKING:
        try:
            return Runtime(kept.read_bytes())
        except OSError:
            sources = ((name, _shipped(name, path)) for name, path in modules)
            made = Runtime(_archive([*sources, *told]))
        with contextlib.suppress(OSError):  # then it is made again next time
            _keep(kept, made.content)
    return made


def _key(modules: Iterable[tuple[str, Path]], told: Iterable[tuple[str, bytes]]) -> str:
    """What changes whenever a file does, without reading them all: even a forged time shows."""
    key = hashlib.sha256(importlib.util.MAGIC_NUMBER)
    for name, path in modules:
        found = path.stat()
        key.update(f"{name} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}\n".encode())
    for name, content in told:
        key.update(name.encode() + content)
    return key.hexdigest()


def _archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """The same bytes for the same files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:

        def add(name: str, content: bytes) -> None:
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 6)

        for name, content in files:
            add(name, content)
            if _has_bytecode(name):
                add(f"{name}c", _bytecode(name, content))
    return written.getvalue()


def _shipped(name: str, path: Path) -> bytes:
    """A module's source; ours without what is there to be read, in lines of the same numbers."""
    source = _read(path)
    return _without_documentation(source) if name.startswith("flowenv") else source


def _without_documentation(source: bytes) -> bytes:
    """A source whose docstrings, and strings that document a variable, are a dash."""
    lines = source.decode().splitlines(keepends=True)
    for one in ast.walk(ast.parse(source)):
        if not isinstance(one, ast.Expr) or not isinstance(one.value, ast.Constant):
            continue
        if not isinstance(one.value.value, str):
            continue
        assert one.end_lineno
        first, last = one.lineno - 1, one.end_lineno
        before, after = lines[first][: one.col_offset], lines[last - 1].encode()
        if before.strip() or after[one.end_col_offset :].strip():
            continue  # there is more in these lines
        lines[first:last] = [f'{before}"-"\n', *["\n"] * (last - first - 1)]
    return "".join(lines).encode()


def _has_bytecode(name: str) -> bool:
    if name in _BYTECODE_ALL_THE_SAME:
        return True
    return name.startswith(_WITH_BYTECODE) and not name.startswith(_AS_SOURCE)


def _bytecode(name: str, source: bytes) -> bytes:
    """A module's bytecode file (https://peps.python.org/pep-0552/) that nobody checks again.

    Nobody reads docstrings there. Something stands in their place, as a class of `dataclasses`
    without one takes long to make one.
    """
    tree = ast.parse(source)
    for one in ast.walk(tree):
        if isinstance(one, _DOCUMENTED) and ast.get_docstring(one, clean=False):
            docstring = one.body[0]
            assert isinstance(docstring, ast.Expr)
            docstring.value = ast.copy_location(ast.Constant("-"), docstring)
    code = compile(tree, name, "exec", dont_inherit=True, optimize=0)
    unchecked = (1).to_bytes(4, "little")
    # a version of the format that doesn't tell what else this process has referred to
    body = marshal.dumps(code, 2)
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(source) + body


def _keep(path: Path, content: bytes) -> None:
    """Write a file that another process sees as a whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)


def _modules(distribution: str) -> Iterator[tuple[str, Path]]:
    """The modules of a distribution: their names in the zip, and where they are here."""
    package = _PACKAGES.get(distribution) or distribution.replace("-", "_")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PayloadError(
            f"{distribution} can't be shipped with the run: it isn't installed here as a package.",
            hint='Install it, or set runtime = "image" and use an image that has it.',
        )
    folder = next(iter(spec.submodule_search_locations))
    for here, folders, files in os.walk(folder):
        below = here.removeprefix(folder).replace(os.sep, "/")
        folders[:] = [one for one in folders if (package, one) not in _LEFT_OUT]
        for file in files:
            if file.endswith(".py"):
                yield f"{package}{below}/{file}", Path(here, file)


def _metadata(distribution: str) -> Iterator[tuple[str, bytes]]:
    """What says a distribution's version and its entry points."""
    found = metadata().distribution(distribution)
    version = next(metadata_field(found.read_text, "Version"), "0")
    folder = f"{distribution.replace('-', '_')}-{version}.dist-info"
    text = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    yield f"{folder}/METADATA", text.encode()
    if points := found.read_text("entry_points.txt"):
        yield f"{folder}/entry_points.txt", points.encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PayloadError(
            f"flowenv can't be shipped with the run: {path} can't be read: {error}.",
            hint='Set runtime = "image" and use an image that has it.',
        ) from error
