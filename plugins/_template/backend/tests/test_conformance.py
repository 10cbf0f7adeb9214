"""flowenv's conformance kit on this backend."""

from __future__ import annotations

from typing import Any

from flowenv.testing import BackendConformance

from flowenv_acme import AcmeEnvironment


class TestConformance(BackendConformance):
    def make_environment(self, **settings: Any) -> AcmeEnvironment:
        return AcmeEnvironment(**settings)
