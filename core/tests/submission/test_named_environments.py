"""Environments by name, from configuration and the command line's texts."""

from __future__ import annotations

import dataclasses
import os

import pytest

from flowenv import DaskExecutor, LocalDaskExecutor, LocalExecutor, hookimpl, make_environment
from flowenv.errors import BackendNotFound, ConfigurationError, FlowenvError
from flowenv.registry import discovery
from flowenv.settings.declaration import settings_of
from flowenv.submission.named_environments import read_setting

from ..flow_files import write
from ..plugging import ToyEnvironment, toy_hooks


def configure(tmp_path, text):
    return write(tmp_path / "flowenv.toml", text)


def test_a_backends_name_makes_its_environment(toy):
    assert make_environment("toy") == ToyEnvironment()


def test_settings_are_the_constructors(toy):
    assert make_environment("toy", {"size": 4}).size == 4


def test_a_named_environment_has_the_configured_settings(toy, tmp_path):
    configure(tmp_path, '[environments.big]\ntype = "toy"\nsize = 9\nlabels = ["a"]\n')
    assert make_environment("big") == ToyEnvironment(size=9, labels=["a"])


def test_settings_given_win_over_configured_ones(toy, tmp_path):
    configure(tmp_path, '[environments.big]\ntype = "toy"\nsize = 9\n')
    assert make_environment("big", {"size": 1}).size == 1


def test_without_a_name_the_configured_default_counts(toy, tmp_path):
    configure(tmp_path, 'environment = "big"\n[environments.big]\ntype = "toy"\nsize = 9\n')
    assert make_environment().size == 9


def test_without_any_it_is_local(plugging):
    with pytest.raises(
        BackendNotFound, match=r"'local' isn't installed.*pip install .*flowenv-local"
    ):
        make_environment()


def test_a_named_environment_may_be_called_like_a_backend(toy, tmp_path):
    configure(tmp_path, '[environments.toy]\ntype = "toy"\nsize = 9\n')
    assert make_environment("toy").size == 9


@pytest.mark.parametrize(
    ("value", "executor"),
    [
        ('"LocalExecutor"', LocalExecutor()),
        ('{ type = "LocalDaskExecutor", scheduler = "threads", num_workers = 2 }',
         LocalDaskExecutor("threads", num_workers=2)),
        ('{ type = "flowenv.DaskExecutor", address = "tcp://x:1" }', DaskExecutor("tcp://x:1")),
    ],
)  # fmt: skip
def test_an_executor_is_configured_by_name(toy, tmp_path, value, executor):
    configure(tmp_path, f'[environments.big]\ntype = "toy"\nexecutor = {value}\n')
    assert make_environment("big").executor == executor


def test_a_callback_is_configured_by_name(toy, tmp_path):
    configure(tmp_path, '[environments.big]\ntype = "toy"\non_exit = "os.getpid"\n')
    assert make_environment("big").on_exit is os.getpid


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sise = 3", r"no setting 'sise'. Did you mean 'size'\?"),
        ('size = "3"', "size must be an integer, not '3'"),
        ('executor = "Local"', "no executor 'Local'"),
        ("executor = 3", "executor must name its type"),
        ('executor = { scheduler = "threads" }', "executor must name its type"),
        ('executor = { type = "DaskExecutor", adress = "x" }', "Did you mean 'address'"),
        ('executor = { type = "LocalDaskExecutor", workers = 3 }', "no setting 'workers'"),
        ('executor = { type = "DaskExecutor", address = 3 }', "address must be"),
        ('executor = "absent.Executor"', "can't be imported"),
        ('executor = "os.getpid"', "os.getpid is no flowenv Executor class"),
        ('on_start = "absent.function"', "can't be imported"),
        ('on_start = "os.path"', "no function"),
        ("on_start = 3", "on_start must be a function"),
    ],
)
def test_a_wrong_configured_setting_says_file_and_line(toy, tmp_path, setting, message):
    path = configure(tmp_path, f'[environments.big]\ntype = "toy"\n{setting}\n')
    with pytest.raises(ConfigurationError, match=message) as raised:
        make_environment("big")
    assert str(raised.value).startswith(f"{path}:3: ")


def test_an_error_about_a_configured_secret_does_not_show_it(toy, tmp_path):
    configure(tmp_path, '[environments.big]\ntype = "toy"\npassword = 31415\n')
    with pytest.raises(ConfigurationError, match="password must be") as raised:
        make_environment("big")
    assert "31415" not in str(raised.value)


def test_an_unknown_type_says_file_and_line(toy, tmp_path):
    path = configure(tmp_path, '\n[environments.big]\ntype = "k8s"\n')
    with pytest.raises(BackendNotFound, match=r"pip install .*flowenv-k8s") as raised:
        make_environment("big")
    assert str(raised.value).startswith(f"{path}:2: ")


def test_an_unknown_name_lists_what_there_is(toy, tmp_path):
    configure(tmp_path, '[environments.production]\ntype = "toy"\n')
    message = r"installed: toy\. Named environments: production\. Did you mean 'production'"
    with pytest.raises(BackendNotFound, match=message):
        make_environment("producton")


def test_an_unknown_setting_names_the_nearest(toy):
    with pytest.raises(ConfigurationError, match=r"no setting 'sise'\. Did you mean 'size'\?"):
        make_environment("toy", {"sise": 1})


def test_a_setting_without_a_default_that_is_missing_is_an_error(plugging):
    @dataclasses.dataclass(repr=False, kw_only=True)
    class Needs(ToyEnvironment):
        backend = "needs"
        provider: str

    @hookimpl
    def flowenv_environment_type():
        return Needs

    plugging.backend("needs", {"flowenv_environment_type": flowenv_environment_type})
    with pytest.raises(ConfigurationError, match=r"needs can't be made: .*provider"):
        make_environment("needs")


# -- texts of the command line ------------------------------------------------------------

SETTINGS = {one.name: one for one in settings_of(ToyEnvironment)}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("size", "3", 3),
        ("labels", "a,b", ["a", "b"]),
        ("metadata", '{"image": "i"}', {"image": "i"}),
        ("executor", "LocalExecutor", LocalExecutor()),
        ("executor", '{"type": "LocalDaskExecutor"}', LocalDaskExecutor()),
        ("on_start", "os.getpid", os.getpid),
        ("password", "secret", "secret"),
    ],
)  # fmt: skip
def test_a_text_is_read_by_the_settings_annotation(name, text, value):
    assert read_setting(SETTINGS[name], text, f"-s {name}") == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("size", "three", "-s size=three: expected an integer"),
        ("executor", "Local", "-s executor: There is no executor 'Local'"),
        ("on_start", "absent.f", "-s on_start: .*can't be imported"),
    ],
)
def test_a_text_that_does_not_parse_says_where(name, text, message):
    with pytest.raises(FlowenvError, match=message):
        read_setting(SETTINGS[name], text, f"-s {name}")


def test_a_word_of_the_field_names_the_backends_that_are_about_it(plugging, monkeypatch):
    plugging.backend("toy", toy_hooks())
    summaries = {"toy-dist": "Run flowenv flows as toys of Kubernetes."}
    monkeypatch.setattr(
        discovery.metadata(), "metadata", lambda name: {"Summary": summaries.get(name)}
    )
    with pytest.raises(BackendNotFound, match=r"Did you mean 'toy' \(Run flowenv flows as toys of"):
        make_environment("kubernetes")
