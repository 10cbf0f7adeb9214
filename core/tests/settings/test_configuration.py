"""Configuration: where it is read, what wins, and errors with file and line."""

from __future__ import annotations

import pytest

from flowenv import Secret
from flowenv.errors import ConfigurationError
from flowenv.settings.configuration import configuration
from flowenv.settings.secrets import configured_secret

from ..flow_files import write


def configure(tmp_path, text, name="flowenv.toml"):
    return write(tmp_path / name, text)


def test_without_a_file_nothing_is_configured():
    found = configuration()
    assert (found.path, found.plugins, found.environment, found.env) == (None, (), None, {})


def test_everything_can_be_configured(tmp_path):
    (tmp_path / "mine.py").touch()
    path = configure(tmp_path, """
        plugins = ["acme.hooks", "mine.py"]
        required_plugins = ["policy"]
        environment = "prod"
        image = "image:1"
        results_url = "s3://results"
        payload_url = "s3://payloads"

        [env]
        REGION = "eu"

        [secrets]
        one = "text"

        [environments.prod]
        type = "k8s"
        namespace = "flows"
    """)  # fmt: skip
    found = configuration()
    assert found.path == path
    assert found.plugins == ("acme.hooks", str(tmp_path / "mine.py"))
    assert found.required_plugins == ("policy",)
    assert (found.environment, found.image) == ("prod", "image:1")
    assert (found.results_url, found.payload_url) == ("s3://results", "s3://payloads")
    assert found.env == {"REGION": "eu"}
    prod = found.environments["prod"]
    assert (prod.type, prod.settings) == ("k8s", {"namespace": "flows"})
    assert prod.place == f"{path}:15"


def test_a_pyproject_file_counts_when_it_has_the_table(tmp_path):
    configure(tmp_path, '[project]\nname = "x"\n\n[tool.flowenv]\nimage = "i"\n', "pyproject.toml")
    assert configuration().image == "i"


def test_a_pyproject_file_without_the_table_does_not_count(tmp_path):
    configure(tmp_path, '[project]\nname = "x"\n', "pyproject.toml")
    assert configuration().path is None


def test_flowenv_toml_wins_over_a_pyproject_file_beside_it(tmp_path):
    configure(tmp_path, '[tool.flowenv]\nimage = "pyproject"\n', "pyproject.toml")
    configure(tmp_path, 'image = "flowenv"\n')
    assert configuration().image == "flowenv"


def test_the_nearest_file_upwards_counts(tmp_path, monkeypatch):
    configure(tmp_path, 'image = "above"\n')
    configure(tmp_path / "a", 'image = "here"\n')
    (tmp_path / "a" / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert configuration().image == "here"


def test_a_variable_names_the_file(tmp_path, monkeypatch):
    path = configure(tmp_path, 'image = "named"\n', "other.toml")
    monkeypatch.setenv("FLOWENV_CONFIG", str(path))
    assert configuration().image == "named"


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("FLOWENV_CONFIG", "absent.toml")
    with pytest.raises(ConfigurationError, match=r"absent\.toml, which is no file"):
        configuration()


@pytest.mark.parametrize("name", ["environment", "image", "results_url", "payload_url"])
def test_a_variable_wins_over_the_file(tmp_path, monkeypatch, name):
    configure(tmp_path, f'{name} = "file"\n')
    monkeypatch.setenv(f"FLOWENV_{name.upper()}", "variable")
    assert getattr(configuration(), name) == "variable"


@pytest.mark.parametrize("name", ["environment", "image", "results_url", "payload_url"])
def test_an_empty_variable_means_none_whatever_the_file_says(tmp_path, monkeypatch, name):
    configure(tmp_path, f'{name} = "file"\n')
    monkeypatch.setenv(f"FLOWENV_{name.upper()}", "")
    assert getattr(configuration(), name) is None


def test_it_is_read_once(tmp_path):
    path = configure(tmp_path, 'image = "first"\n')
    assert configuration().image == "first"
    path.write_text('image = "second"\n')
    assert configuration().image == "first"


# -- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('imge = "x"\n', 1, r"unknown key 'imge'. Did you mean 'image'\?"),
        ("\n\nimage = 3\n", 3, "image must be a string, not 3"),
        ('plugins = "one"\n', 1, r"plugins must be list\[str\]"),
        ('required_plugins = "one"\n', 1, r"required_plugins must be list\[str\]"),
        ("[env]\nA = '1'\nB = 2\n", 3, "env.B must be a string, not int"),
        ("[env]\nA = '1'\n[env.B]\nC = '1'\n", 3, "env.B must be a string"),
        ("env = { A = 1 }\n", 1, "env.A must be a string, not int"),
        ("[env]\n'A B=' = '1'\n", 2, "env.A B= is no name for a variable. A name has"),
        ("environments = 3\n", 1, "environments must be"),
        ("[environments]\nprod = 3\n", 2, "environments.prod must be"),
        ("[environments.prod]\nnamespace = 'x'\n", 1, r"'prod' has no type, such as type ="),
        ("[environments.prod]\ntype = 3\n", 1, "'prod' has no type"),
        ("[secrets]\na = { evn = 'X' }\n", 2, "secret 'a' must be a string"),
        ("[secrets]\na = { env = 'X', file = 'y' }\n", 2, "secret 'a' must be a string"),
        ("image = \n", 1, "this is no TOML"),
        ("image = 'a'\n\nimage = 'b'\n", 3, "this is no TOML"),
        ("[unknown]\na = 1\n", 1, "unknown key 'unknown'"),
    ],
)
def test_an_error_says_file_and_line(tmp_path, text, line, message):
    path = tmp_path / "flowenv.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as raised:
        configuration()
    assert str(raised.value).startswith(f"{path}:{line}: ")


