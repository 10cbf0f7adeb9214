"""Tests for backends: a class that a backend's author subclasses.

Install with `pip install 'flowenv[testing]'`. In a test module of the backend:

    from flowenv.testing import BackendConformance

    class TestConformance(BackendConformance):
        def make_environment(self, **settings):
            return MyEnvironment(**settings)

pytest then runs every check. What a backend can't do, its `capabilities` say, and the kit
checks that asking for it gives a clear error.
"""

import pytest

pytest.register_assert_rewrite(
    "flowenv.testing.base", "flowenv.testing.specs", "flowenv.testing.runs"
)

from flowenv.testing.runs import RunChecks  # noqa: E402
from flowenv.testing.specs import SpecChecks  # noqa: E402

__all__ = ["BackendConformance"]


class BackendConformance(SpecChecks, RunChecks):
    """What every backend has to do; subclass it in a test module, named `Test…`.

    See `flowenv.testing.base.ConformanceBase` for the factory and the flags.
    """
