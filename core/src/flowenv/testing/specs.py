"""Checks of a backend's data: its environment, its specs, the variables in them."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest

from flowenv.contract import FLOW_RUN_ID, Target
from flowenv.environment import Environment
from flowenv.errors import FlowenvError, RunRefused
from flowenv.explain import masked
from flowenv.lifecycle import Prepared
from flowenv.registry import registry
from flowenv.settings import settings_of
from flowenv.testing import flows
from flowenv.testing.base import KIT_SECRET, REFUSING, ConformanceBase


class SpecChecks(ConformanceBase):
    """Checks that need no run, or only one to look at its variables."""

    # -- data -----------------------------------------------------------------------------

    def test_the_backend_is_found_under_its_name(self) -> None:
        environment = self.make_environment()
        assert registry().environment_type(environment.backend) is type(environment)

    def test_every_setting_has_help(self) -> None:
        lacking = [s.name for s in settings_of(type(self.make_environment())) if not s.help]
        assert lacking == []

    def test_serialisation_round_trip(self) -> None:
        environment = self.make_environment(labels=["kit"], metadata=self._metadata(note="x"))
        data = json.loads(json.dumps(environment.serialize()))
        assert Environment.deserialize(data).serialize() == environment.serialize()

    def test_pickling_keeps_what_serialisation_keeps(self) -> None:
        environment = self.make_environment(labels=["kit"])
        copied = pickle.loads(pickle.dumps(environment))
        assert copied.serialize() == environment.serialize()

    def _metadata(self, **more: Any) -> dict[str, Any]:
        return {**(self.make_environment().metadata or {}), **more}

    def test_an_unknown_setting_is_an_error(self) -> None:
        with pytest.raises((FlowenvError, TypeError)):
            self.make_environment(labels="not a list")

    # -- the spec -------------------------------------------------------------------------

    def test_the_spec_is_plain_data(self) -> None:
        json.dumps(masked(self._prepared().spec))

    def test_building_a_spec_needs_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: Any) -> None:
            raise AssertionError("building a spec used the network")

        prepared = self._prepared()
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        assert prepared.spec

    def test_building_a_spec_again_gives_the_same(self) -> None:
        prepared = self._prepared()
        again = Prepared(prepared.flow_run, prepared.hooks, prepared.process)
        assert prepared.spec == again.spec

    def test_building_a_spec_changes_no_environment(self) -> None:
        prepared = self._prepared(labels=["kit"])
        before = copy.deepcopy(prepared.flow_run.environment.serialize())
        _ = prepared.spec
        assert prepared.flow_run.environment.serialize() == before

    def test_a_plugin_can_refuse_the_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._use_plugin(REFUSING, tmp_path, monkeypatch)
        with pytest.raises(RunRefused, match="The kit refuses"):
            self._prepared().submit()
        assert self.leftovers() == []

    # -- variables ------------------------------------------------------------------------

    def test_the_flow_container_gets_the_contract(self) -> None:
        prepared = self._prepared()
        _ = prepared.spec
        merged = [m for m in prepared.process.variables.merged if m.target is Target.FLOW]
        if not self.carries_variables:
            assert merged == []
            return
        names = {entry.name for entry in merged[0]}
        assert set(prepared.flow_run.environment.contract[Target.FLOW]) <= names
        assert merged[0].values[FLOW_RUN_ID] == prepared.flow_run.id

    @pytest.mark.usefixtures("kit_plugin")
    def test_a_plugin_adds_replaces_and_removes_variables(self) -> None:
        self._needs("carries_variables")
        assert self._digest("KIT_ADDED") == _sha("yes")
        assert self._digest("PREFECT__CLOUD__GRAPHQL") == _sha("https://kit.example/graphql")
        assert self._digest("PREFECT__CLOUD__USE_LOCAL_SECRETS") is None

    def _digest(self, name: str) -> Any:
        return self._ended(flows.variable_digest, name=name).result()

    @pytest.mark.usefixtures("kit_plugin")
    def test_a_secret_is_masked_and_arrives(self) -> None:
        prepared = self._prepared()
        shown = json.dumps(masked(prepared.spec)) + repr(prepared.spec) + repr(prepared.flow_run)
        assert KIT_SECRET not in shown
        assert KIT_SECRET.encode() not in b"".join(self._files(prepared))
        if self.carries_variables:
            assert self._digest("KIT_SECRET") == _sha(KIT_SECRET)

    def _files(self, prepared: Prepared) -> list[bytes]:
        return list(prepared.process.files.values()) if self.carries_variables else []


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
