"""Checks of how a backend's runs end, and what they leave behind."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowenv.errors import FlowenvError, RunCrashed, RunFailed
from flowenv.states import State
from flowenv.submission.lifecycle import submit
from flowenv.testing import flows
from flowenv.testing.base import ConformanceBase


class RunChecks(ConformanceBase):
    """Checks that submit runs and wait for their ends."""

    def test_a_flow_that_returns_completes_with_its_result(self) -> None:
        run = submit(flows.add, environment=self.make_environment(), parameters={"a": 2, "b": 3})
        end = time.monotonic() + self.timeout
        while not run.state.is_final and time.monotonic() < end:  # only looked at
            threading.Event().wait(0.02)
        assert run.state is State.COMPLETED, str(run.status)
        assert run.result() == 5

    def test_a_flow_that_raises_fails(self) -> None:
        run = self._ended(flows.fail, message="out of luck")
        assert run.state is State.FAILED, str(run.status)
        with pytest.raises(RunFailed, match="out of luck") as caught:
            run.result()
        assert caught.value.error_class == "ValueError"

    def test_a_process_that_dies_crashes(self) -> None:
        self._needs("tells_crashes")
        run = self._ended(flows.crash)
        assert run.state is State.CRASHED, str(run.status)
        assert run.status.reason is not None, "a crash needs a reason"
        assert run.status.message, "a crash needs a sentence"
        if run.environment.capabilities.logs:
            assert "dying" in list(run.logs()), "what was printed before is lost"
        with pytest.raises(RunCrashed):
            run.result()

    def test_states_go_forwards(self) -> None:
        run = submit(flows.add, environment=self.make_environment(), parameters={"a": 1})
        assert run.handle
        # the run itself ignores a step backwards, so what the handle says is looked at
        states = [status.state for status in run.handle.follow(self.timeout)]
        assert states, "follow() gives no status"
        for before, after in itertools.pairwise(states):
            assert before is after or before.may_become(after), f"{before} → {after}"
        assert states[-1].is_final, f"follow() ends with {states[-1]}"
        assert run.handle.status().state is states[-1], "the final state changes later"

    def test_wrong_parameters_submit_nothing(self) -> None:
        with pytest.raises(FlowenvError):
            submit(flows.add, environment=self.make_environment(), parameters={"c": 1})
        assert self.leftovers() == []

    def test_setting_up_again_makes_no_difference(self) -> None:
        environment = self.make_environment()
        environment.setup(flows.add)
        environment.setup(flows.add)
        assert self._ended(flows.add, environment, a=1).result() == 2

    def test_nothing_is_left_after_any_end(self) -> None:
        self._ended(flows.add, a=1)
        self._ended(flows.fail)
        if self.tells_crashes:
            self._ended(flows.crash)
        if self._can("cancel"):
            self._running().cancel()
        assert self.leftovers() == [], "runs that are over leave these behind"

    def test_runs_can_be_followed_together(self) -> None:
        environment = self.make_environment()
        runs = [submit(flows.add, environment=environment, parameters={"a": n}) for n in range(2)]
        with ThreadPoolExecutor(len(runs)) as pool:
            results = list(pool.map(lambda run: run.result(self.timeout), runs))
        assert results == [1, 2]
