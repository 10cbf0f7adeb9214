"""What the tests of this backend share."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.loaders import create_loader

import flowenv.registry.registry
from flowenv import Flow
from flowenv.flows.finding import find_flow
from flowenv.plugin import configuration

FLOWS = Path(__file__).parent / "flows" / "cluster_flows.py"
EXAMPLE = Path(__file__).parents[3] / "examples" / "model_selection" / "model_selection.py"


@pytest.fixture(scope="session", autouse=True)
def _descriptions_read_once() -> Iterator[None]:
    """AWS's descriptions of its services are read once, not by every session that talks to it."""
    with patch("botocore.loaders.create_loader", functools.cache(create_loader)):
        yield


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No configuration but a test's own."""
    monkeypatch.chdir(tmp_path)
    flowenv.registry.registry.reset()
    configuration.cache_clear()
    yield
    flowenv.registry.registry.reset()
    configuration.cache_clear()


@pytest.fixture
def flow_named() -> Callable[[str], Flow[..., Any]]:
    """A flow of `flows/cluster_flows.py`."""
    return lambda name: find_flow(f"{FLOWS}:{name}")


@pytest.fixture
def example() -> Flow[..., Any]:
    """The parallel example."""
    return find_flow(f"{EXAMPLE}:select_model")


@pytest.fixture
def example_parameters() -> dict[str, int]:
    """Parameters that make the example small."""
    return {"resolution": 2, "folds": 2, "images": 200}
