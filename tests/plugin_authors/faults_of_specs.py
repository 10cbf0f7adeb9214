"""Faults of environments, specs and variables, each with the check that finds it."""

from __future__ import annotations

import dataclasses
import os
import socket
import time
import uuid
from typing import Any

from plugin_authors.faulty_backend import Patch, build, environment_fault, execute, spec_fault

from flowenv import Secret, hookimpl
from flowenv.contract import AUTH_TOKEN, BASIC, Target
from flowenv.contract.variables import Variables
from flowenv.runs.flow_run import FlowRun
from flowenv.settings.declaration import setting
from flowenv_subprocess import SubprocessEnvironment, hooks


def forgets_labels(patch: Patch) -> None:
    right = SubprocessEnvironment.serialize

    def wrong(self: SubprocessEnvironment, encoder: Any = None) -> dict[str, Any]:
        return {**right(self, encoder), "labels": ["wrong", uuid.uuid4().hex]}

    patch.setattr(SubprocessEnvironment, "serialize", wrong)


def submits_before_refusal(patch: Patch) -> None:
    def wrong(environment: SubprocessEnvironment, flow_run: FlowRun, process: Any) -> Any:
        (environment.folder / "left-over").mkdir(parents=True)
        return build(environment, flow_run, process)

    patch.setattr(hooks, "flowenv_build_spec", hookimpl(wrong))


def uses_the_network(spec: dict[str, Any], environment: Any) -> None:
    socket.getaddrinfo("localhost", 80)


def changes_the_environment(spec: dict[str, Any], environment: SubprocessEnvironment) -> None:
    environment.metadata["grown"] = True


def reveals(spec: dict[str, Any], environment: Any) -> None:
    variables = spec["variables"]
    for name, value in variables.items():
        variables[name] = value.reveal() if isinstance(value, Secret) else value


def reads_all(self: Any) -> dict[str, Any]:
    return {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}


def shows_all(self: Any) -> str:
    return str(reads_all(self))


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

    def wrong(environment: Any, flow_run: FlowRun, process: Any) -> Any:
        return known.setdefault(flow_run.id, build(environment, flow_run, process))

    patch.setattr(hooks, "flowenv_build_spec", hookimpl(wrong))


def merges_for_the_wrong_container(patch: Patch) -> None:
    right = Variables.merge

    def wrong(self: Any, existing: Any = (), target: Any = None, container: str = "") -> Any:
        return right(self, existing, Target.WORKER, container)

    patch.setattr(Variables, "merge", wrong)


def gives_the_token_to_all(patch: Patch) -> None:
    without = [name for name in BASIC if name != AUTH_TOKEN]
    patch.setattr(SubprocessEnvironment, "contract", {Target.FLOW: without})
    spec_fault(adds_the_token)(patch)


def adds_the_token(spec: dict[str, Any], environment: Any) -> None:
    spec["variables"][AUTH_TOKEN] = Secret(os.environ.get("FLOWENV_SECRET_AUTH_TOKEN", ""))


def lets_the_file_win(spec: dict[str, Any], environment: SubprocessEnvironment) -> None:
    spec["variables"].update({one["name"]: one["value"] for one in environment.entries})


def lets_configuration_win(spec: dict[str, Any], environment: SubprocessEnvironment) -> None:
    from flowenv.settings.configuration import configuration

    spec["variables"].update(configuration().env)


def shows_variables(patch: Patch) -> None:
    def wrong(environment: Any, flow_run: FlowRun, spec: dict[str, Any]) -> Any:
        values = {n: v.reveal() for n, v in spec["variables"].items() if isinstance(v, Secret)}
        handle = execute(environment, flow_run, spec)
        patch.setattr(type(handle), "__repr__", lambda self: f"<handle {values}>")
        return handle

    patch.setattr(hooks, "flowenv_execute", hookimpl(wrong))


FAULTS_OF_SPECS: list[tuple[Any, str]] = [
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
        environment_fault(password=setting(None, help="x", secret=True), __getstate__=reads_all),
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
    (shows_variables, "test_secrets_are_masked_and_arrive"),
    (gives_the_token_to_all, "test_secrets_are_masked_and_arrive"),
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
]
