"""The further files of a flow, as their names, folders and patterns say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from flowenv.errors import PayloadError

MOST = 1000
"""How many files one folder or pattern may bring."""


def names_of_files(files: Iterable[str], folder: Path, flow: str) -> list[str]:
    """The names that a flow's `files` stand for, each once.

    Args:
        files: names, folders such as `data/`, and patterns such as `*.csv` or `data/**/*.csv`.
        folder: where the flow's own file is.
        flow: the flow's name, for errors.

    Raises:
        PayloadError: if there is no such file, or there are too many.
    """
    found: dict[str, None] = {}
    for name in files:
        if name.endswith("/") or (folder / name).is_dir():
            _add(found, name, _below(folder / name), folder, flow)
        elif any(mark in name for mark in "*?[") and not (folder / name).exists():
            _refuse_outside(name, flow)
            _add(found, name, folder.glob(name), folder, flow)
        else:
            found[name] = None
    return list(found)


def _below(top: Path) -> Iterator[Path]:
    """The files of a folder, but for hidden ones and what Python compiled."""
    for path in top.rglob("*"):
        parts = path.relative_to(top).parts
        if not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path


def _add(found: dict[str, None], name: str, paths: Iterable[Path], folder: Path, flow: str) -> None:
    _refuse_outside(name, flow)
    names: list[str] = []
    for path in paths:
        if path.is_file():
            names.append(path.relative_to(folder).as_posix())
        if len(names) > MOST:
            raise PayloadError(
                f"The flow {flow} brings more than {MOST:,} files with {name}.",
                hint="Name the ones that it needs, or put them into the image or a store.",
            )
    if not names:
        raise PayloadError(f"The flow {flow} names files that aren't there: {name}.")
    found.update(dict.fromkeys(sorted(names)))


def _refuse_outside(name: str, flow: str) -> None:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise PayloadError(
            f"The flow {flow} names files outside its own folder: {name}.",
            hint="Put them beside the flow's file, or below.",
        )
