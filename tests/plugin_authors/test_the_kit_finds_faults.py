"""A deliberately wrong backend fails each check of the conformance kit that it should.

The backend is the example in `examples/plugin-subprocess`, right until a fault is put in.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import logging
import pickle
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flowenv import Reason, Secret, State, Status, hookimpl
from flowenv.contract import Target
from flowenv.errors import RunNotFound
from flowenv.flow_run import FlowRun
from flowenv.handle import Leftover
from flowenv.outcome import Outcome
from flowenv.registry import reset
from flowenv.settings import setting
from flowenv.testing import BackendConformance
from flowenv.variables import Variables

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
    kill_points = ("pathlib:Path.rename",)
    environment_type: type[SubprocessEnvironment] = SubprocessEnvironment

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = str(folder / "runs")
        self.submitter = (
            "from flowenv_subprocess import SubprocessEnvironment\n"
            f"environment = SubprocessEnvironment(directory={self.directory!r})"
        )

    def make_environment(self, **settings: Any) -> SubprocessEnvironment:
        return self.environment_type(directory=self.directory, **settings)

    def make_environment_with(self, entries: Sequence[dict[str, str]]) -> SubprocessEnvironment:
        file = self.folder / "env"
        file.write_text("".join(f"{one['name']}={one['value']}\n" for one in entries))
        return self.make_environment(env_file=str(file))

    def leftovers(self) -> list[str]:
        super().leftovers()
        return [str(path) for path in Path(self.directory).glob("*")]


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


def environment_fault(**members: Any) -> Any:
    """A fault in the environment's class; pytest's kit then makes such environments."""

    def fault(patch: Patch) -> None:
        fields = {name: value for name, value in members.items() if not callable(value)}
        made = type(
            "WrongEnvironment",
            (SubprocessEnvironment,),
            {"__annotations__": dict.fromkeys(fields, "str | None"), **members},
        )
        made.__module__ = __name__  # where pickle looks for it
        patch.setitem(globals(), "WrongEnvironment", made)
        patch.setattr(Kit, "environment_type", dataclasses.dataclass(repr=False)(made))

    return fault


def shows_all(self: Any) -> str:
    return str(vars(self))


def puts_the_password_into(name: str) -> Any:
    def wrong(environment: Any, flow_run: FlowRun, process: Any) -> dict[str, Any]:
        return {**build(environment, flow_run, process), name: environment.password}

    def fault(patch: Patch) -> None:
        environment_fault(password=setting(None, help="A password.", secret=True))(patch)
        patch.setattr(hooks, "flowenv_build_spec", hookimpl(wrong))

    return fault


def has_odd_findings(patch: Patch) -> None:
    patch.setattr(hooks, "flowenv_check", hookimpl(lambda: ["fine"]), raising=False)


def shares_its_spec(patch: Patch) -> None:
    known: dict[str, Any] = {}

    def wrong(environment: Any, flow_run: FlowRun, process: Any) -> dict[str, Any]:
        return known.setdefault(flow_run.id, build(environment, flow_run, process))

    patch.setattr(hooks, "flowenv_build_spec", hookimpl(wrong))


def merges_for_the_wrong_container(patch: Patch) -> None:
    right = Variables.merge

    def wrong(self: Any, existing: Any = (), target: Any = None, container: str = "") -> Any:
        return right(self, existing, Target.WORKER, container)

    patch.setattr(Variables, "merge", wrong)


def lets_the_file_win(spec: dict[str, Any], environment: SubprocessEnvironment) -> None:
    spec["variables"].update({one["name"]: one["value"] for one in environment.entries})


def lets_configuration_win(spec: dict[str, Any], environment: SubprocessEnvironment) -> None:
    from flowenv.configuration import configuration

    spec["variables"].update(configuration().env)


def logs_variables(patch: Patch) -> None:
    def wrong(environment: Any, flow_run: FlowRun, spec: dict[str, Any]) -> Any:
        values = {n: v.reveal() for n, v in spec["variables"].items() if isinstance(v, Secret)}
        logging.getLogger("flowenv_subprocess").debug("submitting with %s", values)
        return execute(environment, flow_run, spec)

    patch.setattr(hooks, "flowenv_execute", hookimpl(wrong))


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


def sweep_fault(**wrong_arguments: Any) -> Any:
    """A sweep that goes its own way in some argument."""

    def fault(patch: Patch) -> None:
        right = hooks.flowenv_sweep

        def wrong(environment: Any, older_than: float, delete: bool) -> Any:
            given = {"older_than": older_than, "delete": delete, **wrong_arguments}
            return list(right(environment, **given))

        patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))

    return fault


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
        self.submitter += "\n" + elsewhere.format(str(folder))

    patch.setattr(Kit, "__init__", wrong)


FAULTS: list[tuple[Any, str]] = [
    (environment_fault(backend="other"), "test_the_backend_is_found_under_its_name"),
    (environment_fault(helpless=setting("x", help="")), "test_every_setting_has_help"),
    (
        environment_fault(__post_init__=lambda self: None),
        "test_a_setting_of_the_wrong_type_is_an_error",
    ),
    (has_odd_findings, "test_the_doctor_has_findings_or_nothing_to_say"),
    (
        environment_fault(password=setting(None, help="x", secret=True), __repr__=shows_all),
        "test_secret_settings_are_never_shown",
    ),
    (
        environment_fault(
            password=setting(None, help="x", secret=True), __getstate__=lambda self: vars(self)
        ),
        "test_secret_settings_are_never_shown",
    ),
    (puts_the_password_into("more"), "test_secret_settings_are_never_shown"),
    (
        spec_fault(lambda spec, _: spec.update(at=time.time())),
        "test_building_a_spec_again_gives_the_same",
    ),
    (shares_its_spec, "test_changing_a_spec_changes_nothing_else"),
    (
        spec_fault(lambda spec, one: spec.update(labels=one.labels)),
        "test_changing_a_spec_changes_nothing_else",
    ),
    (merges_for_the_wrong_container, "test_containers_get_their_contract"),
    (
        spec_fault(lambda spec, _: spec["variables"].pop("KIT_CONFIGURED")),
        "test_configuration_sets_variables",
    ),
    (spec_fault(lets_configuration_win), "test_a_plugin_adds_replaces_and_removes_variables"),
    (spec_fault(lets_the_file_win), "test_a_spec_file_wins_over_configuration_only"),
    (spec_fault(lets_configuration_win), "test_a_spec_file_wins_over_configuration_only"),
    (logs_variables, "test_secrets_are_masked_and_arrive"),
    (sets_up_only_once, "test_setting_up_again_makes_no_difference"),
    (handle_fault("follow", goes_back), "test_states_go_forwards"),
    (
        handle_fault("logs", lambda _: lambda self, follow=False: iter(())),
        "test_logs_are_there_while_the_flow_runs",
    ),
    (handle_fault("status", says_cancelled), "test_cancelling_a_run_that_is_over_changes_nothing"),
    (knows_no_run_ids, "test_another_process_can_attach"),
    (handle_fault("cancel", lambda _: lambda self: None), "test_another_process_can_cancel"),
    (sweep_fault(delete=True), "test_a_sweep_removes_only_when_told_to"),
    (sweep_fault(delete=False), "test_a_sweep_removes_only_when_told_to"),
    (sweep_fault(older_than=0.0), "test_a_sweep_removes_only_when_told_to"),
    (sweeps_everything, "test_a_sweep_leaves_running_flows_alone"),
    (overlooks_halves, "test_a_submitter_killed_halfway_leaves_nothing_unseen"),
    (runs_where_nobody_looks, "test_a_run_outlives_its_killed_submitter"),
    (forgets_labels, "test_serialisation_round_trip"),
    (forgets_labels, "test_pickling_keeps_what_serialisation_keeps"),
    (spec_fault(lambda spec, _: spec.update(odd=object())), "test_the_spec_is_plain_data"),
    (spec_fault(uses_the_network), "test_building_a_spec_needs_no_network"),
    (
        spec_fault(lambda spec, _: spec.update(id=uuid.uuid4().hex)),
        "test_building_a_spec_again_gives_the_same",
    ),
    (spec_fault(changes_the_environment), "test_changing_a_spec_changes_nothing_else"),
    (submits_before_refusal, "test_a_plugin_can_refuse_the_run"),
    (spec_fault(reveals), "test_secrets_are_masked_and_arrive"),
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
def folder(tmp_path: Path) -> Iterator[Path]:
    reset()
    yield tmp_path
    for handle in hooks._handles(SubprocessEnvironment(directory=str(tmp_path / "runs"))):
        if not handle.status().state.is_final:
            handle.cancel()
    reset()


def call(kit: Kit, check: str, request: pytest.FixtureRequest) -> None:
    """Call a check as pytest would, with the fixtures that it asks for."""
    names = inspect.signature(getattr(kit, check)).parameters
    getattr(kit, check)(**{name: request.getfixturevalue(name) for name in names})


@pytest.mark.parametrize(
    ("fault", "check"), FAULTS, ids=[f"{i}-{check}" for i, (_, check) in enumerate(FAULTS)]
)
def test_a_fault_is_found(
    folder: Path, fault: Any, check: str, request: pytest.FixtureRequest
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        # a check fails by an assertion, or by what the wrong backend makes the core raise
        with pytest.raises((AssertionError, Exception, pytest.fail.Exception)) as caught:
            call(Kit(folder), check, request)
    wrong = (TypeError, NameError, pickle.PicklingError)
    assert not isinstance(caught.value, wrong), "the fault itself is faulty"


@pytest.mark.parametrize("check", sorted({check for _, check in FAULTS}))
def test_without_a_fault_the_same_check_passes(
    folder: Path, check: str, monkeypatch: Patch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(Kit, "timeout", 60.0)
    call(Kit(folder), check, request)


def test_every_check_has_a_fault() -> None:
    checks = {name for name in dir(BackendConformance) if name.startswith("test_")}
    # the core checks parameters before it asks the backend anything
    assert checks - {"test_wrong_parameters_submit_nothing"} == {check for _, check in FAULTS}
