"""What is told of a plugin when it is loaded, and when its hooks raise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from flowenv import State, hookimpl
from flowenv.cli.app import app
from flowenv.cli.commands.hooks import all_hooks
from flowenv.cli.loading import load_all
from flowenv.errors import FlowenvError, PluginError, PluginFailed
from flowenv.hooks.notifications import flush
from flowenv.registry.registry import reset

from ..plugging import Plugging
from .small_plugins import modifying, prepared

# -- what is told when a plugin is loaded -------------------------------------------------


@pytest.mark.parametrize("version", ["one", "1", None, [1]])
def test_a_version_of_the_hooks_that_is_no_number(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, version: object
) -> None:
    local = toy.local("mine", {"flowenv_api_version": version})
    monkeypatch.setenv("FLOWENV_PLUGINS", local)
    with pytest.raises(PluginError) as raised:
        prepared()
    assert raised.value.message == (
        f"plugin mine has flowenv_api_version = {version!r}, which is no version of the hooks."
    )
    assert raised.value.hint == "Write the number: flowenv_api_version = 1"


@pytest.mark.parametrize(
    "hook", ["flowenv_environment_variables", "flowenv_modify_spec", "flowenv_get_secret"]
)
def test_a_hook_that_cannot_be_wrapped(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    def wrapper():
        return (yield)

    wrapping = {hook: hookimpl(wrapper, wrapper=True, specname=hook)}
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", wrapping))
    with pytest.raises(FlowenvError, match=f"mine .*{hook} can't be wrapped. Leave out wrapper="):
        prepared()


FOR_BACKENDS = [
    "flowenv_environment_type",
    "flowenv_build_spec",
    "flowenv_execute",
    "flowenv_attach",
    "flowenv_find_runs",
    "flowenv_sweep",
    "flowenv_run_flow",
]


@pytest.mark.parametrize("hook", FOR_BACKENDS)
def test_a_hook_that_would_replace_every_backends(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    taking_over = {hook: hookimpl(lambda: None, specname=hook)}
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", taking_over))
    with pytest.raises(PluginError) as raised:
        prepared()
    assert raised.value.message == (
        f"plugin mine implements {hook}, which is for backends: it would replace what each "
        "backend does."
    )


def test_an_installed_plugin_that_would_replace_backends_is_left_out(
    toy: Plugging, told: Callable[[], list[str]]
) -> None:
    toy.plugin("acme", {"flowenv_execute": hookimpl(lambda: 1, specname="flowenv_execute")})
    assert prepared().submit().result() == {}
    (line,) = told()
    assert line.startswith("The plugin acme of acme-dist 1.0 is left out: PluginError: ")


def test_a_plugin_may_wrap_what_a_backend_does(toy: Plugging) -> None:
    seen = []

    @hookimpl(wrapper=True)
    def flowenv_run_flow(flow_run):
        returned = yield
        seen.append(returned.value)
        return returned

    toy.plugin("acme", {"flowenv_run_flow": flowenv_run_flow})
    assert prepared().submit().result() == {}
    assert seen == [{}]


def test_every_hook_is_for_backends_or_for_everybody() -> None:
    groups = {name: data["group"] for name, data in all_hooks().items()}
    assert [name for name, group in groups.items() if group == "backend"] == FOR_BACKENDS


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level("WARNING", "flowenv.plugins")
    return lambda: [one.getMessage() for one in caplog.records if one.name == "flowenv.plugins"]


def test_an_installed_plugin_without_hooks_is_told_of(
    toy: Plugging, told: Callable[[], list[str]]
) -> None:
    toy.plugin("acme", {"change": lambda spec: None})
    prepared()
    assert told() == [
        "The plugin acme of acme-dist 1.0 has no hooks. Is @hookimpl missing above a function?"
    ]


def test_a_plugin_without_hooks_is_not_what_was_required(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_REQUIRED_PLUGINS", "acme")
    toy.plugin("acme", {"change": lambda spec: None})
    with pytest.raises(PluginError) as raised:
        prepared()
    assert raised.value.message == (
        "FLOWENV_REQUIRED_PLUGINS requires the plugin acme, which can't be used: The plugin acme "
        "of acme-dist 1.0 has no hooks. Is @hookimpl missing above a function?"
    )


def test_the_doctor_and_the_list_of_plugins_show_one_without_hooks(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", "flowenv.plugins")  # the commands do so too; here it ends
    toy.plugin("acme", {})
    (one,) = [one for one in load_all() if one.kind == "plugin"]
    assert (one.error, one.warning) == (
        None,
        "has no hooks. Is @hookimpl missing above a function?",
    )
    listed = CliRunner().invoke(app, ["plugins", "--load"]).output
    assert f"plugin acme: {one.warning}" in listed
    assert f"warning  plugin acme: {one.warning}" in CliRunner().invoke(app, ["doctor"]).output
    monkeypatch.setenv("FLOWENV_REQUIRED_PLUGINS", "acme")
    reset()
    (one,) = [one for one in load_all() if one.kind == "plugin"]
    assert "has no hooks" in str(one.error)


def taking_a_default(spec, flow_run=None):
    """One argument has a default."""


def taking_any(*arguments):
    """Nothing is asked for by name."""


def taking_any_name(spec, **others):
    """Nothing is asked for by name."""


def taking_by_name_only(spec, *, environment):
    """As Python has it, but hooks are called by position."""


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (taking_a_default, "flow_run"),
        (taking_any, "*arguments"),
        (taking_any_name, "**others"),
        (taking_by_name_only, "environment"),
    ],
)
def test_an_argument_that_would_never_get_a_value(
    toy: Plugging,
    monkeypatch: pytest.MonkeyPatch,
    function: Callable[..., None],
    argument: str,
) -> None:
    marked = hookimpl(function, specname="flowenv_modify_spec")
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", {"change": marked}))
    with pytest.raises(PluginError) as raised:
        prepared()
    assert raised.value.message == (
        f"plugin mine: the argument {argument!r} of flowenv_modify_spec never gets a value."
    )
    assert raised.value.hint == (
        "Name it without a default or stars; the hook's arguments: spec, environment, flow_run."
    )


def test_a_hook_misspelt_in_specname_has_a_suggestion(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = hookimpl(lambda spec: None, specname="flowenv_modify_specs")
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", {"change": marked}))
    with pytest.raises(
        PluginError, match=r"no hook flowenv_modify_specs\. Did you mean 'flowenv_mo"
    ):
        prepared()


# -- what hooks raise ---------------------------------------------------------------------


def leaving(*arguments: object) -> None:
    raise SystemExit(0)


def test_a_hook_that_exits_has_failed(toy: Plugging) -> None:
    toy.plugin("acme", modifying(leaving))
    with pytest.raises(PluginFailed) as raised:
        _ = prepared().spec
    assert raised.value.message == "plugin acme raised SystemExit in flowenv_modify_spec: 0"
    assert raised.value.hint == "Mend it, or leave the plugin out."


def test_a_notifier_that_exits_breaks_no_run(toy: Plugging, told: Callable[[], list[str]]) -> None:
    notifier = hookimpl(lambda flow_run, status: leaving(), specname="flowenv_state_changed")
    toy.plugin("acme", {"notify": notifier})
    assert prepared().submit().state is State.COMPLETED
    flush()
    assert set(told()) == {"plugin acme failed in flowenv_state_changed: SystemExit: 0"}


def test_nobody_is_told_to_leave_out_what_is_required(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_REQUIRED_PLUGINS", "acme")
    toy.plugin("acme", modifying(lambda spec: spec["nowhere"]))
    with pytest.raises(PluginFailed) as raised:
        _ = prepared().spec
    assert raised.value.hint == "Mend it: FLOWENV_REQUIRED_PLUGINS requires it."
