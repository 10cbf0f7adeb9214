"""Faults of runs and of what can be done with them, each with the check that finds it."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from plugin_authors.faulty_backend import Handle, Kit, Patch, execute, handle_fault, sweep_fault

from flowenv import Reason, State, Status, hookimpl
from flowenv.answers.summaries import Leftover
from flowenv.errors import RunNotFound
from flowenv.plugin import contract, revealed
from flowenv.results.record.outcome import Outcome
from flowenv.runs.flow_run import FlowRun
from flowenv_subprocess import SubprocessEnvironment, hooks


def submits_twice(patch: Patch) -> None:
    counter = itertools.count()

    def wrong(environment: Any, flow_run: FlowRun, spec: dict[str, Any]) -> Any:
        flow_run.id = f"{flow_run.id[:30]}{next(counter):06}"
        return execute(environment, flow_run, spec)

    patch.setattr(hooks, "flowenv_execute", hookimpl(wrong))


def starts_again(patch: Patch) -> None:
    def wrong(environment: SubprocessEnvironment, flow_run: FlowRun, spec: dict[str, Any]) -> Any:
        known = (environment.folder / flow_run.id).exists()
        handle = execute(environment, flow_run, spec)
        if known:
            handle.start(spec["command"], revealed(spec["variables"]))
        return handle

    patch.setattr(hooks, "flowenv_execute", hookimpl(wrong))


def starts_again_later(patch: Patch) -> None:
    """A queue that takes one by one: the second start comes when the first has ended."""
    queued: list[int] = []

    def wrong(environment: SubprocessEnvironment, flow_run: FlowRun, spec: dict[str, Any]) -> Any:
        known = (environment.folder / flow_run.id).exists()
        while queued and not known:  # another run: those before it get their turn
            os.waitpid(queued.pop(), 0)
        handle = execute(environment, flow_run, spec)
        if known:
            in_turn = 'until [ -s exit_code ]; do sleep 0.02; done; exec "$@"'
            variables = {**revealed(spec["variables"]), contract.OUTCOME: "second.json"}
            later = subprocess.Popen(
                ["/bin/sh", "-c", in_turn, "sh", *spec["command"]],
                cwd=handle.folder,
                env=variables,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            later.returncode = 0  # it is waited for by its pid, if at all
            queued.append(later.pid)
        return handle

    patch.setattr(hooks, "flowenv_execute", hookimpl(wrong))


def starts_again_elsewhere(patch: Patch) -> None:
    counter = itertools.count()

    def wrong(environment: SubprocessEnvironment, flow_run: FlowRun, spec: dict[str, Any]) -> Any:
        elsewhere = dataclasses.replace(
            environment, directory=f"{environment.folder}{next(counter)}"
        )
        return execute(elsewhere, flow_run, spec)

    patch.setattr(hooks, "flowenv_execute", hookimpl(wrong))


def says(status: Status) -> Callable[[Any], Any]:
    """A handle that says this of every run that is over."""

    def make(right: Any) -> Any:
        def wrong(self: Any) -> Status:
            found: Status = right(self)
            return status if found.state.is_final else found

        return wrong

    return make


def twice(right: Any) -> Any:
    def wrong(self: Any, *, follow: bool = False) -> Iterator[str]:
        for line in right(self, follow=follow):
            yield from (line, line)

    return wrong


def never_final(right: Any) -> Any:
    def wrong(self: Any) -> Status:
        found: Status = right(self)
        return Status(State.RUNNING) if found.state.is_final else found

    return wrong


def finds_anything(patch: Patch) -> None:
    def wrong(environment: Any, reference: str) -> FlowRun:
        return FlowRun(environment, id=reference, flow_name="whatever")

    patch.setattr(hooks, "flowenv_attach", hookimpl(wrong))


def gives_the_newest(patch: Patch) -> None:
    """Whatever the reference is: it is looked at only where there is no run at all."""
    right = hooks.flowenv_attach

    def wrong(environment: SubprocessEnvironment, reference: str) -> FlowRun:
        found = max(
            hooks._handles(environment), key=lambda one: one.folder.stat().st_mtime, default=None
        )
        return right(environment, found.reference if found else reference)

    patch.setattr(hooks, "flowenv_attach", hookimpl(wrong))


def gives_any_for_the_unknown(patch: Patch) -> None:
    right = hooks.flowenv_attach

    def wrong(environment: SubprocessEnvironment, reference: str) -> FlowRun:
        known = [handle.reference for handle in hooks._handles(environment)]
        return right(environment, reference if reference in known or not known else known[0])

    patch.setattr(hooks, "flowenv_attach", hookimpl(wrong))


def has_the_status_of_another(patch: Patch) -> None:
    """The run that is asked for, with a handle on the one that was submitted first."""
    right = hooks.flowenv_attach

    def wrong(environment: SubprocessEnvironment, reference: str) -> FlowRun:
        run: FlowRun = right(environment, reference)
        run.handle = min(hooks._handles(environment), key=lambda one: str(one.marks().created))
        return run

    patch.setattr(hooks, "flowenv_attach", hookimpl(wrong))


def ignores_labels(patch: Patch) -> None:
    def wrong(environment: Any) -> Any:
        handles = hooks._handles(environment)
        return [one.marks().summary(one.reference, one.status()) for one in handles]

    patch.setattr(hooks, "flowenv_find_runs", hookimpl(wrong))


def removes_nothing(patch: Patch) -> None:
    right = hooks.flowenv_sweep

    def wrong(environment: Any, older_than: float) -> Any:
        return right(environment, older_than, delete=False)

    patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))


def sets_up_only_once(patch: Patch) -> None:
    def wrong(environment: SubprocessEnvironment) -> None:
        environment.folder.mkdir(parents=True)

    patch.setattr(hooks, "flowenv_setup", hookimpl(wrong), raising=False)


def goes_back(right: Any) -> Any:
    def wrong(self: Any, timeout: float | None = None) -> Iterator[Status]:
        yield Status(State.RUNNING)
        yield Status(State.STARTING)
        yield from right(self, timeout)

    return wrong


def says_cancelled(right: Any) -> Any:
    def wrong(self: Any) -> Status:
        cancelled = (self.folder / "cancelled").exists()
        return Status(State.CANCELLED) if cancelled else right(self)

    return wrong


def knows_no_run_ids(patch: Patch) -> None:
    right = hooks.flowenv_attach

    def wrong(environment: Any, reference: str) -> FlowRun:
        if not reference.startswith("folder-"):
            raise RunNotFound("This is no reference.")
        return right(environment, reference.removeprefix("folder-"))

    def make(self: Any, folder: Path) -> None:
        self.folder, self.reference = folder, f"folder-{folder.name}"

    def outcome(self: Any) -> Outcome | None:
        return Outcome.from_text(self._read("outcome.json"), self.folder.name)

    patch.setattr(hooks, "flowenv_attach", hookimpl(wrong))
    patch.setattr(Handle, "__init__", make)
    patch.setattr(Handle, "outcome", outcome)


def sweeps_everything(patch: Patch) -> None:
    def wrong(environment: SubprocessEnvironment, delete: bool) -> Iterator[Leftover]:
        for folder in environment.folder.glob("*"):
            shutil.rmtree(folder)
            yield Leftover("folder", folder.name, folder.name, removed=delete)

    patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))


def overlooks_halves(patch: Patch) -> None:
    def wrong(environment: SubprocessEnvironment, delete: bool) -> Iterator[Leftover]:
        for handle in hooks._handles(environment):
            shutil.rmtree(handle.folder)
            yield Leftover("folder", handle.reference, handle.reference, removed=delete)

    patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))


def runs_where_nobody_looks(patch: Patch) -> None:
    elsewhere = "import tempfile\nenvironment.directory = tempfile.mkdtemp(dir={!r})"
    right = Kit.__init__

    def wrong(self: Kit, folder: Path) -> None:
        right(self, folder)
        self.submitter = f"{self.submitter}\n{elsewhere.format(str(folder))}"

    patch.setattr(Kit, "__init__", wrong)


def cancels_nothing_that_waits(right: Any) -> Any:
    def wrong(self: Any) -> None:
        if self.status().state is not State.SUBMITTED:
            right(self)

    return wrong


def kills_at_once(right: Any) -> Any:
    def wrong(self: Any) -> None:
        (self.folder / "cancelled").touch()
        os.killpg(int(self._read("pid")), signal.SIGKILL)
        list(self.follow(5.0))

    return wrong


def summaries_without(**lacking: Any) -> Any:
    """Runs that are found without something that is known of them."""

    def fault(patch: Patch) -> None:
        right = hooks.flowenv_find_runs

        def wrong(environment: Any, labels: Any) -> Any:
            return [dataclasses.replace(one, **lacking) for one in right(environment, labels)]

        patch.setattr(hooks, "flowenv_find_runs", hookimpl(wrong))

    return fault


def leftovers_without(**lacking: Any) -> Any:
    """Leftovers without something that is known of them."""

    def fault(patch: Patch) -> None:
        right = hooks.flowenv_sweep

        def wrong(environment: Any, older_than: float, delete: bool) -> Any:
            found = right(environment, older_than, delete)
            return [dataclasses.replace(one, **lacking) for one in found]

        patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))

    return fault


def attaches_to_what_was_swept(patch: Patch) -> None:
    patch.setattr(Handle, "status", says(Status(State.CRASHED, Reason.LOST, "gone"))(Handle.status))
    finds_anything_with_a_handle(patch)


def finds_anything_with_a_handle(patch: Patch) -> None:
    def wrong(environment: Any, reference: str) -> FlowRun:
        run = FlowRun(environment, id=reference, flow_name="whatever")
        run.handle = Handle(environment.folder / reference)
        return run

    patch.setattr(hooks, "flowenv_attach", hookimpl(wrong))


def sweeps_what_waits(patch: Patch) -> None:
    right = hooks.flowenv_sweep

    def wrong(environment: Any, older_than: float, delete: bool) -> Any:
        for handle in hooks._handles(environment):
            if handle.status().state is State.SUBMITTED:
                yield Leftover("folder", handle.reference, handle.reference, 1.0, removed=delete)
        yield from right(environment, older_than, delete)

    patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))


FAULTS_OF_RUNS: list[tuple[Any, str]] = [
    (sets_up_only_once, "test_setting_up_again_makes_no_difference"),
    (handle_fault("follow", goes_back), "test_states_go_forwards"),
    (
        handle_fault("logs", lambda _: lambda self, follow=False: iter(())),
        "test_logs_are_there_while_the_flow_runs",
    ),
    (handle_fault("status", says_cancelled), "test_cancelling_a_run_that_is_over_changes_nothing"),
    (knows_no_run_ids, "test_another_process_can_attach"),
    (handle_fault("cancel", lambda _: lambda self: None), "test_another_process_can_cancel"),
    (handle_fault("delete", lambda _: lambda self: None), "test_a_run_that_was_deleted_is_unknown"),
    (sweep_fault(delete=True), "test_a_sweep_removes_only_when_told_to"),
    (sweep_fault(delete=False), "test_a_sweep_removes_only_when_told_to"),
    (sweep_fault(older_than=0.0), "test_a_sweep_removes_only_when_told_to"),
    (sweeps_everything, "test_a_sweep_leaves_running_flows_alone"),
    (overlooks_halves, "test_a_submitter_killed_halfway_leaves_nothing_unseen"),
    (runs_where_nobody_looks, "test_a_run_outlives_its_killed_submitter"),
    (handle_fault("outcome", lambda _: lambda self: None), "test_a_flow_that_raises_fails"),
    (
        handle_fault("outcome", lambda _: lambda self: None),
        "test_a_flow_that_returns_completes_with_its_result",
    ),
    (
        handle_fault("status", says(Status(State.CRASHED, Reason.LOST))),
        "test_a_flow_that_raises_fails",
    ),
    (handle_fault("status", says(Status(State.COMPLETED))), "test_a_process_that_dies_crashes"),
    (handle_fault("status", says(Status(State.CRASHED))), "test_a_process_that_dies_crashes"),
    (handle_fault("status", never_final), "test_states_go_forwards"),
    (handle_fault("logs", twice), "test_logs_have_each_line_once"),
    (
        handle_fault("logs", lambda _: lambda self, follow=False: iter(())),
        "test_logs_can_be_followed_to_the_end",
    ),
    (handle_fault("cancel", lambda _: lambda self: None), "test_a_cancelled_run_is_over"),
    (finds_anything, "test_another_process_can_attach"),
    (finds_anything, "test_attaching_to_an_unknown_run_is_an_error"),
    (gives_the_newest, "test_another_process_can_attach"),
    (gives_any_for_the_unknown, "test_another_process_can_attach"),
    (has_the_status_of_another, "test_another_process_can_attach"),
    (ignores_labels, "test_runs_are_found_by_label"),
    (submits_twice, "test_submitting_the_same_run_again_finds_the_first"),
    (starts_again, "test_submitting_the_same_run_again_finds_the_first"),
    (starts_again_later, "test_submitting_the_same_run_again_finds_the_first"),
    (starts_again_elsewhere, "test_submitting_the_same_run_again_finds_the_first"),
    (
        handle_fault("cancel", cancels_nothing_that_waits),
        "test_a_run_that_waits_can_be_cancelled",
    ),
    (starts_again, "test_a_run_that_waits_is_one_run"),
    (starts_again_later, "test_a_run_that_waits_is_one_run"),
    (submits_twice, "test_a_run_that_waits_is_one_run"),
    (sweeps_what_waits, "test_a_run_that_waits_is_one_run"),
    (handle_fault("cancel", kills_at_once), "test_a_cancelled_flow_can_clean_up"),
    (summaries_without(created=None), "test_what_is_found_says_when_and_whose_it_is"),
    (summaries_without(flow=""), "test_what_is_found_says_when_and_whose_it_is"),
    (leftovers_without(run_id=""), "test_a_sweep_says_whose_things_are_and_how_old"),
    (leftovers_without(age=None), "test_a_sweep_says_whose_things_are_and_how_old"),
    (attaches_to_what_was_swept, "test_a_run_that_was_swept_is_unknown"),
    (removes_nothing, "test_nothing_is_left_after_any_end"),
    (
        handle_fault("outcome", lambda _: lambda self: None),
        "test_runs_can_be_followed_together",
    ),
]