def test_an_error_in_a_pyproject_file_says_its_line(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nimage = "not ours"\n[tool.flowenv]\nimge = "x"\n')
    with pytest.raises(ConfigurationError) as raised:
        configuration()
    assert str(raised.value).startswith(f"{path}:4: ")


@pytest.mark.parametrize("text", ['[[tool.flowenv]]\nimage = "x"\n', "[tool.flowenv.image]\n"])
def test_a_table_of_another_kind_is_an_error(tmp_path, text):
    configure(tmp_path, text, "pyproject.toml")
    with pytest.raises(ConfigurationError, match="must be a"):
        configuration()


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "flowenv.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"flowenv\.toml can't be read"):
        configuration()


@pytest.mark.parametrize(
    "text", ["[secrets]\na = 31415\n", "[secrets]\na = { env = 31415 }\n", "secrets = 31415\n"]
)
def test_an_error_about_a_secret_does_not_show_it(tmp_path, text):
    configure(tmp_path, text)
    with pytest.raises(ConfigurationError, match="secrets") as raised:
        configuration()
    assert "31415" not in str(raised.value)


def test_what_is_configured_can_be_shown_without_secrets(tmp_path):
    configure(tmp_path, """
        [secrets]
        a = "s3cr3t"
        [environments.prod]
        type = "fargate"
        aws_secret_access_key = "s3cr3t"
    """)  # fmt: skip
    assert "s3cr3t" not in repr(configuration())


# -- secrets ------------------------------------------------------------------------------


def test_a_secret_is_a_text_of_the_file(tmp_path):
    configure(tmp_path, "[secrets]\na = 'text'\n")
    assert configured_secret("a") == Secret("text")


def test_a_secret_comes_from_a_variable_that_the_file_names(tmp_path, monkeypatch):
    configure(tmp_path, "[secrets]\na = { env = 'TOKEN' }\n")
    monkeypatch.setenv("TOKEN", "value")
    assert configured_secret("a") == Secret("value")


def test_a_missing_variable_is_an_error_with_its_line(tmp_path, monkeypatch):
    configure(tmp_path, "[secrets]\na = { env = 'TOKEN' }\n")
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match=r"flowenv\.toml:2: .* TOKEN isn't set"):
        configured_secret("a")


def test_a_secret_comes_from_a_file_beside_the_configuration(tmp_path, monkeypatch):
    configure(tmp_path, "[secrets]\na = { file = 'secrets/a' }\n")
    write(tmp_path / "secrets" / "a", "value\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert configured_secret("a") == Secret("value")


def test_a_missing_file_is_an_error_with_its_line(tmp_path):
    configure(tmp_path, "[secrets]\na = { file = 'absent' }\n")
    with pytest.raises(ConfigurationError, match=r"flowenv\.toml:2: .*absent can't be read"):
        configured_secret("a")


def test_a_file_that_is_no_text_is_an_error_that_does_not_show_it(tmp_path):
    configure(tmp_path, "[secrets]\na = { file = 'binary' }\n")
    (tmp_path / "binary").write_bytes(b"s3cr3t\xff")
    with pytest.raises(ConfigurationError, match="no UTF-8") as raised:
        configured_secret("a")
    assert raised.value.__cause__ is None


def test_a_secret_comes_from_a_variable_of_its_name(monkeypatch):
    monkeypatch.setenv("FLOWENV_SECRET_MY_TOKEN", "value")
    assert configured_secret("my-token") == Secret("value")


def test_the_file_wins_over_the_variable(tmp_path, monkeypatch):
    configure(tmp_path, "[secrets]\na = 'file'\n")
    monkeypatch.setenv("FLOWENV_SECRET_A", "variable")
    assert configured_secret("a") == Secret("file")


def test_the_auth_token_comes_from_its_contract_variable_too(monkeypatch):
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", "value")
    assert configured_secret("auth_token") == Secret("value")
    assert configured_secret("other") is None
