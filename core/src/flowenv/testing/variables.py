"""Checks of the flow's environment variables: the contract, the merge, secrets."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flowenv.contract import AUTH_TOKEN, FLOW_RUN_ID, Target
from flowenv.environments.environment import Environment
from flowenv.errors import FlowenvError
from flowenv.secret import Secret
from flowenv.settings.annotations import fits
from flowenv.settings.declaration import Setting, settings_of
from flowenv.submission.explain import explain, masked
from flowenv.testing.base import ConformanceBase

SECRET = "kit-secret-value-5f2b"
TOKEN = "kit-token-value-91ce"

GIVEN = " a$$b $(PREFECT__CONTEXT__FLOW_RUN_ID) $$(HOME) ${HOME} $x $( \"é'\n#\\ "
"""A value that shells and platforms would change, if they were let."""

PLUGIN = f"""
from flowenv import Secret, hookimpl

@hookimpl
def flowenv_environment_variables(environment, flow_run, target):
    return {{"KIT_ADDED": "by plugin", "KIT_SECRET": Secret("{SECRET}"),
            "PREFECT__CLOUD__GRAPHQL": "by plugin", "KIT_OF_FILE": "by plugin",
            "PREFECT__CLOUD__USE_LOCAL_SECRETS": None, "KIT_GIVEN": {GIVEN!r}}}
