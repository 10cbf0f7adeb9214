from __future__ import annotations

import pytest

from ..containers import Container
from .flows_of_containers import make_run


@pytest.fixture
def run_flow(toy, tmp_path):
    """Run one of the flows in a container."""

    def run(name, parameters=None, *, variables=None, outcome_file=True, **settings):
        made = make_run(tmp_path, name, parameters, **settings)
        return Container(tmp_path, made, variables=variables, outcome_file=outcome_file).wait()

    return run
