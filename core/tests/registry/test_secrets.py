"""One way to find a secret: plugins are asked first, then the backend, then the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow, Secret, hookimpl
from flowenv.errors import PluginError
from flowenv.plugin import find_secret
from flowenv.registry.registry import reset
from flowenv.settings.configuration import configuration
from flowenv.submission.lifecycle import prepare

from ..flow_files import write
from ..plugging import Plugging, ToyEnvironment, toy_hooks


def knowing(secret: str) -> dict[str, Any]:
    @hookimpl
    def flowenv_get_secret(name):
        return secret if name == "known" else None

    return {"flowenv_get_secret": flowenv_get_secret}


def test_plugins_are_asked_in_the_documented_order(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_SECRET_KNOWN", "of the variable")
    monkeypatch.setenv("FLOWENV_SECRET_OTHER", "of the variable")
    assert find_secret("other") == Secret("of the variable")
    toy.plugin("vault", knowing("of the plugin"))
    reset()
    assert find_secret("known") == Secret("of the plugin")
    assert find_secret("other") == Secret("of the variable")
    assert find_secret("nothing") is None


def test_an_environments_backend_is_asked_before_the_core(
    plugging: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugging.backend("toy", {**toy_hooks(), **knowing("of the backend")})
    monkeypatch.setenv("FLOWENV_SECRET_KNOWN", "of the variable")
    monkeypatch.setenv("FLOWENV_SECRET_OTHER", "of the variable")
    assert find_secret("known", ToyEnvironment()) == Secret("of the backend")
    assert find_secret("other", ToyEnvironment()) == Secret("of the variable")
    assert find_secret("known") == Secret("of the variable")


def test_a_vault_can_tell_a_preview_from_a_run(toy: Plugging) -> None:
    asked = []

    @hookimpl
    def flowenv_get_secret(name, is_preview):
        asked.append((name, is_preview))
        return "shown" if is_preview else "real"

    toy.plugin("vault", {"flowenv_get_secret": flowenv_get_secret})
    write(Path("flowenv.toml"), '[env]\nDATABASE = { secret = "database" }\n')
    configuration.cache_clear()
    for is_preview in (True, False):
        prepared = prepare(Flow(dict), environment=ToyEnvironment(), is_preview=is_preview)
        prepared.process.variables.merge(container="flow")
        assert set(asked) == {("auth_token", is_preview), ("database", is_preview)}
        asked.clear()
    assert find_secret("database", is_preview=True) == Secret("shown")


def test_a_plugin_may_ask_for_another_secret_but_not_for_its_own(toy: Plugging) -> None:
    @hookimpl
    def flowenv_get_secret(name):
        return {"outer": lambda: find_secret("inner"), "inner": lambda: "in"}.get(
            name, lambda: find_secret(name)
        )()

    toy.plugin("vault", {"flowenv_get_secret": flowenv_get_secret})
    assert find_secret("outer") == Secret("in")
    with pytest.raises(PluginError, match="asks for the secret known while it is asked for it"):
        find_secret("known")
