"""A deliberately wrong backend fails each check of the conformance kit that it should.

The backend is the example in `examples/plugin-subprocess`, right until a fault is put in.
"""

from __future__ import annotations

import itertools
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv import Reason, Secret, State, Status, hookimpl
from flowenv.flow_run import FlowRun
from flowenv.registry import reset
from flowenv.testing import BackendConformance
from flowenv.testing.base import KIT_SECRET, PLUGIN

subprocess_backend = pytest.importorskip("flowenv_subprocess")
from flowenv_subprocess import SubprocessEnvironment, hooks, runs  # noqa: E402

Patch = pytest.MonkeyPatch
Handle = runs.FolderHandle
build = hooks.flowenv_build_spec
execute = hooks.flowenv_execute


class Kit(BackendConformance):
    """The kit on the example backend; pytest doesn't collect it, the tests below call it."""

    __test__ = False
    timeout = 2.0

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory)

    def make_environment(self, **settings: Any) -> SubprocessEnvironment:
        return SubprocessEnvironment(directory=self.directory, **settings)


def spec_fault(change: Callable[[dict[str, Any], SubprocessEnvironment], None]) -> Any:
    """A fault in `flowenv_build_spec`."""

    def fault(patch: Patch) -> None:
        def wrong(
            environment: SubprocessEnvironment, flow_run: FlowRun, process: Any
        ) -> dict[str, Any]:
            spec = build(environment, flow_run, process)
            change(spec, environment)
            return spec

        patch.setattr(hooks, "flowenv_build_spec", hookimpl(wrong))

    return fault


def handle_fault(name: str, make: Callable[[Any], Any]) -> Any:
    """A fault in one method of the handle; `make` gets the right one."""

    def fault(patch: Patch) -> None:
        patch.setattr(Handle, name, make(getattr(Handle, name)))

    return fault


def forgets_labels(patch: Patch) -> None:
    right = SubprocessEnvironment.serialize

    def wrong(self: SubprocessEnvironment, encoder: Any = None) -> dict[str, Any]:
        return {**right(self, encoder), "labels": ["wrong", uuid.uuid4().hex]}

    patch.setattr(SubprocessEnvironment, "serialize", wrong)


def submits_twice(patch: Patch) -> None:
    counter = itertools.count()

    def wrong(environment: Any, flow_run: FlowRun, spec: dict[str, Any]) -> Any:
        flow_run.id = f"{flow_run.id[:30]}{next(counter):06}"
        return execute(environment, flow_run, spec)

    patch.setattr(hooks, "flowenv_execute", hookimpl(wrong))


def submits_before_refusal(patch: Patch) -> None:
    def wrong(environment: SubprocessEnvironment, flow_run: FlowRun, process: Any) -> Any:
        (environment.folder / "left-over").mkdir(parents=True)
        return build(environment, flow_run, process)

    patch.setattr(hooks, "flowenv_build_spec", hookimpl(wrong))
    patch.setattr(Kit, "leftovers", lambda self: [str(p) for p in Path(self.directory).iterdir()])


def uses_the_network(spec: dict[str, Any], environment: Any) -> None:
    socket.getaddrinfo("localhost", 80)


def changes_the_environment(spec: dict[str, Any], environment: SubprocessEnvironment) -> None:
    (environment.labels or []).append("grown")


def reveals(spec: dict[str, Any], environment: Any) -> None:
    variables = spec["variables"]
    for name, value in variables.items():
        variables[name] = value.reveal() if isinstance(value, Secret) else value


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


def ignores_labels(patch: Patch) -> None:
    def wrong(environment: Any) -> Any:
        return [handle.summary() for handle in hooks._handles(environment)]

    patch.setattr(hooks, "flowenv_find_runs", hookimpl(wrong))


def removes_nothing(patch: Patch) -> None:
    right = hooks.flowenv_sweep

    def wrong(environment: Any, older_than: float) -> Any:
        return right(environment, older_than, delete=False)

    patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))


FAULTS: list[tuple[Any, str]] = [
    (forgets_labels, "test_serialisation_round_trip"),
    (forgets_labels, "test_pickling_keeps_what_serialisation_keeps"),
    (spec_fault(lambda spec, _: spec.update(odd=object())), "test_the_spec_is_plain_data"),
    (spec_fault(uses_the_network), "test_building_a_spec_needs_no_network"),
    (
        spec_fault(lambda spec, _: spec.update(id=uuid.uuid4().hex)),
        "test_building_a_spec_again_gives_the_same",
    ),
    (spec_fault(changes_the_environment), "test_building_a_spec_changes_no_environment"),
    (submits_before_refusal, "test_a_plugin_can_refuse_the_run"),
    (spec_fault(reveals), "test_a_secret_is_masked_and_arrives"),
    (
        spec_fault(lambda spec, _: spec["variables"].pop("KIT_ADDED")),
        "test_a_plugin_adds_replaces_and_removes_variables",
    ),
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
    (ignores_labels, "test_runs_are_found_by_label"),
    (submits_twice, "test_submitting_the_same_run_again_finds_the_first"),
    (removes_nothing, "test_nothing_is_left_after_any_end"),
    (
        handle_fault("outcome", lambda _: lambda self: None),
        "test_runs_can_be_followed_together",
    ),
]


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    reset()
    found = Kit(tmp_path / "runs")
    yield found
    for handle in hooks._handles(found.make_environment()):
        if not handle.status().state.is_final:
            handle.cancel()
    reset()


def call(kit: Kit, check: str, folder: Path, patch: Patch) -> None:
    """Call a check as pytest would, with its fixtures."""
    if check in ("test_a_secret_is_masked_and_arrives",) or "plugin_adds" in check:
        kit._use_plugin(PLUGIN % {"secret": KIT_SECRET}, folder, patch)
    wants = getattr(kit, check).__code__.co_varnames
    given = {"tmp_path": folder, "monkeypatch": patch}
    getattr(kit, check)(**{name: value for name, value in given.items() if name in wants})


@pytest.mark.parametrize(
    ("fault", "check"), FAULTS, ids=[f"{i}-{check}" for i, (_, check) in enumerate(FAULTS)]
)
def test_a_fault_is_found(
    kit: Kit, fault: Any, check: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    with monkeypatch.context() as patch:
        fault(patch)
        # a check fails by an assertion, or by what the wrong backend makes the core raise
        with pytest.raises((AssertionError, Exception, pytest.fail.Exception)):
            call(kit, check, tmp_path, patch)


@pytest.mark.parametrize("check", sorted({check for _, check in FAULTS}))
def test_without_a_fault_the_same_check_passes(
    kit: Kit, check: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(Kit, "timeout", 60.0)
    call(kit, check, tmp_path, monkeypatch)


def test_every_check_that_can_fail_has_a_fault() -> None:
    checks = {name for name in dir(BackendConformance) if name.startswith("test_")}
    # these are about the kit's own input, or need a second process that dies
    others = {
        "test_the_backend_is_found_under_its_name",
        "test_every_setting_has_help",
        "test_an_unknown_setting_is_an_error",
        "test_wrong_parameters_submit_nothing",
        "test_the_flow_container_gets_the_contract",
        "test_a_run_outlives_its_killed_submitter",
    }
    assert checks - others == {check for _, check in FAULTS}
