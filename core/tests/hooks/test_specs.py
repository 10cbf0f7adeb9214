"""The hook specs are the reference: each says what it is for and what it is given."""

from __future__ import annotations

import inspect

import pytest

from flowenv.hooks import specs as hookspecs

HOOKS = {n: f for n, f in vars(hookspecs).items() if n.startswith("flowenv_")}


def test_every_hook_of_the_contract_is_there():
    assert set(HOOKS) == {
        "flowenv_environment_type",
        "flowenv_environment_variables",
        "flowenv_build_spec",
        "flowenv_modify_spec",
        "flowenv_setup",
        "flowenv_execute",
        "flowenv_attach",
        "flowenv_find_runs",
        "flowenv_sweep",
        "flowenv_run_flow",
        "flowenv_get_secret",
        "flowenv_plugin_settings",
        "flowenv_state_changed",
        "flowenv_check",
    }


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_summary_of_one_sentence(name):
    summary = inspect.getdoc(HOOKS[name]).split("\n\n")[0]
    assert summary.endswith(".")


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_explains_each_argument(name):
    _, _, arguments = inspect.getdoc(HOOKS[name]).partition("Args:")
    for parameter in inspect.signature(HOOKS[name]).parameters:
        assert f"\n    {parameter}: " in arguments


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_gives_something_says_what(name):
    returns = inspect.signature(HOOKS[name]).return_annotation
    if returns not in (None, "None"):
        assert inspect.getdoc(HOOKS[name])


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_marked(name):
    assert isinstance(HOOKS[name].flowenv_spec, dict)


def test_decisions_are_first_results_and_contributions_are_collected():
    first = {name for name, hook in HOOKS.items() if hook.flowenv_spec["firstresult"]}
    assert set(HOOKS) - first == {
        "flowenv_environment_variables",
        "flowenv_modify_spec",
        "flowenv_setup",
        "flowenv_plugin_settings",
        "flowenv_state_changed",
        "flowenv_check",
    }
