"""`[plugin.NAME]`: declared by a plugin, checked before anything is submitted, never leaked."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowenv import Flow, hookimpl
from flowenv.cli.app import app
from flowenv.errors import ConfigurationError, PluginError, SettingError
from flowenv.plugin import PluginSettings, setting
from flowenv.registry.registry import registry, reset
from flowenv.settings.configuration import configuration
from flowenv.submission.lifecycle import prepare

from ..flow_files import write
from ..plugging import Plugging, ToyEnvironment


@dataclasses.dataclass
class ChatSettings(PluginSettings):
    plugin = "chat"

    room: str = setting("runs", help="Who is told.")
    tries: int = setting(3, help="How often.")
    states: list[str] = setting(factory=list, help="Of which states.")
    book: str | None = setting(None, help="Where it is written down, too.", is_path=True)
    token: str | None = setting(None, help="The token.", secret=True)


def having(declared: object) -> dict[str, Any]:
    @hookimpl
    def flowenv_plugin_settings():
        return declared

    return {"flowenv_plugin_settings": flowenv_plugin_settings}


def configure(text: str) -> None:
    write(Path("flowenv.toml"), text)
    configuration.cache_clear()
    reset()


def prepared() -> None:
    prepare(Flow(dict), environment=ToyEnvironment())


@pytest.fixture
def chat(toy: Plugging) -> Plugging:
    toy.plugin("chat", having(ChatSettings))
    return toy


def test_what_is_configured_comes_typed(chat: Plugging, tmp_path: Path) -> None:
    configure('[plugin.chat]\ntries = 5\nstates = ["Failed"]\nbook = "book.txt"\n')
    wanted = ChatSettings("runs", 5, ["Failed"], str(tmp_path / "book.txt"))
    assert ChatSettings.configured() == wanted


def test_a_variable_wins_over_the_file(chat: Plugging, monkeypatch: pytest.MonkeyPatch) -> None:
    configure("[plugin.chat]\ntries = 5\n")
    monkeypatch.setenv("FLOWENV_PLUGIN_CHAT_TRIES", "7")
    monkeypatch.setenv("FLOWENV_PLUGIN_CHAT_STATES", "Failed,Crashed")
    assert ChatSettings.configured() == ChatSettings(tries=7, states=["Failed", "Crashed"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('romm = "x"', r"flowenv.toml:2: the plugin chat has no setting 'romm'. Did you mean 'ro"),
        ('tries = "x"', r"flowenv.toml:2: tries must be an integer, not 'x'\."),
        ("token = 12345", r"flowenv.toml:2: token must be a string or None, not int\.$"),
    ],
)
def test_a_mistake_has_file_and_line(chat: Plugging, text: str, message: str) -> None:
    configure(f"[plugin.chat]\n{text}\n")
    with pytest.raises(ConfigurationError, match=message):
        prepared()


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("FLOWENV_PLUGIN_CHAT_TRIES", r"^FLOWENV_PLUGIN_CHAT_TRIES=x: expected an integer\."),
        ("FLOWENV_PLUGIN_CHAT_TRIE", r"no setting for FLOWENV_P.* Did you mean '.*CHAT_TRIES'"),
    ],
)
def test_a_mistake_in_a_variable_names_it(
    chat: Plugging, variable: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "x")
    with pytest.raises(ConfigurationError, match=message):
        prepared()


def test_a_variable_of_a_plugin_with_a_longer_name_is_that_plugins(
    chat: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = dataclasses.make_dataclass(
        "Longer", [("size", int, setting(1, help="…"))], bases=(PluginSettings,)
    )
    longer.plugin = "chat-room"
    chat.plugin("chat-room", having(longer))
    monkeypatch.setenv("FLOWENV_PLUGIN_CHAT_ROOM_SIZE", "3")
    prepared()
    assert longer.configured().size == 3


def test_what_has_to_be_set_is_named(toy: Plugging) -> None:
    declared = dataclasses.make_dataclass(
        "Declared", [("url", str, setting(help="The address."))], bases=(PluginSettings,)
    )
    declared.plugin = "post"
    toy.plugin("post", having(declared))
    with pytest.raises(ConfigurationError) as caught:
        prepared()
    assert "The plugin post needs its setting 'url': The address." in str(caught.value)
    assert "[plugin.post]" in str(caught.value)
    assert "FLOWENV_PLUGIN_POST_URL" in str(caught.value)


def test_a_check_of_the_plugins_own_has_file_and_line(toy: Plugging) -> None:
    @dataclasses.dataclass
    class Declared(PluginSettings):
        plugin = "post"
        tries: int = setting(3, help="How often.")

        def __post_init__(self) -> None:
            if self.tries < 1:
                raise SettingError("tries must be 1 or more.")

    toy.plugin("post", having(Declared))
    configure("[plugin.post]\ntries = 0\n")
    with pytest.raises(ConfigurationError, match=r"flowenv.toml:1: tries must be 1 or more"):
        prepared()


def test_a_plugin_that_is_not_there_is_said_once(
    chat: Plugging, caplog: pytest.LogCaptureFixture
) -> None:
    configure("[plugin.vault]\n")
    prepared()
    prepared()
    assert [one.message for one in caplog.records if "no plugin 'vault'" in one.message] == [
        f"{Path('flowenv.toml').resolve()}:1: no plugin 'vault' is installed."
    ]
    output = CliRunner().invoke(app, ["doctor"]).output
    assert re.search(r"^warning +configuration: .*:1: no plugin 'vault'", output, re.MULTILINE)


def test_a_misspelt_table_is_an_error(chat: Plugging) -> None:
    configure("[plugin.chta]\n")
    message = r"flowenv.toml:1: no plugin 'chta' is installed. Did you mean 'chat'\?"
    with pytest.raises(ConfigurationError, match=message):
        prepared()


def test_a_table_of_a_plugin_without_settings_is_an_error(toy: Plugging) -> None:
    toy.plugin("plain", having(None))
    configure("[plugin.plain]\n")
    with pytest.raises(ConfigurationError, match=r":1: the plugin plain has no settings"):
        prepared()


def test_a_plugin_that_is_left_out_may_stay_configured(
    chat: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('[plugin.chat]\nwhatever = "x"\n')
    monkeypatch.setenv("FLOWENV_LOAD_PLUGINS", "")
    prepared()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"room": "x"}, "plugin chat gives {'room': 'x'} in flowenv_plugin_settings"),
        (type("S", (PluginSettings,), {"plugin": "chat"}), "S lacks @dataclasses.dataclass"),
        (dataclasses.make_dataclass("S", [], bases=(PluginSettings,)), "S has no name"),
        (
            dataclasses.dataclass(type("S", (PluginSettings,), {"plugin": "other"})),
            "S.plugin is 'other', but its entry point is named 'chat'",
        ),
    ],
)
def test_what_are_no_settings(toy: Plugging, declared: object, message: str) -> None:
    toy.plugin("chat", having(declared))
    with pytest.raises(PluginError) as caught:
        prepared()
    assert message in str(caught.value)


def test_two_plugins_with_settings_of_one_name(
    chat: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PLUGINS", chat.local("mine", having(ChatSettings)))
    with pytest.raises(PluginError, match="plugin chat and plugin mine both have settings"):
        prepared()


def test_they_are_in_the_json_with_who_set_them(
    chat: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('[plugin.chat]\ntries = 5\ntoken = "geheim"\n')
    monkeypatch.setenv("FLOWENV_PLUGIN_CHAT_ROOM", "ops")
    output = CliRunner().invoke(app, ["plugins", "--load", "-o", "json"]).output
    (found,) = (one for one in json.loads(output) if one["name"] == "chat")
    values = {
        one["name"]: (one["value"], Path(one["place"] or "").name)
        for one in found["plugin_settings"]
    }
    assert values == {
        "room": ("ops", "FLOWENV_PLUGIN_CHAT_ROOM"),
        "tries": (5, "flowenv.toml:2"),
        "states": ([], ""),
        "book": (None, ""),
        "token": ("***", "flowenv.toml:3"),
    }
    assert found["plugin_settings"][1]["help"] == "How often."
    assert "geheim" not in output


def test_the_doctor_says_where_they_come_from(chat: Plugging) -> None:
    configure("[plugin.chat]\ntries = 5\n")
    output = CliRunner().invoke(app, ["doctor"]).output
    (line,) = (one for one in output.splitlines() if "plugin chat: " in one)
    assert line.startswith("ok")
    assert "with settings from" in line
    assert line.endswith("flowenv.toml:2")


@pytest.mark.parametrize(
    ("text", "subject"), [("[plugin.chat]\ntrie = 5", "plugin chat"), ("[plugin.chta]", "configur")]
)
def test_the_doctor_finds_mistakes(chat: Plugging, text: str, subject: str) -> None:
    configure(text)
    output = CliRunner().invoke(app, ["doctor", "-o", "json"]).output
    wrong = [one for one in json.loads(output) if one["level"] == "error"]
    assert any(
        one["subject"].startswith(subject) and "flowenv.toml:" in one["message"] for one in wrong
    )


def test_no_repr_shows_them() -> None:
    configure('[plugin.chat]\ntoken = "geheim"\n')
    assert "geheim" not in repr((configuration(), ChatSettings.configured()))
    assert registry()
