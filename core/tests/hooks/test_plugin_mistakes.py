"""What a plugin does wrong is told with the plugin's name, what is wrong, and what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowenv import Flow, Secret, State, hookimpl
from flowenv.cli.app import app
from flowenv.contract import AUTH_TOKEN, AUTH_TOKEN_SECRET, Target
from flowenv.errors import ConfigurationError, PluginError, SpecError
from flowenv.registry.registry import registry, reset
from flowenv.settings.configuration import configuration
from flowenv.submission.lifecycle import prepare
from flowenv.submission.rehearsal import rehearse

from ..flow_files import write
from ..plugging import Plugging, ToyEnvironment, toy_hooks
from .small_plugins import giving, knowing, modifying, prepared

# -- variables ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["A B=", "", "A=B", "2ND", "A\n", "Ä", 7, None])
def test_a_name_that_no_variable_can_have(toy: Plugging, name: object) -> None:
    toy.plugin("acme", giving({"FINE": "1", name: "s3cr3t"}))
    with pytest.raises(PluginError) as raised:
        prepared().process.variables.merge()
    assert raised.value.message == f"plugin acme gives a variable the name {name!r}."
    assert raised.value.hint == (
        "A name has letters, digits, '_', '-' and '.', and doesn't begin with a digit."
    )


@pytest.mark.parametrize("name", ["A", "_a", "LC_ALL", "dotted.name-1"])
def test_a_name_that_a_variable_can_have(toy: Plugging, name: str) -> None:
    toy.plugin("acme", giving({name: "1"}))
    assert prepared().process.variables.merge().values[name] == "1"


@pytest.mark.parametrize(("value", "kind"), [(1, "int"), (b"s3cr3t", "bytes"), (["x"], "list")])
def test_a_value_that_is_no_text(toy: Plugging, value: object, kind: str) -> None:
    toy.plugin("acme", giving({"SIZE": value}))
    with pytest.raises(PluginError) as raised:
        prepared().process.variables.merge()
    assert raised.value.message == f"plugin acme gives {kind} for the variable SIZE."
    assert raised.value.hint == "A variable is a string, a Secret, or None to remove it."


@pytest.mark.parametrize("value", ["a\0b", Secret("a\0b")])
def test_a_value_with_a_nul_character(toy: Plugging, value: str | Secret) -> None:
    toy.plugin("acme", giving({"SIZE": value}))
    with pytest.raises(PluginError) as raised:
        prepared().process.variables.merge()
    assert raised.value.message == (
        "plugin acme gives the variable SIZE a value with a NUL character."
    )
    assert raised.value.hint == "No process can have it: encode the value, such as in base64."


def test_a_nul_character_from_anywhere_else(toy: Plugging) -> None:
    environment = ToyEnvironment(own={"SIZE": "a\0b"})
    with pytest.raises(PluginError, match="The environment gives the variable SIZE a value with"):
        prepare(Flow(dict), environment=environment).process.variables.merge()
    with pytest.raises(SpecError, match="The env entry SIZE has a NUL character"):
        prepared().process.variables.merge([{"name": "SIZE", "value": "a\0b"}])
    toy.plugin("vault", knowing("a\0b"))
    reset()
    with pytest.raises(PluginError, match=f"plugin vault gives the variable {AUTH_TOKEN} a value"):
        prepared().process.variables.merge()


def test_a_nul_character_in_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "flowenv.toml", '[env]\nSIZE = "a\\u0000b"\n')
    with pytest.raises(ConfigurationError, match=r"flowenv\.toml:2: env\.SIZE has a NUL character"):
        configuration()


def test_a_variable_that_no_process_can_have_is_not_rehearsed(toy: Plugging) -> None:
    toy.plugin("acme", giving({"SIZE": "x" * (131_072 - len("SIZE="))}))
    with pytest.raises(SpecError) as raised:
        rehearse(prepared())
    assert raised.value.message == (
        "The variable SIZE of plugin acme has 131,072 bytes with its name, too many for a "
        "process: Linux takes 131,071."
    )


def test_the_largest_variable_is_rehearsed(toy: Plugging) -> None:
    toy.plugin("acme", giving({"SIZE": "x" * (131_071 - len("SIZE="))}))
    assert rehearse(prepared()).status.state is State.COMPLETED


def test_variables_that_are_no_mapping(toy: Plugging) -> None:
    toy.plugin("acme", giving(["A=1"]))
    with pytest.raises(PluginError) as raised:
        prepared().process.variables.merge()
    assert raised.value.message == "plugin acme gives list for the variables."
    assert raised.value.hint == "Give a mapping of names to values."


# -- the spec -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (object(), "spec.toy.odd is a object, which is no plain data"),
        ([{"a": {1}}], "spec.toy.odd[0].a is a set, which is no plain data"),
        ({1: 2}, "spec.toy.odd has a key that is no string: 1"),
    ],
)
def test_what_is_no_plain_data_in_the_spec(toy: Plugging, value: object, what: str) -> None:
    toy.plugin("acme", modifying(lambda spec: spec["toy"].update(odd=value)))
    toy.plugin("fine", modifying(lambda spec: spec["toy"].update(size=2)))
    with pytest.raises(SpecError) as raised:
        _ = prepared().spec
    assert raised.value.message == (
        f"plugin acme made a wrong spec in flowenv_modify_spec: {what}."
    )
    assert raised.value.hint


def test_a_backend_whose_spec_is_no_plain_data(plugging: Plugging) -> None:
    @hookimpl
    def flowenv_build_spec():
        return {"toy": {1}}

    plugging.backend("toy", {**toy_hooks(), "flowenv_build_spec": flowenv_build_spec})
    plugging.plugin("fine", modifying(lambda spec: None))
    with pytest.raises(SpecError, match=r"The backend toy of toy-dist 1\.0 made a wrong spec in"):
        _ = prepared().spec


@pytest.mark.parametrize("built", [None, "toy", ["toy"]])
def test_a_backend_that_builds_no_mapping(plugging: Plugging, built: object) -> None:
    build = hookimpl(lambda: built, specname="flowenv_build_spec")
    plugging.backend("toy", {**toy_hooks(), "flowenv_build_spec": build})
    with pytest.raises(PluginError) as raised:
        _ = prepared().spec
    assert raised.value.message == (
        "The backend toy of toy-dist 1.0 builds no spec in flowenv_build_spec, but gives "
        f"{type(built).__name__}."
    )


def test_a_backend_that_gives_no_handle(plugging: Plugging) -> None:
    execute = hookimpl(lambda: "run-1", specname="flowenv_execute")
    plugging.backend("toy", {**toy_hooks(), "flowenv_execute": execute})
    with pytest.raises(PluginError) as raised:
        prepared().submit()
    assert raised.value.message == (
        "The backend toy of toy-dist 1.0 gives no handle in flowenv_execute, but str, which has no "
        "reference, status, follow, logs, outcome, cancel."
    )


@pytest.mark.parametrize(("given", "kind"), [("fine", "str"), ([True], "bool"), (7, "int")])
def test_what_is_no_finding_is_a_finding(toy: Plugging, given: object, kind: str) -> None:
    toy.plugin("acme", {"look": hookimpl(lambda: given, specname="flowenv_check")})
    ended = CliRunner().invoke(app, ["doctor", "--env", "toy"])
    told = f"error    plugin acme: plugin acme gives {kind} in flowenv_check, which is no finding."
    assert told in ended.output


@pytest.mark.parametrize("returned", [{"toy": {}}, "done", (), False])
def test_a_spec_that_is_returned_instead_of_changed(toy: Plugging, returned: object) -> None:
    toy.plugin("acme", modifying(lambda spec: returned))
    with pytest.raises(PluginError) as raised:
        _ = prepared().spec
    assert raised.value.message == (
        f"plugin acme returned {type(returned).__name__} from flowenv_modify_spec, which nobody "
        "looks at."
    )
    assert raised.value.hint == "Change the spec in place, and return nothing."


def test_the_changed_spec_itself_may_be_returned(toy: Plugging) -> None:
    def change(spec: dict[str, Any]) -> dict[str, Any]:
        spec["toy"]["size"] = 7
        return spec

    toy.plugin("acme", modifying(change))
    assert prepared().spec["toy"]["size"] == 7


# -- secrets ------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [Secret("s3cr3t"), "s3cr3t"])
def test_a_secret_may_be_given_as_a_text(toy: Plugging, given: Secret | str) -> None:
    toy.plugin("vault", knowing(given))
    found = registry().hooks("toy").find_secret("anything")
    assert found == (Secret("s3cr3t"), "plugin vault")


@pytest.mark.parametrize("given", [None, ""])
def test_who_has_no_secret_lets_the_next_one_look(
    toy: Plugging, given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.plugin("vault", knowing(given))
    monkeypatch.setenv("FLOWENV_SECRET_ANYTHING", "mine")
    assert registry().hooks("toy").find_secret("anything") == (Secret("mine"), "core")
    assert registry().hooks("toy").find_secret("nothing") == (None, "")


def test_local_plugins_are_asked_for_secrets_before_installed_ones(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.plugin("vault", knowing("installed"))
    monkeypatch.setenv("FLOWENV_PLUGINS", toy.local("mine", knowing("local")))
    assert registry().hooks("toy").find_secret("anything") == (Secret("local"), "plugin mine")


@pytest.mark.parametrize(("given", "kind"), [(1, "int"), (b"s3cr3t", "bytes"), (False, "bool")])
def test_what_is_no_secret(toy: Plugging, given: object, kind: str) -> None:
    toy.plugin("vault", knowing(given))
    with pytest.raises(PluginError) as raised:
        prepared().process.variables.merge()
    assert raised.value.message == f"plugin vault gives {kind} for the secret {AUTH_TOKEN_SECRET}."
    assert raised.value.hint == (
        "flowenv_get_secret returns a Secret, a string, or None if it has none."
    )


def test_who_gives_the_token_is_the_layer_that_sets_it(toy: Plugging) -> None:
    toy.plugin("vault", knowing("s3cr3t"))
    (entry,) = [e for e in prepared().process.variables.merge() if e.name == AUTH_TOKEN]
    assert (entry.value, entry.layer) == (Secret("s3cr3t"), "plugin vault")


@pytest.mark.parametrize("variable", ["FLOWENV_SECRET_AUTH_TOKEN", AUTH_TOKEN])
def test_a_token_that_no_plugin_gives_is_the_contracts(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "s3cr3t")
    (entry,) = [e for e in prepared().process.variables.merge() if e.name == AUTH_TOKEN]
    assert (entry.value, entry.layer) == (Secret("s3cr3t"), "contract")


def test_a_plugins_variable_wins_over_a_plugins_token(toy: Plugging) -> None:
    toy.plugin("vault", {**knowing("s3cr3t"), **giving({AUTH_TOKEN: "other"})})
    entries = prepared().process.variables.merge(target=Target.FLOW)
    (entry,) = [e for e in entries if e.name == AUTH_TOKEN]
    assert entry.value == "other"
    assert entry.before is not None
    assert entry.before.layer == "plugin vault"
