"""The local backend passes the conformance kit; what it can't do is said by flags."""

from __future__ import annotations

from typing import Any

from flowenv.testing import BackendConformance
from flowenv_local import LocalEnvironment


class TestLocalConformance(BackendConformance):
    idempotent = False
    carries_variables = False
    tells_crashes = False

    def make_environment(self, **settings: Any) -> LocalEnvironment:
        return LocalEnvironment(**settings)
