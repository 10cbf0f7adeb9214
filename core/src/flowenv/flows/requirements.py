"""What a flow imports, as its author has written it down: with the flow, in a file, or inline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowenv.errors import PayloadError
from flowenv.flows.code_reference import CodeReference
from flowenv.flows.definition import Flow

_SCRIPT = "# /// script"
_REQUIREMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*([(<>=!~;@].*)?"
"""A requirement's form (https://peps.python.org/pep-0508/), as far as a mistake shows here."""


def requirements_of(flow: Flow[..., Any], reference: CodeReference) -> tuple[str, ...]:
    """What is installed where the flow runs, before it starts, unless it is there already.

    Args:
        flow: its `requirements` are a list, or the name of a requirements file beside its own.
            Without any, the inline script metadata of its file counts, if the file is shipped.
        reference: where the flow's code is.

    Raises:
        PayloadError: if one is no requirement; with file and line.
    """
    if isinstance(flow.requirements, str):
        found = list(_in_file(flow, reference))
    elif flow.requirements is not None:
        found = [(f"requirements of the flow {flow.name}", one) for one in flow.requirements]
    elif reference.code == "source" and reference.path:
        found = [(str(reference.path), one) for one in _inline(reference.path)]
    else:
        return ()
    for place, one in found:
        if not isinstance(one, str) or not re.fullmatch(_REQUIREMENT, one.strip()):
            raise PayloadError(
                f"{place}: {one!r} is no requirement.",
                hint="Write a distribution's name with or without a version, such as pandas>=2.",
            )
    return tuple(one.strip() for _, one in found)


def _in_file(flow: Flow[..., Any], reference: CodeReference) -> Iterator[tuple[str, str]]:
    """The lines of a requirements file that are requirements, each with its place."""
    folder = reference.path.parent if reference.path else Path.cwd()
    path = folder / str(flow.requirements)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PayloadError(
            f"The requirements of the flow {flow.name} can't be read from {path}: {error}."
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        if requirement := re.sub(r"(^|\s)#.*", "", line).strip():
            yield f"{path}:{number}", requirement


def _inline(path: Path) -> list[Any]:
    """The dependencies in a script's own metadata (https://peps.python.org/pep-0723/).

    Raises:
        PayloadError: if the metadata is no TOML, or there are two blocks of it.
    """
    text = path.read_text("utf-8-sig", "replace")
    blocks = list(_script_blocks(text.splitlines())) if _SCRIPT in text else []
    if not blocks:
        return []
    if len(blocks) > 1:
        raise PayloadError(f"{path}: there are two blocks of script metadata.")
    import tomllib

    try:
        found = tomllib.loads(blocks[0]).get("dependencies", [])
    except tomllib.TOMLDecodeError as error:
        raise PayloadError(f"{path}: the script metadata is no TOML: {error}.") from error
    if not isinstance(found, list):
        raise PayloadError(f"{path}: dependencies in the script metadata must be a list.")
    return found


def _script_blocks(lines: list[str]) -> Iterator[str]:
    """The content of each `# /// script` block: it goes to the last `# ///` behind it."""
    number = 0
    while number < len(lines):
        if lines[number] != _SCRIPT:
            number += 1
            continue
        block: list[str] = []
        last = None
        for line in lines[number + 1 :]:
            if line != "#" and not line.startswith("# "):
                break
            if line == "# ///":
                last = len(block)
            block.append(line[2:])
        if last is not None:
            yield "\n".join(block[:last])
        number += 1 + len(block)
