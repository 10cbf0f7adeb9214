"""The examples, loaded as `flowenv run` loads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow
from flowenv.flows.finding import find_flow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example() -> Callable[[str], Flow[..., Any]]:
    """Load the flow of an example by the name of its folder."""
    return lambda name: find_flow(str(EXAMPLES / name / f"{name}.py"))
