"""What the checks of the conformance kit share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flowenv.configuration import configuration
from flowenv.environment import Environment
from flowenv.flow_run import FlowRun
from flowenv.lifecycle import Prepared, prepare, submit
from flowenv.registry import registry, reset
from flowenv.testing import flows

PLUGIN = """
from flowenv import Secret, hookimpl

@hookimpl
def flowenv_environment_variables(environment, flow_run, target):
    return {"KIT_ADDED": "yes", "KIT_SECRET": Secret("%(secret)s"),
            "PREFECT__CLOUD__GRAPHQL": "https://kit.example/graphql",
            "PREFECT__CLOUD__USE_LOCAL_SECRETS": None}
"""
REFUSING = """
from flowenv import RunRefused, hookimpl

@hookimpl
def flowenv_modify_spec(spec, environment, flow_run):
    raise RunRefused("The kit refuses this run.")
"""
KIT_SECRET = "kit-secret-value-5f2b"


class ConformanceBase:
    """What all checks of the kit share: the factory, the flags, small steps.

    Attributes:
        timeout: seconds that any run of the kit may take.
        idempotent: whether submitting the same run again finds the first submission.
            Backends that run the flow in the submitting process can't.
        carries_variables: whether the flow's process gets the run's variables. Backends
            that run the flow in the submitting process don't set its variables.
        tells_crashes: whether a crash of the flow's process can be seen. One in the
            submitting process can't.
        submitter: Python source that makes `environment` in another process, for the
            check of a submitter that is killed; None if nothing of a run outlives it.
    """

    timeout: ClassVar[float] = 60.0
    idempotent: ClassVar[bool] = True
    carries_variables: ClassVar[bool] = True
    tells_crashes: ClassVar[bool] = True
    submitter: str | None = None

    def make_environment(self, **settings: Any) -> Environment:
        """An environment of the backend; `settings` are of those that all environments share."""
        raise NotImplementedError("Subclasses make an environment of their backend.")

    def leftovers(self) -> list[str]:
        """The names of what runs have left on the platform, now that they are over.

        By default what the backend's own sweep finds; a test rig can look for itself.
        """
        environment = self.make_environment()
        if not environment.capabilities.sweep:
            return []
        hook = registry().hooks(environment.backend).hook
        found = hook.flowenv_sweep(environment=environment, older_than=0.0, delete=True)
        return [f"{one.kind} {one.name}" for one in found or [] if not one.removed]

    # -- fixtures and small steps ---------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _fresh_registry(self) -> Iterator[None]:
        reset()
        configuration.cache_clear()
        yield
        reset()
        configuration.cache_clear()

    @pytest.fixture
    def kit_plugin(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A local plugin that adds, replaces and removes variables, and adds a secret one."""
        self._use_plugin(PLUGIN % {"secret": KIT_SECRET}, tmp_path, monkeypatch)

    def _use_plugin(self, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = folder / "kit_plugin.py"
        path.write_text(text)
        monkeypatch.setenv("FLOWENV_PLUGINS", str(path))
        reset()

    def _prepared(self, **settings: Any) -> Prepared:
        return prepare(
            flows.add, environment=self.make_environment(**settings), parameters={"a": 1}
        )

    def _ended(self, flow: Any, **parameters: Any) -> FlowRun:
        run = submit(flow, environment=self.make_environment(), parameters=parameters)
        run.wait(self.timeout)
        return run

    def _can(self, capability: str) -> bool:
        return bool(getattr(self.make_environment().capabilities, capability))

    def _needs(self, flag: str) -> None:
        """Skip a check, in words, where a flag of the backend says that it can't do this."""
        there = getattr(self, flag) if hasattr(type(self), flag) else self._can(flag)
        if not there:
            pytest.skip(f"{type(self).__name__} says: no {flag.replace('_', ' ')}")
