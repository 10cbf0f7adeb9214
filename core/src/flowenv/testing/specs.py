"""Checks of a backend's data: its environment and the specs it builds. They run nothing."""

from __future__ import annotations

import copy
import json
import pickle
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from flowenv.answers.summaries import Finding
from flowenv.environments.environment import Environment
from flowenv.errors import FlowenvError, RunRefused
from flowenv.registry.registry import registry
from flowenv.settings.declaration import settings_of
from flowenv.submission.explain import masked
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv.testing.base import ConformanceBase

REFUSING = """
from flowenv import RunRefused, hookimpl

@hookimpl
def flowenv_modify_spec(spec, environment, flow_run):
    raise RunRefused("The kit refuses this run.")
"""


class SpecChecks(ConformanceBase):
    """Checks of environments and specs."""

    # -- the environment --------------------------------------------------------------------

    def test_the_backend_is_found_under_its_name(self) -> None:
        environment = self.make_environment()
        assert registry().environment_type(environment.backend) is type(environment)

    def test_every_setting_has_help(self) -> None:
        lacking = [s.name for s in settings_of(type(self.make_environment())) if not s.help]
        assert lacking == [], "declare these settings with setting(…, help=…)"

    def test_serialisation_round_trip(self) -> None:
        environment = self._with_everything()
        data = json.loads(json.dumps(environment.serialize()))
        again = Environment.deserialize(data)
        assert type(again) is type(environment)
        assert again.serialize() == environment.serialize()
        assert again.on_start is flows.announce, "a callback doesn't survive serialisation"

    def test_pickling_keeps_what_serialisation_keeps(self) -> None:
        environment = self._with_everything()
        copied = pickle.loads(pickle.dumps(environment))
        assert copied.serialize() == environment.serialize()

    def _with_everything(self) -> Environment:
        metadata = {**(self.make_environment().metadata or {}), "note": "x"}
        return self._made(
            labels=["kit"], metadata=metadata, on_start=flows.announce, on_exit=flows.announce
        )

    def test_a_setting_of_the_wrong_type_is_an_error(self) -> None:
        with pytest.raises((FlowenvError, TypeError), match="labels"):
            self._made(labels="not a list")

    def test_the_doctor_has_findings_or_nothing_to_say(self) -> None:
        environment = self.make_environment()
        hook = registry().hooks(environment.backend).hook
        findings = [one for found in hook.flowenv_check(environment=environment) for one in found]
        wrong = [one for one in findings if not isinstance(one, Finding) or not one.message]
        assert wrong == [], "flowenv_check gives what is no Finding, or says nothing"

    # -- the spec ---------------------------------------------------------------------------

    def test_the_spec_is_plain_data(self) -> None:
        json.dumps(masked(self._prepared().spec))

    def test_building_a_spec_needs_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: Any) -> None:
            raise AssertionError("flowenv_build_spec used the network")

        prepared = self._prepared()
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        assert prepared.spec

    def test_building_a_spec_again_gives_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        prepared = self._prepared()
        first = copy.deepcopy(prepared.spec)
        later = time.time() + 3600
        monkeypatch.setattr(time, "time", lambda: later)
        assert self._built_again(prepared) == first, "flowenv_build_spec isn't repeatable"

    def test_changing_a_spec_changes_nothing_else(self) -> None:
        prepared = self._prepared(self._made(labels=["kit"]))
        environment = prepared.flow_run.environment
        data, first = copy.deepcopy(environment.serialize()), copy.deepcopy(prepared.spec)
        _ruin(prepared.spec)  # as a plugin's flowenv_modify_spec may
        assert environment.serialize() == data, "a spec shares data with its environment"
        assert self._built_again(prepared) == first, "a spec shares data with the next one"

    def _built_again(self, prepared: Prepared) -> Any:
        return Prepared(prepared.flow_run, prepared.hooks, prepared.process).spec

    def test_a_plugin_can_refuse_the_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._use_plugin(REFUSING, tmp_path, monkeypatch)
        with pytest.raises(RunRefused, match="The kit refuses"):
            self._prepared().submit()
        assert self.leftovers() == [], "something was made before the plugins were asked"


def _ruin(data: Any) -> None:
    """Change every mapping and list, from the leaves up."""
    for value in data.values() if isinstance(data, dict) else data:
        if isinstance(value, dict | list):
            _ruin(value)
    if isinstance(data, dict):
        data["kit-ruined"] = True
    else:
        data.append("kit-ruined")
