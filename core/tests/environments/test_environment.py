"""Environments are data: checked, isolated, serialised without secrets."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import pickle
from typing import Any

import pytest

from flowenv import Environment, LocalDaskExecutor, LocalExecutor
from flowenv.environments.common_environment import CommonEnvironment
from flowenv.errors import BackendNotFound, ConfigurationError, SettingError
from flowenv.settings.declaration import setting, settings_of

from ..plugging import ToyEnvironment


def on_start() -> None: ...


FULL = {
    "executor": LocalDaskExecutor("threads", num_workers=2),
    "labels": ["nightly"],
    "on_start": on_start,
    "metadata": {"image": "i:1", "nested": {"a": [1]}},
    "size": 3,
}


def test_labels_and_metadata_are_empty_by_default():
    environment = ToyEnvironment()
    assert (environment.labels, environment.metadata) == (set(), {})


def test_what_is_given_is_not_shared():
    labels, metadata = ["a"], {"image": "i"}
    environment = ToyEnvironment(labels=labels, metadata=metadata)
    labels.append("b")
    metadata["image"] = "other"
    assert (environment.labels, environment.metadata) == ({"a"}, {"image": "i"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "3"}, r"ToyEnvironment size must be an integer, not str \('3'\)"),
        ({"labels": "nightly"}, "labels must be"),
        ({"labels": [1]}, "labels must be"),
        ({"metadata": ["image"]}, "metadata must be"),
        ({"on_start": "function"}, "on_start must be a function or None"),
        ({"executor": "threads"}, r"flowenv Executor, but it is builtins\.str"),
    ],
)
def test_a_setting_of_the_wrong_type_is_a_type_error_that_names_it(settings, message):
    with pytest.raises(SettingError, match=message) as raised:
        ToyEnvironment(**settings)
    assert isinstance(raised.value, TypeError)


def test_an_error_about_a_secret_setting_does_not_show_its_value():
    with pytest.raises(SettingError) as raised:
        ToyEnvironment(password=["s3cr3t"])
    assert "s3cr3t" not in str(raised.value)
    assert "password must be" in str(raised.value)


def test_an_unknown_setting_is_a_type_error():
    with pytest.raises(TypeError, match="labls"):
        ToyEnvironment(labls=[])


def test_it_shows_what_is_set_and_masks_secrets():
    environment = ToyEnvironment(size=3, password="s3cr3t", labels=["a"])
    assert repr(environment) == "ToyEnvironment(labels=['a'], size=3, password=***)"


def test_a_value_with_a_comparison_of_its_own_can_be_shown():
    import numpy

    assert "array" in repr(ToyEnvironment(metadata={"a": numpy.arange(3)}))


def test_a_default_shows_nothing():
    assert repr(ToyEnvironment()) == "ToyEnvironment()"


# -- serialised ---------------------------------------------------------------------------


def test_it_reads_back_as_it_was(toy):
    environment = ToyEnvironment(**FULL)
    data = json.loads(json.dumps(environment.serialize()))
    assert Environment.deserialize(data) == environment


def test_its_type_is_the_backend(toy):
    data = ToyEnvironment().serialize()
    assert data["type"] == "toy"
    assert data["__version__"]


def test_secrets_are_not_serialised(toy):
    environment = ToyEnvironment(password="s3cr3t")
    assert "s3cr3t" not in json.dumps(environment.serialize())
    assert Environment.deserialize(environment.serialize()).password is None


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_a_pickle_has_no_secrets_and_every_setting(copied):
    environment = copied(ToyEnvironment(**FULL, password="s3cr3t"))
    assert environment == ToyEnvironment(**FULL)
    assert b"s3cr3t" not in pickle.dumps(ToyEnvironment(password="s3cr3t"))


def test_serialising_changes_nothing():
    environment = ToyEnvironment(**FULL)
    environment.serialize()
    assert environment == ToyEnvironment(**FULL)


def test_a_missing_backend_is_named_with_what_to_install(plugging):
    with pytest.raises(BackendNotFound, match=r"'k8s' isn't installed.*pip install .*flowenv-k8s"):
        Environment.deserialize({"type": "k8s"})


@pytest.mark.parametrize("data", [{}, {"type": 3}, None, "toy"])
def test_what_is_no_serialised_environment_is_refused(data):
    with pytest.raises(ConfigurationError, match="no type"):
        Environment.deserialize(data)


def test_an_unknown_serialised_setting_names_the_nearest(toy):
    with pytest.raises(ConfigurationError, match=r"no setting 'sise'. Did you mean 'size'?"):
        Environment.deserialize({"type": "toy", "sise": 3})


def test_a_lambda_travels_as_a_pickle(toy):
    environment = ToyEnvironment(on_exit=lambda: "called")
    assert Environment.deserialize(environment.serialize()).on_exit() == "called"


# -- declarations -------------------------------------------------------------------------


def test_settings_are_known_in_the_constructors_order():
    assert [one.name for one in settings_of(ToyEnvironment)] == [
        "executor", "labels", "on_start", "on_exit", "metadata", "size", "password", "own",
    ]  # fmt: skip


def test_settings_by_keyword_only_come_last_wherever_they_are_declared():
    @dataclasses.dataclass(repr=False)
    class Hosted(CommonEnvironment):
        host: str = setting("localhost", help="Where.")

    assert [one.name for one in settings_of(Hosted)] == [*inspect.signature(Hosted).parameters]
    assert repr(Hosted("there", labels=["a"])) == "Hosted(host='there', labels=['a'])"


def test_every_setting_has_help():
    assert all(one.help for one in settings_of(ToyEnvironment))


def test_a_setting_knows_default_type_and_whether_it_is_secret():
    found = {one.name: one for one in settings_of(ToyEnvironment)}
    assert (found["size"].default, found["size"].annotation) == (1, int)
    assert (found["password"].secret, found["size"].secret) == (True, False)
    assert found["own"].default == {}


def test_a_setting_that_is_not_serialised_is_masked_too():
    @dataclasses.dataclass(repr=False)
    class Private(ToyEnvironment):
        arguments: dict[str, Any] = setting(factory=dict, help="…", serialized=False)

    private = Private(arguments={"key": "s3cr3t"})
    assert "s3cr3t" not in repr(private) + json.dumps(private.serialize())


def test_environments_with_equal_settings_are_equal():
    assert ToyEnvironment(size=2) == ToyEnvironment(size=2)
    assert ToyEnvironment(size=2) != ToyEnvironment(size=3)
    assert ToyEnvironment(executor=LocalExecutor()) == ToyEnvironment(executor=LocalExecutor())
