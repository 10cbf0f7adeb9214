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

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowenv.testing.conformance import BackendConformance

__all__ = ["BackendConformance"]


def __getattr__(name: str) -> Any:
    # only when asked for: the kit's flows run in images, which have no pytest
    if name == "BackendConformance":
        from flowenv.testing.conformance import BackendConformance

        return BackendConformance
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
