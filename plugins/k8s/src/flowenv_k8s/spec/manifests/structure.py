"""Whether a manifest has the fields that its type has, each of the right kind.

What looks like a misspelt field, or is one in a wrong place, is refused here, offline. Any other
that isn't known may be of a newer Kubernetes: the API server is asked to decode strictly
(https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from flowenv_k8s.spec.manifests.fields import (
    Around,
    is_plural,
    misspelt,
    owners_of,
    place_of,
    types,
)
from flowenv_k8s.spec.manifests.manifest import Manifest, dotted, mapping_at
from flowenv_k8s.spec.manifests.yaml_text import Path_
from flowenv_k8s.spec.quantities import HINT, is_quantity

_SAID = {
    "number": "a whole number",
    "flag": "true or false",
    "port": "a number or a name",
}
_PLACES = {
    "Container": "a container",
    "PodSpec": "the pod's spec",
    "JobSpec": "the Job's spec",
    "ObjectMeta": "metadata",
}
"""What messages call the places that everybody knows."""


def check_fields(manifest: Manifest, path: Path_, kind: str) -> list[Path_]:
    """Look for fields that are misspelt, in a wrong place or of a wrong kind.

    Args:
        manifest: the manifest.
        path: where in it to look.
        kind: the type of what is there, such as `Job`, `PodSpec` or `ObjectMeta`.

    Returns:
        The fields that Kubernetes doesn't have as far as is known.

    Raises:
        SpecError: naming the field, where it stands and what was meant.
    """
    mapping_at(manifest, *path)
    data: Any = manifest.data
    for key in path:
        data = (data or {}).get(key)
    if is_right(kind)(data):
        return []
    return list(_fields(manifest, path, data or {}, kind, ()))


@functools.cache
def is_right(kind: str) -> Callable[[Any], bool]:
    """What tells whether something is of a kind, and all fields in it are known ones.

    It doesn't say what is wrong where. Most is right, and is checked for each run of a batch.

    Args:
        kind: as the table of fields has it.
    """
    if kind == "any":
        return lambda value: True
    if kind == "text":
        return lambda value: value is None or isinstance(value, str)
    if kind.startswith("["):
        return lambda value: (
            value is None or (isinstance(value, list) and all(map(is_right(kind[1:-1]), value)))
        )
    if kind.startswith("{"):
        return lambda value: (
            value is None
            or (isinstance(value, dict) and all(map(is_right(kind[1:-1]), value.values())))
        )
    if known := types().get(kind):
        return lambda value: (
            value is None
            or (
                isinstance(value, dict)
                and all(name in known and is_right(known[name])(one) for name, one in value.items())
            )
        )
    is_of = is_quantity if kind == "quantity" else functools.partial(_is_of, kind=kind)
    return lambda value: value is None or is_of(value)


def _fields(
    manifest: Manifest, path: Path_, there: dict[Any, Any], kind: str, outer: Around
) -> Iterator[Path_]:
    around = (*outer, (path, kind))
    known = types()[kind]
    for name, value in there.items():
        at = (*path, name)
        if of := known.get(name):
            yield from _value(manifest, at, value, of, around)
        else:
            _check_name(manifest, at, around)
            yield at


def _value(manifest: Manifest, at: Path_, value: Any, kind: str, around: Around) -> Iterator[Path_]:
    if value is None or kind == "any":
        return
    if kind.startswith("["):
        if not isinstance(value, list):
            _refuse_as_list(manifest, at, value, kind)
        for index, one in enumerate(value):
            yield from _value(manifest, (*at, index), one, kind[1:-1], around)
    elif kind in types() or kind.startswith("{"):
        if not isinstance(value, dict):
            manifest.fail(f"{_named(at)} must be a mapping{_not(manifest, at, value)}.", *at)
        if kind in types():
            yield from _fields(manifest, at, value, kind, around)
            return
        for name, one in value.items():
            yield from _value(manifest, (*at, name), one, kind[1:-1], around)
    elif kind == "text":
        if not isinstance(value, str):  # what it is called takes longer than the check
            check_text(manifest, at, value, _named(at, manifest))
    elif kind == "quantity":
        if not is_quantity(value):
            shown = f"{_named(at)} is {value!r}, which is no quantity."
            manifest.fail(shown, *at, hint=HINT)
    elif not _is_of(value, kind):
        manifest.fail(f"{_named(at)} must be {_SAID[kind]}{_not(manifest, at, value)}.", *at)


def _is_of(value: Any, kind: str) -> bool:
    if kind == "flag":
        return isinstance(value, bool)
    if kind == "port" and isinstance(value, str):
        return True
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse_as_list(manifest: Manifest, at: Path_, value: Any, kind: str) -> None:
    said = "a list of texts" if kind == "[text]" else "a list"
    if kind == "[text]" and isinstance(value, str):
        manifest.fail(
            f"{_named(at)} must be {said}; it is the one text {manifest.written(*at)!r}.",
            *at,
            hint=f"For a shell, write [sh, -c, {json.dumps(value, ensure_ascii=False)}]; else "
            "each word by itself.",
        )
    hint = ""
    if isinstance(value, dict):
        hint = "Begin it with a dash: it is the first of a list."
        fields = types().get(kind[1:-1], {})
        if "value" in fields and not fields.keys() & value.keys():
            hint = "Write each name as an entry of its own: - {name: A, value: b}."
    manifest.fail(f"{_named(at)} must be {said}{_not(manifest, at, value)}.", *at, hint=hint)


def _not(manifest: Manifest, at: Path_, value: Any) -> str:
    if isinstance(value, str | int | float):
        return f", not {manifest.written(*at)!r}"
    return f", not a {type(value).__name__}" if isinstance(value, list | dict) else ""


def check_text(manifest: Manifest, at: Path_, value: Any, name: str) -> None:
    """Check that there is a text, as Kubernetes wants it.

    Args:
        manifest: the manifest.
        at: where.
        value: what is there.
        name: what messages call it.

    Raises:
        SpecError: naming the place, and how the source would have to write it.
    """
    if isinstance(value, str):
        return
    if isinstance(value, list | dict):
        manifest.fail(f"{name} must be a text, not a {type(value).__name__}.", *at)
    written = manifest.written(*at)
    manifest.fail(f"{name} is {written}, which is no text.", *at, hint=f'Quote it: "{written}".')


def _named(at: Path_, manifest: Manifest | None = None) -> str:
    """What messages call a place."""
    if len(at) > 1 and at[-2] in ("labels", "annotations"):
        return f"the {str(at[-2])[:-1]} {at[-1]}"
    if manifest and at[-3:-2] == ("env",) and at[-1] == "value":
        entry: Any = manifest.data
        for key in at[:-1]:
            entry = entry[key]
        return f"the env entry {entry.get('name')}"
    return dotted(at)


def _check_name(manifest: Manifest, at: Path_, around: Around) -> None:
    name, (here, kind) = str(at[-1]), around[-1]
    wrong = f"there is no field {name!r} here."
    meant, owners = misspelt(name, types()[kind]), owners_of(name)
    found = place_of(name, around)
    if found and found[0] != here and not is_plural(name, meant):
        place, owner = found
        where = f"{_PLACES[owner]} ({dotted(place)})" if owner in _PLACES else dotted(place)
        as_ = f", as {owners[owner]!r}" if owners[owner] != name else ""
        manifest.fail(wrong, *at, hint=f"It belongs to {where or 'the top of the manifest'}{as_}.")
    if meant:
        manifest.fail(wrong, *at, hint=f"Did you mean {meant!r}?")
    if owner := next((one for one in owners if one in _PLACES), ""):
        manifest.fail(wrong, *at, hint=f"It is a field of {_PLACES[owner]}.")
