"""Sizes: Fargate's pairs, and what is chosen where the user leaves something out."""

import pytest

from flowenv.errors import SpecError
from flowenv_fargate.spec.definition.sizes import SIZES, check_size, complete_size


@pytest.mark.parametrize("cpu", SIZES)
def test_each_cpu_size_alone_gives_a_size_that_fargate_has(cpu: int) -> None:
    check_size(*complete_size(str(cpu), None))


@pytest.mark.parametrize("memory", sorted({m for sizes in SIZES.values() for m in sizes}))
def test_each_memory_size_alone_gives_a_size_that_fargate_has(memory: int) -> None:
    check_size(*complete_size(None, str(memory)))


def test_a_pair_that_fargate_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(SpecError, match="512 or 1024 or 2048"):
        complete_size("256", "4096")
    with pytest.raises(SpecError, match="2048 to 8192 in steps of 1024"):
        complete_size("1024", "1024")


def test_a_cpu_that_fargate_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(SpecError, match="256, 512, 1024"):
        complete_size("300", None)


def test_a_text_that_is_no_size_is_refused() -> None:
    with pytest.raises(SpecError, match="no size"):
        complete_size("much", None)
