"""Checks of a backend's runs: how they end, and what can be done with them."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from flowenv.errors import (
    FlowenvError,
    RunCancelled,
    RunCrashed,
    RunFailed,
    RunNotFound,
    UnsupportedOperation,
)
from flowenv.flow_run import FlowRun
from flowenv.lifecycle import attach, submit
from flowenv.registry import registry, reset
from flowenv.states import State
from flowenv.testing import flows
from flowenv.testing.base import ConformanceBase


class RunChecks(ConformanceBase):
    """Checks that submit runs and look at them."""

    # -- ends -----------------------------------------------------------------------------

    def test_a_flow_that_returns_completes_with_its_result(self) -> None:
        run = self._ended(flows.add, a=2, b=3)
        assert run.state is State.COMPLETED
        assert run.result() == 5

    def test_a_flow_that_raises_fails(self) -> None:
        run = self._ended(flows.fail, message="out of luck")
        assert run.state is State.FAILED
        with pytest.raises(RunFailed, match="out of luck") as caught:
            run.result()
        assert caught.value.error_class == "ValueError"

    def test_a_process_that_dies_crashes(self) -> None:
        self._needs("tells_crashes")
        run = self._ended(flows.crash)
        assert run.state is State.CRASHED
        assert run.status.reason is not None
        with pytest.raises(RunCrashed):
            run.result()

    def test_states_go_forwards(self) -> None:
        seen: list[State] = []
        run = submit(flows.add, environment=self.make_environment(), parameters={"a": 1})
        run.wait(self.timeout, on_status=lambda status: seen.append(status.state))
        steps = [State.PENDING, *seen]
        pairs = itertools.pairwise(steps)
        assert all(one is other or one.may_become(other) for one, other in pairs)
        assert run.state.is_final

    def test_wrong_parameters_submit_nothing(self) -> None:
        with pytest.raises(FlowenvError):
            submit(flows.add, environment=self.make_environment(), parameters={"c": 1})
        assert self.leftovers() == []

    def test_nothing_is_left_after_any_end(self) -> None:
        self._ended(flows.add, a=1)
        self._ended(flows.fail)
        if self.tells_crashes:
            self._ended(flows.crash)
        assert self.leftovers() == []

    # -- capabilities ---------------------------------------------------------------------

    def test_logs_have_each_line_once(self) -> None:
        run = self._ended(flows.add, a=1)
        if not self._can("logs"):
            with pytest.raises(UnsupportedOperation):
                list(run.logs())
            return
        assert [line for line in run.logs() if "adding up" in line] == ["adding up"]

    def test_logs_can_be_followed_to_the_end(self) -> None:
        self._needs("logs")
        run = submit(flows.add, environment=self.make_environment(), parameters={"a": 1})
        assert "adding up" in list(run.logs(follow=True))

    def test_a_cancelled_run_is_over(self) -> None:
        if not self._can("cancel"):
            assert self._ended(flows.add, a=1).cancel().state is State.COMPLETED
            return
        run = self._running()
        assert run.cancel().state is State.CANCELLED
        with pytest.raises(RunCancelled):
            run.result()
        assert self.leftovers() == []

    def _running(self) -> FlowRun:
        run = submit(flows.wait_for_ever, environment=self.make_environment(), parameters={})
        for status in run.follow(self.timeout):
            if status.state is State.RUNNING:
                return run
        raise AssertionError(f"the run didn't start: {run.status}")

    def test_another_process_can_attach(self) -> None:
        run = self._ended(flows.add, a=20, b=3)
        if not self._can("attach"):
            with pytest.raises(UnsupportedOperation):
                attach("anything", self.make_environment())
            return
        reset()
        found = attach(run.reference, self.make_environment())
        assert (found.id, found.flow_name) == (run.id, run.flow_name)
        assert found.result(self.timeout) == 23

    def test_attaching_to_an_unknown_run_is_an_error(self) -> None:
        self._needs("attach")
        with pytest.raises(RunNotFound):
            attach("00000000-1111-4222-8333-444444444444", self.make_environment())

    def test_runs_are_found_by_label(self) -> None:
        self._needs("find")
        environment = self.make_environment(labels=["kit-a"])
        run = submit(flows.add, environment=environment, parameters={"a": 1}, labels=["kit-b"])
        run.wait(self.timeout)
        hook = registry().hooks(environment.backend).hook
        for labels, there in ((["kit-a", "kit-b"], True), (["kit-a", "kit-c"], False)):
            found = hook.flowenv_find_runs(environment=environment, labels=labels)
            assert (run.id in {one.run_id for one in found}) is there

    def test_submitting_the_same_run_again_finds_the_first(self) -> None:
        self._needs("idempotent")
        prepared = self._prepared()
        first = prepared.submit()
        again = prepared.hooks.hook.flowenv_execute(
            environment=first.environment, flow_run=first, spec=prepared.spec
        )
        assert again.reference == first.reference
        assert first.result(self.timeout) == 2

    def test_runs_can_be_followed_together(self) -> None:
        environment = self.make_environment()
        runs = [submit(flows.add, environment=environment, parameters={"a": n}) for n in range(4)]
        results: dict[int, Any] = {}
        threads = [
            threading.Thread(target=lambda n=n, r=r: results.update({n: r.result(self.timeout)}))
            for n, r in enumerate(runs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self.timeout)
        assert results == {n: n + 1 for n in range(4)}

    def test_a_run_outlives_its_killed_submitter(self, tmp_path: Path) -> None:
        self._needs("attach")
        assert self.submitter, "give `submitter`: this backend's runs can be attached"
        script = tmp_path / "submit_and_die.py"
        script.write_text(
            f"{self.submitter}\nimport os, signal, flowenv\nfrom flowenv.testing import flows\n"
            "run = flowenv.submit(flows.add, environment=environment, parameters={'a': 41})\n"
            "print(run.reference, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
        )
        died = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, timeout=self.timeout
        )
        assert died.returncode == -signal.SIGKILL, died.stderr
        run = attach(died.stdout.strip().splitlines()[-1], self.make_environment())
        assert run.result(self.timeout) == 42
        assert self.leftovers() == []
