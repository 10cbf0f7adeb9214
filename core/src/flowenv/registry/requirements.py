"""What a plugin's distribution asks of flowenv's own distributions, and whether it is met."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator

from flowenv.registry.discovery import metadata, metadata_field

_REQUIREMENT = r"(flowenv[\w.-]*)\s*(?:\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(;.*)?"
_BOUND = r"(>=|<=|==|!=|~=|>|<)\s*(\d+(?:\.\d+)*)(?![\d.*])"
_COMPARE = {
    ">=": operator.ge,
    "~=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def unmet(distribution: str) -> list[str]:
    """The requirements on flowenv's distributions that what is installed doesn't meet.

    An installer sees to them, unless it was told not to, or something was installed later
    that replaced the version it had chosen. Read from metadata; nothing is imported.

    Args:
        distribution: the name of an installed distribution, such as `flowenv-k8s`.

    Returns:
        Sentences without a full stop; empty if all is well, or nothing is known.
    """
    importlib_metadata = metadata()
    try:
        its_text = importlib_metadata.distribution(distribution).read_text
    except importlib_metadata.PackageNotFoundError:
        return []
    return [
        problem for one in metadata_field(its_text, "Requires-Dist") for problem in _problems(one)
    ]


def _problems(requirement: str) -> Iterator[str]:
    found = re.fullmatch(_REQUIREMENT, requirement.strip())
    if found is None or found[3]:  # with a marker: for an extra, or another Python
        return
    importlib_metadata = metadata()
    name, bounds = found[1], found[2].strip()
    try:
        its_text = importlib_metadata.distribution(name).read_text
    except importlib_metadata.PackageNotFoundError:
        yield f"it needs {name}{bounds}, which isn't installed"
        return
    version = next(metadata_field(its_text, "Version"), "?")
    if not meets(version, bounds):
        yield f"it needs {name}{bounds}, but {name} {version} is installed"


def meets(version: str, bounds: str) -> bool:
    """Whether a version is within bounds; only its release numbers are looked at.

    >>> meets("0.10.1", ">=0.9,<1"), meets("1.0", "<1"), meets("2.0.dev1", ">=2")
    (True, False, True)
    """
    have = _numbers(version)
    return all(_COMPARE[sign](have, _numbers(bound)) for sign, bound in re.findall(_BOUND, bounds))


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
