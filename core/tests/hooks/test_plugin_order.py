"""Which of several plugins comes last, and so has the last word."""

from __future__ import annotations

import pytest

from flowenv import Secret, hookimpl
from flowenv.registry.registry import registry

from ..plugging import Plugging
from .small_plugins import giving, knowing, noting, prepared

# -- the order of plugins -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "order"),
    [
        ({}, ["installed", "between", "local"]),
        ({"trylast": True}, ["between", "local", "installed"]),
        ({"tryfirst": True}, ["installed", "between", "local"]),
    ],
)
def test_when_an_installed_plugin_changes_the_spec(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, mark: dict[str, bool], order: list[str]
) -> None:
    toy.plugin("installed", noting("installed", **mark))
    toy.plugin("between", noting("between"))
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("local", noting("local")))
    assert prepared().spec["toy"]["seen"] == order


def test_a_local_plugin_can_come_first(toy: Plugging, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.plugin("installed", noting("installed"))
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("local", noting("local", tryfirst=True)))
    assert prepared().spec["toy"]["seen"] == ["local", "installed"]


def test_of_two_that_come_last_the_local_one_is_the_last(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.plugin("installed", noting("installed", trylast=True))
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("local", noting("local", trylast=True)))
    assert prepared().spec["toy"]["seen"] == ["installed", "local"]


def test_variables_of_a_plugin_that_comes_last_win(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = hookimpl(
        lambda: {"TEAM": "installed"}, specname="flowenv_environment_variables", trylast=True
    )
    toy.plugin("installed", {"variables": variables})
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("local", giving({"TEAM": "local"})))
    assert prepared().process.variables.merge().values["TEAM"] == "installed"


def test_the_first_who_is_asked_for_a_secret_is_who_says_so(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = hookimpl(lambda name: "installed", specname="flowenv_get_secret", tryfirst=True)
    toy.plugin("vault", {"secret": vault})
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", knowing("local")))
    found = registry().hooks("toy").find_secret("anything")
    assert found == (Secret("installed"), "plugin vault")
