"""The conformance kit, put together from its parts."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"flowenv.testing.{name}"
        for name in ("base", "operations", "runs", "specs", "variables", "waiting")
    )
)

from flowenv.testing.operations import OperationChecks  # noqa: E402
from flowenv.testing.runs import RunChecks  # noqa: E402
from flowenv.testing.specs import SpecChecks  # noqa: E402
from flowenv.testing.variables import VariableChecks  # noqa: E402
from flowenv.testing.waiting import WaitingChecks  # noqa: E402


class BackendConformance(SpecChecks, VariableChecks, RunChecks, OperationChecks, WaitingChecks):
    """What every backend has to do; subclass it in a test module, named `Test…`.

    See `flowenv.testing.base.ConformanceBase` for the factory and the flags.
    """
