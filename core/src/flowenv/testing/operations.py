"""Checks of what can be done with a run: logs, cancel, attach, find, sweep, submit again."""

from __future__ import annotations

import copy
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flowenv.errors import RunCancelled, RunNotFound, UnsupportedOperation
from flowenv.known_runs.attaching import attach
from flowenv.known_runs.finding import find_runs
from flowenv.states import State
from flowenv.submission.lifecycle import prepare, submit
from flowenv.testing import flows
from flowenv.testing.base import ConformanceBase

_UNKNOWN = ("00000000-1111-4222-8333-444444444444", "nosuch")
_DAY = 86_400.0


class OperationChecks(ConformanceBase):
    """Checks of the operations that the backend's `capabilities` name, and of their absence."""

    # -- logs -------------------------------------------------------------------------------

    def test_logs_have_each_line_once(self) -> None:
        run = self._ended(flows.add, a=1)
        if not self._can("logs"):
            with pytest.raises(UnsupportedOperation):
                list(run.logs())
            return
        lines = list(run.logs())
        assert lines.count("adding up") == 1, f"the flow prints 'adding up' once: {lines}"

    def test_logs_can_be_followed_to_the_end(self) -> None:
        self._needs("logs")
        run = submit(flows.add, environment=self.make_environment(), parameters={"a": 1})
        lines = list(run.logs(follow=True))
        assert lines.count("adding up") == 1, f"the flow prints 'adding up' once: {lines}"
        assert run.wait(self.timeout).state is State.COMPLETED

    def test_logs_are_there_while_the_flow_runs(self) -> None:
        self._needs("logs")
        self._needs("cancel")
        run, found = self._running(), threading.Event()

        def look() -> None:
            if "waiting" in run.logs(follow=True):
                found.set()

        reader = threading.Thread(target=look, daemon=True)
        reader.start()
        try:
            assert found.wait(self.timeout), "logs(follow=True) gives no line of a running flow"
        finally:
            run.cancel()
            reader.join(self.timeout)

    # -- cancel -----------------------------------------------------------------------------

    def test_a_cancelled_run_is_over(self) -> None:
        if not self._can("cancel"):
            status = self._ended(flows.add, a=1).cancel()
            assert status.state is State.COMPLETED, str(status)
            return
        run = self._running()
        assert run.cancel().state is State.CANCELLED, f"after cancel(): {run.status}"
        with pytest.raises(RunCancelled):
            run.result()
        assert self.leftovers() == [], "a cancelled run leaves these behind"

    def test_a_cancelled_flow_can_clean_up(self) -> None:
        self._needs("cancel")
        self._needs("logs")
        environment = self._made(on_exit=flows.announce)
        run = submit(flows.wait_for_ever, environment=environment, parameters={})
        lines: list[str] = []
        begun = threading.Event()

        def read() -> None:  # while it runs, as a log may go with its run
            for line in run.logs(follow=True):
                lines.append(line)
                if line == "waiting":
                    begun.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            assert begun.wait(self.timeout), f"logs(follow=True) gives no line of the flow: {lines}"
        finally:
            run.cancel()
            reader.join(self.timeout)
        assert "announced" in lines, f"cancel() leaves no time for on_exit: {lines}"

    def test_cancelling_a_run_that_is_over_changes_nothing(self) -> None:
        self._needs("cancel")
        run = self._ended(flows.add, a=1)
        run.handle.cancel()
        status = run.handle.status()
        assert status.state is State.COMPLETED, f"after cancel(): {status}"

    # -- attach and find --------------------------------------------------------------------

    def test_another_process_can_attach(self) -> None:
        if not self._can("attach"):
            with pytest.raises(UnsupportedOperation):
                attach("anything", self.make_environment())
            return
        environment = self.make_environment()
        added = submit(flows.add, environment=environment, parameters={"a": 20, "b": 3})
        failed = submit(flows.fail, environment=environment, parameters={})
        ends = {run: run.wait(self.timeout).state for run in (added, failed)}
        self._forget()
        for run, state in ends.items():
            for reference in (run.reference, run.id):
                found = attach(reference, self.make_environment())
                assert (found.id, found.flow_name) == (run.id, run.flow_name), f"of {reference}"
                told = (found.parameters, found.labels)
                assert told == (run.shown_parameters, run.labels), f"of {reference}: {told}"
                assert found.wait(self.timeout).state is state, f"{reference}: {found.status}"
        assert attach(added.reference, self.make_environment()).result(self.timeout) == 23
        self._assert_unknown()  # where attach could give one of these runs instead

    def test_another_process_can_cancel(self) -> None:
        self._needs("attach")
        self._needs("cancel")
        run = self._running()
        self._forget()
        cancelled = attach(run.reference, self.make_environment()).cancel()
        assert cancelled.state is State.CANCELLED, f"after cancel(): {cancelled}"
        assert run.wait(self.timeout).state is State.CANCELLED

    def test_attaching_to_an_unknown_run_is_an_error(self) -> None:
        self._needs("attach")
        self._assert_unknown()

    def _assert_unknown(self) -> None:
        for reference in _UNKNOWN:
            try:
                found = attach(reference, self.make_environment())
            except RunNotFound:
                continue
            raise AssertionError(f"there is no run {reference}, but flowenv_attach gives {found}")

    def test_runs_are_found_by_label(self) -> None:
        self._needs("find")
        environment = self._made(labels=["kit-a"])
        run = submit(flows.add, environment=environment, parameters={"a": 1}, labels=["kit-b"])
        run.wait(self.timeout)
        for labels, there in ((["kit-a", "kit-b"], True), (["kit-a", "kit-c"], False)):
            assert (run.id in self._found(*labels)) is there, f"looking for {labels}"

    def test_what_is_found_says_when_and_whose_it_is(self) -> None:
        self._needs("find")
        environment = self._made(labels=["kit-when"])
        run = submit(flows.add, environment=environment, parameters={"a": 1})
        run.wait(self.timeout)
        (found,) = find_runs(environment, labels=["kit-when"])
        assert found.flow == run.flow_name, "a RunSummary needs the flow's name"
        assert found.created is not None, "a RunSummary needs `created`: when it was submitted"
        age = (run.created - found.created).total_seconds() if run.created else 0.0
        assert abs(age) < self.timeout, (
            f"the run was submitted at {run.created}, not {found.created}"
        )

    def _found(self, *labels: str) -> dict[str, str]:
        """The references of the runs with these labels, by run id."""
        found = find_runs(self.make_environment(), labels=list(labels))
        return {one.run_id: one.reference for one in found}

    # -- delete -------------------------------------------------------------------------------

    def test_a_run_that_was_deleted_is_unknown(self) -> None:
        self._needs("delete")
        run = self._ended(flows.add, a=1)
        reference = run.reference
        run.delete()
        if self._can("find"):
            assert run.id not in self._found(), "flowenv_find_runs still gives it"
        if self._can("attach"):
            try:
                found = attach(reference, self.make_environment()).refresh()
            except RunNotFound:
                return
            raise AssertionError(f"the run was deleted, but flowenv_attach gives {found}")

    # -- sweep ------------------------------------------------------------------------------

    def test_a_sweep_removes_only_when_told_to(self) -> None:
        self._needs("sweep")
        self._ended(flows.add, a=1)
        listed = {one.name for one in self._sweep(delete=False)}
        again = self._sweep(delete=False)
        assert {one.name for one in again} == listed, "listing changed something"
        assert not any(one.removed for one in again), "listing says that it removed something"
        young = [one.name for one in self._sweep(delete=True, older_than=_DAY)]
        assert young == [], "these are younger than older_than"
        self._sweep(delete=True)
        assert self._sweep(delete=False) == [], "these were not removed"

    def test_a_sweep_says_whose_things_are_and_how_old(self) -> None:
        self._needs("sweep")
        run = self._ended(flows.add, a=1)
        left = self._sweep(delete=False)
        nobodys = [one.name for one in left if not one.run_id]
        assert nobodys == [], "a Leftover needs the id of the run that made it"
        ageless = [one.name for one in left if one.age is None]
        assert ageless == [], "a Leftover needs its age"
        own = [one for one in left if one.run_id == run.id]
        wrong = [one.name for one in own if not -5 < (one.age or 0.0) < _DAY]
        assert wrong == [], "these are not as old as they are"

    def test_a_run_that_was_swept_is_unknown(self) -> None:
        self._needs("sweep")
        self._needs("attach")
        run = self._ended(flows.add, a=1)
        reference = run.reference
        if not any(one.run_id == run.id for one in self._sweep(delete=True)):
            pytest.skip("nothing of a run that is over has to be swept")
        if run.id in (self._found() if self._can("find") else {}):
            return  # what is left to sweep isn't all that the platform knows of the run
        try:
            found = attach(reference, self.make_environment()).refresh()
        except RunNotFound:
            return
        raise AssertionError(f"the run was swept, but flowenv_attach gives {found}")

    def test_a_sweep_leaves_running_flows_alone(self) -> None:
        self._needs("sweep")
        self._needs("cancel")
        run = self._running()
        try:
            swept = [one for one in self._sweep(delete=True) if one.run_id == run.id]
            assert swept == [], "these belong to a run that isn't over"
            assert run.refresh().state is State.RUNNING, f"after a sweep: {run.status}"
        finally:
            run.cancel()

    # -- submitting again, and submitters that die --------------------------------------------

    def test_submitting_the_same_run_again_finds_the_first(self, tmp_path: Path) -> None:
        self._needs("idempotent")
        marks = tmp_path / "marks"
        marks.mkdir()
        environment, given = self._made(labels=["kit-again"]), {"folder": str(marks)}
        prepared = prepare(flows.execution, environment=environment, parameters=given)
        again = copy.copy(prepared.flow_run)  # no handle: the answer to the first was lost
        first = prepared.submit()
        again.handle = prepared.hooks.hook.flowenv_execute(
            environment=environment, flow_run=again, spec=prepared.spec
        )
        twice = "flowenv_execute started the flow twice for one run id"
        assert again.reference == first.reference, twice
        assert again.result(self.timeout) == first.result(self.timeout), twice
        self._assert_ran_once(marks)
        if self._can("logs"):
            assert list(first.logs()).count("executing") == 1, twice
        if self._can("find"):
            assert list(self._found("kit-again")) == [first.id]

    def test_a_run_outlives_its_killed_submitter(self, tmp_path: Path) -> None:
        self._needs("attach")
        reference = self._submit_and_die(tmp_path, "print(run.reference, flush=True)", "die()")
        run = attach(reference, self.make_environment())
        assert run.result(self.timeout) == 42
        assert self.leftovers() == []

    def test_a_submitter_killed_halfway_leaves_nothing_unseen(self, tmp_path: Path) -> None:
        if not self.kill_points:
            pytest.skip(f"{type(self).__name__} says: no kill points")
        for point in self.kill_points:
            for when in ("before", "after"):
                self._submit_and_die(tmp_path, dies=f"die_at({point!r}, {when!r})")
                for reference in self._found("kit-killed").values():
                    attach(reference, self.make_environment()).wait(self.timeout)
                assert self.leftovers() == [], f"the submitter was killed {when} {point}"

    def _submit_and_die(self, folder: Path, *after: str, dies: str = "") -> str:
        """Submit a run in another process, which is killed; what it has printed."""
        assert self.submitter, "give `submitter`: this backend's runs outlive their submitter"
        script = folder / "submit_and_die.py"
        lines = [
            "import flowenv",
            "from flowenv.testing import flows",
            "from flowenv.testing.killed_submitter import die, die_at",
            self.submitter,
            dies,
            "run = flowenv.submit(flows.add, environment=environment, parameters={'a': 41},",
            "                     labels=['kit-killed'])",
            *after,
        ]
        script.write_text("\n".join(lines))
        done = subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            timeout=self.timeout,
            check=False,
        )
        problem = f"the submitter wasn't killed {dies}: {done.stdout}{done.stderr}"
        assert done.returncode == -signal.SIGKILL, problem
        return done.stdout.strip().rpartition("\n")[2]
