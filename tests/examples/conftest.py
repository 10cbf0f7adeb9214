"""The examples, loaded as `flowenv run` loads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow
from flowenv.flows.finding import load_target

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example() -> Callable[[str], Flow[..., Any]]:
    """Load the flow of an example by the name of its folder."""
    return lambda name: load_target(str(EXAMPLES / name / f"{name}.py"))
