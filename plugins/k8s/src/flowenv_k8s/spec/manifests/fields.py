"""Which fields there are in Jobs and Pods, of which kind, and where one belongs.

Kubernetes has the last word on which fields there are: newer versions have more.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping

from flowenv_k8s.spec.manifests.field_table import TABLE
from flowenv_k8s.spec.manifests.yaml_text import Path_

Fields = Mapping[str, str]
"""The fields of a type, each with its kind: `text`, `[text]`, `{text}`, a type's name, …."""

Around = tuple[tuple[Path_, str], ...]
"""A place and those around it, the outermost first: each with its type."""

_ALIKE = 0.75
"""How alike two names are of which one is meant for the other, from 0 to 1."""
_COMMON, _NEAR = 8, 2
"""A name that more types have than this says where it belongs only if that is near: in steps."""

_SERVERS = "OwnerReference"
"""A type that nobody writes: whoever has its fields in a wrong place means another's."""


@functools.cache
def types() -> Mapping[str, Fields]:
    """All types below Jobs and Pods, by their names."""
    found: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in TABLE.strip().splitlines():
        if line.startswith(" "):
            for word in line.split():
                name, _, kind = word.partition(":")
                fields[name] = kind
        else:
            fields = found.setdefault(line, {})
    return found


def misspelt(name: str, known: Fields) -> str:
    """The field that is meant by a name that isn't one; empty if none is.

    A newer Kubernetes may well have a longer name that begins with a known one.

    >>> known = dict.fromkeys(["mountPath", "resources", "restartPolicy"], "text")
    >>> misspelt("mount_path", known), misspelt("resorces", known)
    ('mountPath', 'resources')
    >>> misspelt("restartPolicyRules", known)
    ''
    """
    import difflib  # seldom needed

    plain = _plain(name)
    for field in known:
        if _plain(field) == plain:
            return field
    alike = difflib.get_close_matches(name, known, n=3, cutoff=_ALIKE)
    return next((one for one in alike if name.islower() or _words(one) == _words(name)), "")


def is_plural(name: str, field: str) -> bool:
    """True if two names differ only in number, as `volume` and `volumes` do."""
    return name in (f"{field}s", field.removesuffix("s"))


def owners_of(name: str) -> dict[str, str]:
    """The types that have a field of a name, and how they spell it."""
    plain = _plain(name)
    spelled = ((kind, field) for kind, fields in types().items() for field in fields)
    return {kind: field for kind, field in spelled if _plain(field) == plain and kind != _SERVERS}


def place_of(name: str, around: Around) -> tuple[Path_, str] | None:
    """Where a name is a field, nearest to where it stands.

    Args:
        name: the name; `mount_path` is taken for `mountPath`.
        around: the place where it stands, with those around it.

    Returns:
        The place and its type; None if it is a field nowhere there, or in too many places to
        say which one is meant.
    """
    owners = owners_of(name)
    best: tuple[Path_, str] | None = None
    nearest = 100 if len(owners) <= _COMMON else _NEAR + 1
    for up, (path, kind) in enumerate(reversed(around)):
        for down, there, inner in _below(path, kind):
            if up + down >= nearest:
                break
            if inner in owners:
                best, nearest = (there, inner), up + down
    return best


def _below(path: Path_, kind: str) -> Iterator[tuple[int, Path_, str]]:
    """A place and those in it with their types, the nearest first, and how many steps down."""
    here = [(path, kind)]
    for depth in range(20):
        inner: list[tuple[Path_, str]] = []
        for place, name in here:
            yield depth, place, name
            for field, of in types()[name].items():
                one = of.strip("[]{}")
                if one in types() and not of.startswith("{"):
                    inner.append(((*place, field, 0) if of != one else (*place, field), one))
        here = inner


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


def _words(name: str) -> int:
    return len(re.findall(r"[A-Z]+|^.", name))
