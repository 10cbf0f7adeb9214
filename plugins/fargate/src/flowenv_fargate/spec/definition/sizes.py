"""The sizes that Fargate has: pairs of CPU units and MiB.

Source: the `cpu` and `memory` parts of RegisterTaskDefinition in the ECS API reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowenv.errors import SpecError

SIZES: Mapping[int, range | tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
"""CPU units to the memory sizes in MiB that go with them."""

DEFAULT_CPU, DEFAULT_MEMORY = 1024, 2048
"""What a task gets when nobody says: one vCPU and 2 GiB."""


def as_units(value: str | int) -> str:
    """A task-level size as ECS stores it: CPU units or MiB, as text.

    >>> as_units(1024), as_units("1 vCPU"), as_units("0.5 vcpu"), as_units("2 GB")
    ('1024', '1024', '512', '2048')
    """
    text = str(value).strip()
    if found := re.fullmatch(r"([0-9.]+)\s*(vcpu|gb)", text.lower()):
        return str(int(float(found[1]) * 1024))
    return text


def complete_size(cpu: str | None, memory: str | None) -> tuple[str, str]:
    """The size of a task, with what the user left out.

    Args:
        cpu: CPU units, or None.
        memory: MiB, or None.

    Raises:
        SpecError: if Fargate has no such size.

    >>> complete_size(None, None), complete_size("256", None), complete_size(None, "16384")
    (('1024', '2048'), ('256', '2048'), ('2048', '16384'))
    """
    if cpu is None:
        cpu = str(DEFAULT_CPU) if memory is None else _cpu_for(_number(memory, "memory"))
    if memory is None:
        memory = _memory_for(_number(cpu, "cpu"))
    check_size(cpu, memory)
    return cpu, memory


def _memory_for(cpu: int) -> str:
    """The default memory, or what comes nearest with so many CPU units."""
    fitting = SIZES.get(cpu, (DEFAULT_MEMORY,))
    return str(min(fitting, key=lambda size: abs(size - DEFAULT_MEMORY)))


def _cpu_for(memory: int) -> str:
    """The default CPU units, or what comes nearest with so many MiB."""
    fitting = [cpu for cpu, sizes in SIZES.items() if memory in sizes]
    return str(min(fitting, key=lambda cpu: abs(cpu - DEFAULT_CPU), default=DEFAULT_CPU))


def check_size(cpu: str | None, memory: str | None) -> None:
    """Check that Fargate has a size.

    Raises:
        SpecError: with the sizes that come near.
    """
    units, mebibytes = _number(cpu, "cpu"), _number(memory, "memory")
    if units not in SIZES:
        known = ", ".join(map(str, SIZES))
        raise SpecError(
            f"Fargate has no size with cpu {cpu} and memory {memory}.",
            hint=f"cpu is one of {known}; leave out cpu or memory to have it chosen.",
        )
    if mebibytes not in SIZES[units]:
        fitting = list(SIZES[units])
        raise SpecError(
            f"Fargate has no size with cpu {cpu} and memory {memory}.",
            hint=f"With cpu {cpu}, memory is {_shown(fitting)} (MiB).",
        )


def _shown(sizes: list[int]) -> str:
    if len(sizes) <= 3:
        return " or ".join(map(str, sizes))
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"


def _number(value: str | None, name: str) -> int:
    if value is None or not value.isdigit():
        raise SpecError(
            f"{name} is {value!r}, which is no size.",
            hint="Give CPU units and MiB, such as cpu='1024', memory='2048', or '1 vCPU', '2 GB'.",
        )
    return int(value)
