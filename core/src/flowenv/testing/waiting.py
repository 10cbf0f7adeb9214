"""Checks of runs that wait, where the platform starts nothing for a while."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from flowenv.known_runs.attaching import attach
from flowenv.runs.flow_run import FlowRun
from flowenv.states import State
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv.testing.base import ConformanceBase

_A_WHILE = 0.3
"""Seconds for which a run that waits is followed."""


class WaitingChecks(ConformanceBase):
    """Checks of runs that wait, in the `hold()` that the author gives."""

    def test_a_run_that_waits_can_be_cancelled(self, tmp_path: Path) -> None:
        prepared, marks = self._held(tmp_path)
        self._needs("cancel")
        with self._hold():
            run = self._waiting(prepared)
            assert run.cancel().state is State.CANCELLED, f"after cancel(): {run.status}"
        assert run.handle
        assert run.handle.status().state is State.CANCELLED, "it has started after all"
        assert list(marks.iterdir()) == [], "a run that was cancelled while it waited has run"

    def test_a_run_that_waits_is_one_run(self, tmp_path: Path) -> None:
        prepared, marks = self._held(tmp_path)
        self._needs("idempotent")
        with self._hold():
            again = copy.copy(prepared.flow_run)
            run = self._waiting(prepared)
            again.handle = prepared.hooks.hook.flowenv_execute(
                environment=run.environment, flow_run=again, spec=prepared.spec
            )
            assert again.reference == run.reference, "submitted again, it is another run"
            if self._can("attach"):
                state = attach(run.reference, self.make_environment()).refresh().state
                assert state is run.state, f"attached to, it is {state}"
            if self._can("sweep"):
                swept = [one for one in self._sweep(delete=True) if one.run_id == run.id]
                assert swept == [], "a sweep takes a run that waits"
        assert run.wait(self.timeout).state is State.COMPLETED, str(run.status)
        self._assert_ran_once(marks)

    def _hold(self) -> AbstractContextManager[Any]:
        held = self.hold()
        if held is None:
            pytest.skip(f"{type(self).__name__} says: no hold")
        return held

    def _held(self, folder: Path) -> tuple[Prepared, Path]:
        """A run that leaves a mark in a folder when it runs."""
        marks = folder / "marks"
        marks.mkdir()
        environment, given = self.make_environment(), {"folder": str(marks)}
        return prepare(flows.execution, environment=environment, parameters=given), marks

    def _waiting(self, prepared: Prepared) -> FlowRun:
        run = prepared.submit()
        states = [status.state for status in run.follow(_A_WHILE)]
        wrong = [one for one in states if one is State.RUNNING or one.is_final]
        assert wrong == [], f"the platform starts nothing, but the run is {wrong[0].value}"
        return run
