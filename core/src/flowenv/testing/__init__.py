"""Tests for backends: a class that a backend's author subclasses.

It needs the extra `testing` of flowenv. In a test module of the backend:

    from flowenv.testing import BackendConformance

    class TestConformance(BackendConformance):
        def make_environment(self, **settings):
            return MyEnvironment(**settings)

pytest then runs every check. What a backend can't do, its `capabilities` say, and the kit
checks that asking for it gives a clear error. What else a backend or its rig can do, flags
say; a check that a flag switches off is reported as skipped, with the flag's name.
"""

from __future__ import annotations

from flowenv._lazily import names_of

TYPE_CHECKING = False  # as type checkers know it: `typing` itself takes its time
if TYPE_CHECKING:
    from flowenv.registry.registry import use_local_plugins
    from flowenv.testing.conformance import BackendConformance
    from flowenv.testing.plugins import flush_notifications, loaded_plugins
    from flowenv.testing.previews import preview_on_each_backend

__all__ = [
    "BackendConformance",
    "flush_notifications",
    "loaded_plugins",
    "preview_on_each_backend",
    "use_local_plugins",
]

# only when asked for: the kit's flows run in images, which have no pytest
__getattr__, __dir__ = names_of(
    globals(),
    {
        "registry.registry": "use_local_plugins",
        "testing.conformance": "BackendConformance",
        "testing.plugins": "flush_notifications loaded_plugins",
        "testing.previews": "preview_on_each_backend",
    },
)
