"""What looks like a hook and would never be called is an error when the module is loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flowenv import Flow, RunRefused, hookimpl
from flowenv.errors import PluginError
from flowenv.submission.lifecycle import prepare

from ..plugging import Plugging, ToyEnvironment, toy_hooks


def load(toy: Plugging, monkeypatch: pytest.MonkeyPatch, hooks: dict[str, Any]) -> PluginError:
    """What is said of a local plugin with these hooks."""
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", hooks))
    with pytest.raises(PluginError) as raised:
        prepare(Flow(dict), environment=ToyEnvironment())
    return raised.value


def refuse(spec):
    raise RunRefused("Not with me.")


async def later(spec):
    """Nobody awaits it."""


async def later_still(spec):
    yield spec


def yielding(spec):
    spec["toy"]["size"] = 9
    yield


def test_a_hook_without_its_mark(toy: Plugging, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = hookimpl(lambda: None, specname="flowenv_setup")
    error = load(toy, monkeypatch, {"flowenv_modify_spec": refuse, "setup": marked})
    assert error.message == (
        "plugin mine: flowenv_modify_spec isn't marked as a hook, so it would never be called."
    )
    assert error.hint == "Write @hookimpl above it, or let its name begin with an underscore."


def test_a_required_policy_without_its_mark_lets_nothing_through(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_REQUIRED_PLUGINS", "policy")
    marked = hookimpl(lambda: None, specname="flowenv_setup")
    toy.plugin("policy", {"flowenv_modify_spec": refuse, "setup": marked})
    with pytest.raises(PluginError, match=r"requires the plugin policy, .* isn't marked"):
        prepare(Flow(dict), environment=ToyEnvironment())


def test_a_backend_with_a_hook_without_its_mark(plugging: Plugging) -> None:
    plugging.backend("toy", {**toy_hooks(), "flowenv_sweep": refuse})
    with pytest.raises(PluginError, match="backend toy: flowenv_sweep isn't marked"):
        prepare(Flow(dict), environment=ToyEnvironment())


@pytest.mark.parametrize("value", [refuse, 2, "text"])
def test_a_name_that_is_no_hooks(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    error = load(toy, monkeypatch, {"flowenv_modify_specs": value})
    assert error.message == "plugin mine: there is no hook flowenv_modify_specs."
    assert "Did you mean 'flowenv_modify_spec'?" in error.hint


def test_a_misspelt_version_of_the_hooks(toy: Plugging, monkeypatch: pytest.MonkeyPatch) -> None:
    error = load(toy, monkeypatch, {"flowenv_api_versoin": 2})
    assert "Did you mean 'flowenv_api_version'?" in error.hint


def test_modules_classes_and_private_names_are_the_authors_own(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"flowenv_acme": ModuleType("flowenv_acme"), "_flowenv_setup": refuse}
    marked = hookimpl(lambda spec: None, specname="flowenv_modify_spec")
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", {**own, "change": marked}))
    assert prepare(Flow(dict), environment=ToyEnvironment()).spec


@pytest.mark.parametrize("function", [later, later_still])
def test_an_asynchronous_hook(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]
) -> None:
    hooks = {"change": hookimpl(function, specname="flowenv_modify_spec")}
    error = load(toy, monkeypatch, hooks)
    assert error.message == (
        "plugin mine: flowenv_modify_spec is an async function, which nobody would await."
    )


def test_a_hook_that_yields_instead_of_returning(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = {"change": hookimpl(yielding, specname="flowenv_modify_spec")}
    error = load(toy, monkeypatch, hooks)
    assert error.message == (
        "plugin mine: flowenv_modify_spec has a yield, so nothing of it would ever run."
    )


TWICE = """
from flowenv import hookimpl

TEXT = '''
def flowenv_setup(): a text is no definition
def flowenv_setup(): nor this one
'''

@hookimpl
def flowenv_modify_spec(spec):
    spec["first"] = 1

@hookimpl
def flowenv_modify_spec(spec):
    spec["second"] = 1
"""


def test_a_hook_that_is_defined_twice(
    tmp_path: Path, toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "twice.py"
    path.write_text(TWICE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLOWENV_PLUGINS", "twice.py")
    with pytest.raises(PluginError) as raised:
        prepare(Flow(dict), environment=ToyEnvironment())
    assert raised.value.message == (
        "plugin twice.py defines flowenv_modify_spec twice, in lines 10 and 14, so the first is "
        "lost."
    )
    assert 'specname="flowenv_modify_spec"' in raised.value.hint


def test_two_plugins_of_one_name_are_both_left_out(
    toy: Plugging, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for distribution in ("acme", "copy-of-acme"):
        toy.plugin("policy", {"m": hookimpl(refuse, specname="flowenv_modify_spec")}, distribution)
    assert prepare(Flow(dict), environment=ToyEnvironment()).spec
    why = "Two distributions bring a plugin 'policy': acme 1.0 and copy-of-acme 1.0."
    assert caplog.text.count(why) == 2


def test_two_plugins_of_a_required_name_stop_submission(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_REQUIRED_PLUGINS", "policy")
    for distribution in ("acme", "copy-of-acme"):
        toy.plugin("policy", {"m": hookimpl(refuse, specname="flowenv_modify_spec")}, distribution)
    with pytest.raises(PluginError, match=r"requires the plugin policy, .* Two distributions"):
        prepare(Flow(dict), environment=ToyEnvironment())


@dataclasses.dataclass(repr=False)
class UncheckedEnvironment(ToyEnvironment):
    def __post_init__(self) -> None:
        """Leaves out everybody's checks."""


def test_an_environment_that_leaves_out_everybodys_checks(toy: Plugging) -> None:
    with pytest.raises(PluginError) as raised:
        prepare(Flow(dict), environment=UncheckedEnvironment(labels="wrong"))
    assert raised.value.message == (
        "UncheckedEnvironment.__post_init__ leaves out the checks that all environments share."
    )
    assert raised.value.hint == "Begin it with super().__post_init__()."
