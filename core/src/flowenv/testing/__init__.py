"""Tests for backends: a class that a backend's author subclasses.

Install with `pip install 'flowenv[testing]'`. In a test module of the backend:

    from flowenv.testing import BackendConformance

    class TestConformance(BackendConformance):
        def make_environment(self, **settings):
            return MyEnvironment(**settings)

pytest then runs every check. What a backend can't do, its `capabilities` say, and the kit
checks that asking for it gives a clear error. What else a backend or its rig can do, flags
say; a check that a flag switches off is reported as skipped, with the flag's name.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"flowenv.testing.{name}" for name in ("base", "operations", "runs", "specs", "variables"))
)

from flowenv.testing.operations import OperationChecks  # noqa: E402
from flowenv.testing.runs import RunChecks  # noqa: E402
from flowenv.testing.specs import SpecChecks  # noqa: E402
from flowenv.testing.variables import VariableChecks  # noqa: E402

__all__ = ["BackendConformance"]


class BackendConformance(SpecChecks, VariableChecks, RunChecks, OperationChecks):
    """What every backend has to do; subclass it in a test module, named `Test…`.

    See `flowenv.testing.base.ConformanceBase` for the factory and the flags.
    """
