"""`-s`: settings, and keys in them however deep."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flowenv import LocalDaskExecutor
from flowenv.cli.arguments.given_settings import parse_settings
from flowenv.environments.common_environment import CommonEnvironment
from flowenv.errors import ConfigurationError
from flowenv.settings.declaration import setting


@dataclasses.dataclass(repr=False)
class Declared(CommonEnvironment):
    size: int = setting(1, help="How many.")
    variables_: dict[str, str] | None = setting(None, help="Texts by name.")
    tokens: dict[str, int] | None = setting(None, help="Secrets by name.", secret=True)


class TakesAny(Declared):
    takes_any_setting = True


def parsed(*items: str, of: type[Declared] = Declared, **before: Any) -> dict[str, Any]:
    return parse_settings(of, items, before)


@pytest.mark.parametrize("of", [Declared, TakesAny])
def test_a_key_of_a_declared_setting_however_deep(of: type[Declared]) -> None:
    found = parsed("metadata.a.b=1", "metadata.a.c.d=x", "metadata.e=[2]", of=of)
    assert found == {"metadata": {"a": {"b": 1, "c": {"d": "x"}}, "e": [2]}}


def test_a_key_of_a_setting_that_nobody_declared_however_deep() -> None:
    found = parsed("networkConfiguration.awsvpcConfiguration.subnets=[1]", "cpu=512", of=TakesAny)
    assert found == {"networkConfiguration": {"awsvpcConfiguration": {"subnets": [1]}}, "cpu": 512}


def test_keys_are_added_to_what_was_there_which_stays_as_it_was() -> None:
    before = {"a": {"b": 1}, "z": 1}
    assert parsed("metadata.a.c=2", metadata=before)["metadata"] == {"a": {"b": 1, "c": 2}, "z": 1}
    assert before == {"a": {"b": 1}, "z": 1}


def test_keys_are_added_to_a_whole_that_is_given_before() -> None:
    assert parsed('metadata={"a": {"b": 1}}', "metadata.a.c=2")["metadata"] == {
        "a": {"b": 1, "c": 2}
    }


def test_a_key_with_dots_stands_in_quotes() -> None:
    found = parsed('metadata.labels."app.kubernetes.io/name"=flows')
    assert found == {"metadata": {"labels": {"app.kubernetes.io/name": "flows"}}}


def test_a_value_in_a_mapping_is_read_as_its_annotation_says() -> None:
    assert parsed("variables_.PORT=8080") == {"variables_": {"PORT": "8080"}}


def test_an_executor_is_made_of_its_keys_however_deep() -> None:
    keys = ("executor.type=LocalDaskExecutor", "executor.kwargs.array.chunk=1")
    (made,) = parsed(*keys, executor=LocalDaskExecutor(num_workers=3)).values()
    assert made == LocalDaskExecutor(array={"chunk": 1})


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["sise=1"], r"-s sise: Declared has no setting 'sise'\. Did you mean 'size'\?"),
        (["sise.a.b=1"], r"-s sise\.a\.b: Declared has no setting 'sise'"),
        (["size.a=1"], r"-s size\.a: size must be an integer, which has no keys"),
        (["metadata.a.b.c=1"], r"-s metadata\.a\.b\.c: metadata\.a is no table.* key 'b'"),
        (["metadata.a.b.c=1"], r"^(?!.*text).*$"),
        (["metadata.=1"], r"-s metadata\.: this is no FIELD\.KEY"),
        (["metadata..a=1"], r"-s metadata\.\.a: this is no FIELD\.KEY"),
        (['metadata."a=1'], r"this is no FIELD\.KEY"),
        (["tokens.a=secret"], r"-s tokens\.a=\*\*\*: expected an integer"),
    ],
)
def test_what_is_wrong_is_said_of_the_item(items: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parsed(*items, metadata={"a": "text"})
