"""Plugins that somebody requires: without them nothing is submitted."""

from __future__ import annotations

import pytest

from .site_packages import RUN

REFUSED = """
    import json
    from flowenv import Flow, make_environment, submit
    from flowenv.errors import PluginError

    told = []
    try:
        submit(Flow(lambda: told.append("ran")), environment=make_environment("local"))
    except PluginError as error:
        told.append([error.message, error.hint])
    print(json.dumps(told))
"""


def refused(site, tmp_path, **variables):
    """The message and the hint of the error that a submission gives before the flow runs."""
    ((message, hint),), _ = site.python(REFUSED, tmp_path, **variables)
    return message, hint


def test_a_required_plugin_that_is_loaded_is_no_error(crowded, tmp_path):
    (result, _), _ = crowded.python(RUN, tmp_path, FLOWENV_REQUIRED_PLUGINS="first, second")
    assert result == "ran"


def test_a_required_plugin_that_is_not_installed_is_an_error(crowded, tmp_path):
    message, hint = refused(crowded, tmp_path, FLOWENV_REQUIRED_PLUGINS="first,policy")
    assert message.startswith(
        "FLOWENV_REQUIRED_PLUGINS requires the plugin policy, which isn't installed; installed: "
    )
    assert "first, second" in message
    assert hint == "Install the distribution that brings it."


def test_a_misspelt_required_plugin_has_the_right_name_in_its_error(crowded, tmp_path):
    _, hint = refused(crowded, tmp_path, FLOWENV_REQUIRED_PLUGINS="frist")
    assert hint == "Did you mean 'first'?"


def test_a_backend_of_the_name_is_not_the_required_plugin(crowded, tmp_path):
    message, _ = refused(crowded, tmp_path, FLOWENV_REQUIRED_PLUGINS="acme")
    assert "requires the plugin acme, which isn't installed" in message


@pytest.mark.parametrize("load", ["", "second"])
def test_a_required_plugin_cannot_be_left_out(crowded, tmp_path, load):
    variables = {"FLOWENV_REQUIRED_PLUGINS": "first", "FLOWENV_LOAD_PLUGINS": load}
    message, hint = refused(crowded, tmp_path, **variables)
    assert message == (
        "FLOWENV_REQUIRED_PLUGINS requires the plugin first, which FLOWENV_LOAD_PLUGINS leaves out."
    )
    assert hint == "Name it there too, or unset FLOWENV_LOAD_PLUGINS."


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import not_there", "ModuleNotFoundError(\"No module named 'not_there'\")"),
        ("raise SystemExit(1)", "SystemExit(1)"),
        ("flowenv_api_version = 99", "is written for version 99 of flowenv's hooks"),
    ],
)
def test_a_required_plugin_that_does_not_load_is_an_error(crowded, tmp_path, text, why):
    crowded.install(
        "rules", {"flowenv.plugins": {"policy": "policy_hooks"}}, {"policy_hooks": text}
    )
    message, hint = refused(crowded, tmp_path, FLOWENV_REQUIRED_PLUGINS="policy")
    assert message.startswith(
        "FLOWENV_REQUIRED_PLUGINS requires the plugin policy, which can't be used: "
    )
    assert why in message
    assert hint


def test_configuration_requires_plugins_and_the_error_says_where(crowded, tmp_path):
    (tmp_path / "flowenv.toml").write_text('image = "i"\nrequired_plugins = ["policy"]\n')
    message, _ = refused(crowded, tmp_path)
    assert message.startswith(f"{tmp_path / 'flowenv.toml'}:2 requires the plugin policy, ")


@pytest.mark.parametrize("text", ["", "required_plugins = []", 'required_plugins = ["first"]'])
def test_a_project_cannot_take_away_what_the_variable_requires(crowded, tmp_path, text):
    (tmp_path / "flowenv.toml").write_text(text)
    message, _ = refused(crowded, tmp_path, FLOWENV_REQUIRED_PLUGINS="policy")
    assert "requires the plugin policy, which isn't installed" in message


def test_an_empty_variable_takes_nothing_away_from_the_configuration(crowded, tmp_path):
    (tmp_path / "flowenv.toml").write_text('required_plugins = ["policy"]')
    message, _ = refused(crowded, tmp_path, FLOWENV_REQUIRED_PLUGINS="")
    assert "requires the plugin policy, which isn't installed" in message


def test_a_plugin_that_is_given_by_hand_keeps_what_is_required(crowded, tmp_path):
    code = REFUSED.replace("told = []", 'told = []; use_local_plugins(["mine.py"])').replace(
        "import json", "import json; from flowenv.registry.registry import use_local_plugins"
    )
    told, _ = crowded.python(code, tmp_path, FLOWENV_REQUIRED_PLUGINS="policy")
    assert "requires the plugin policy" in told[0][0]


@pytest.mark.parametrize("call", ["setup(flow)", "run(flow)", "execute(flow)"])
def test_no_way_to_run_a_flow_goes_past_a_required_plugin(crowded, tmp_path, call):
    code = REFUSED.replace(
        'submit(Flow(lambda: told.append("ran")), environment=make_environment("local"))',
        f"flow = Flow(lambda: told.append('ran')); make_environment('local').{call}",
    )
    told, _ = crowded.python(code, tmp_path, FLOWENV_REQUIRED_PLUGINS="policy")
    assert "requires the plugin policy" in told[0][0]


def test_runs_can_be_looked_at_without_what_is_required(crowded, tmp_path):
    code = """
        import json
        from flowenv import attach, make_environment
        from flowenv.errors import FlowenvError

        try:
            attach("reference", make_environment("acme"))
        except FlowenvError as error:
            print(json.dumps(str(error)))
    """
    error, _ = crowded.python(code, tmp_path, FLOWENV_REQUIRED_PLUGINS="policy")
    assert error == "The backend acme can't attach to runs."