"""
CONFIGURATION = f"""
[env]
KIT_ADDED = "by configuration"
KIT_CONFIGURED = "by configuration"
KIT_FILE_WINS = "by configuration"
PREFECT__CLOUD__GRAPHQL = "by configuration"
PREFECT__LOGGING__EXTRA_LOGGERS = "['kit']"
KIT_AS_GIVEN = {json.dumps(GIVEN)}
"""


class VariableChecks(ConformanceBase):
    """Checks of the variables that the flow's container gets."""

    def test_containers_get_their_contract(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLOWENV_SECRET_AUTH_TOKEN", TOKEN)
        prepared = self._prepared()
        contract = prepared.flow_run.environment.contract
        _ = prepared.spec
        merged = prepared.process.variables.merged
        said = set(self.variable_targets) if self.carries_variables else set()
        targets = {one.target for one in merged}
        assert said <= targets, "is process.variables.merge(…) called?"
        assert (Target.FLOW in targets) == (Target.FLOW in said), (
            "does the flow's own process get variables?"
        )
        for one in merged:
            lacking = set(contract.get(one.target, ())) - {entry.name for entry in one}
            lacking -= {AUTH_TOKEN} if one.target is Target.SIDECAR else set()
            assert not lacking, f"the container {one.container or one.target} lacks {lacking}"
            assert one.values.get(FLOW_RUN_ID) == prepared.flow_run.id
            if one.target is Target.SIDECAR:
                assert AUTH_TOKEN not in one.values, "a sidecar gets the token"

    def test_configuration_sets_variables(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._needs("carries_variables")
        self._configure(CONFIGURATION, tmp_path, monkeypatch)
        expected = {
            "KIT_CONFIGURED": "by configuration",
            "KIT_AS_GIVEN": GIVEN,
            "PREFECT__CLOUD__GRAPHQL": "by configuration",
        }
        self._assert_arrive(expected)

    def test_a_plugin_adds_replaces_and_removes_variables(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._needs("carries_variables")
        self._configure(CONFIGURATION, tmp_path, monkeypatch)
        self._use_plugin(PLUGIN, tmp_path, monkeypatch)
        expected = {
            "KIT_ADDED": "by plugin",
            "KIT_GIVEN": GIVEN,
            "PREFECT__CLOUD__GRAPHQL": "by plugin",
            "PREFECT__CLOUD__USE_LOCAL_SECRETS": None,
        }
        self._assert_arrive(expected)

    def test_a_spec_file_wins_over_configuration_only(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._configure(CONFIGURATION, tmp_path, monkeypatch)
        self._use_plugin(PLUGIN, tmp_path, monkeypatch)
        ours = ("KIT_FILE_WINS", "KIT_OF_FILE", FLOW_RUN_ID, "PREFECT__LOGGING__EXTRA_LOGGERS")
        environment = self.make_environment_with([{"name": name, "value": "[]"} for name in ours])
        if environment is None:
            pytest.skip(f"{type(self).__name__} says: no spec file (make_environment_with)")
        expected = {
            "KIT_FILE_WINS": "[]",
            "PREFECT__LOGGING__EXTRA_LOGGERS": "[]",
            "KIT_OF_FILE": "by plugin",
        }
        run = self._assert_arrive(expected, environment, FLOW_RUN_ID)
        assert run.result()[FLOW_RUN_ID] == _digest(run.id), "a spec file replaced the run's id"

    def _assert_arrive(
        self, expected: Mapping[str, str | None], environment: Environment | None = None, *more: str
    ) -> Any:
        """Run a flow that looks at the variables of those who get them."""
        names = [*expected, *more]
        run = self._ended(self.variable_digests, environment, names=names)
        arrived = run.result()
        wrong = [name for name, value in expected.items() if arrived[name] != _digest(value)]
        assert not wrong, f"these arrive with another value than {expected}: {wrong}"
        return run

    # -- secrets ----------------------------------------------------------------------------

    def test_secrets_are_masked_and_arrive(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        package = type(self.make_environment()).__module__.partition(".")[0]
        for logger in ("flowenv", package):
            caplog.set_level(logging.DEBUG, logger)
        monkeypatch.setenv("FLOWENV_SECRET_AUTH_TOKEN", TOKEN)
        self._use_plugin(PLUGIN, tmp_path, monkeypatch)
        prepared = self._prepared()
        _assert_hidden(f"{prepared.spec!r}{prepared.flow_run!r}", "the spec's repr")
        _assert_hidden(json.dumps(masked(prepared.spec)), "`flowenv spec`")
        _assert_hidden(json.dumps(explain(prepared)), "`flowenv explain`")
        if not self.carries_variables:
            return
        _assert_hidden(repr(prepared.process.files), "the payload")
        contract = prepared.flow_run.environment.contract
        has_token = all(AUTH_TOKEN in contract.get(one, ()) for one in self.variable_targets)
        run = self._assert_arrive({"KIT_SECRET": SECRET, AUTH_TOKEN: TOKEN if has_token else None})
        _assert_hidden(f"{run.handle!r}{run.status}", "the handle")
        _assert_hidden(caplog.text, f"the log of flowenv or {package}")

    def test_secret_settings_are_never_shown(self) -> None:
        for one in settings_of(type(self.make_environment())):
            if not one.secret:
                continue
            environment = self._made(**{one.name: _secret_for(one)})
            _assert_hidden(repr(environment), f"the environment's repr ({one.name})")
            _assert_hidden(json.dumps(environment.serialize()), f"serialize() ({one.name})")
            _assert_hidden(repr(pickle.dumps(environment)), f"a pickle ({one.name})")
            prepared = self._prepared(environment)
            _assert_hidden(repr(prepared.spec), f"the spec ({one.name})")
            if self.carries_variables:
                _assert_hidden(repr(prepared.process.files), f"the payload ({one.name})")
            with pytest.raises((FlowenvError, TypeError)) as caught:
                self._made(**{one.name: (SECRET,)})
            _assert_hidden(str(caught.value), f"the error of a wrong type ({one.name})")


def _assert_hidden(shown: str, where: str) -> None:
    assert SECRET not in shown, f"{where} shows a secret"
    assert TOKEN not in shown, f"{where} shows the auth token"


def _secret_for(one: Setting) -> Any:
    """A value for a secret setting with the kit's secret in it."""
    for value in (SECRET, Secret(SECRET), {"kit": SECRET}, [SECRET]):
        if fits(value, one.annotation):
            return value
    raise AssertionError(f"the kit has no value for the secret setting {one.name}")


def _digest(value: str | None) -> str | None:
    return None if value is None else hashlib.sha256(value.encode()).hexdigest()
