"""Labels: any texts, each once, in one order, and more can be added."""

from __future__ import annotations

import copy
import pickle

import pytest

from flowenv import Environment, Flow
from flowenv.errors import SettingError
from flowenv.submission.lifecycle import prepare

from ..plugging import ToyEnvironment


@pytest.mark.parametrize(
    "given",
    [["b", "a", "b"], ("a", "b"), {"a", "b"}, frozenset("ab"), iter(["b", "a"])],
)
def test_any_iterable_of_texts_will_do(given: object) -> None:
    environment = ToyEnvironment(labels=given)
    assert environment.labels == {"a", "b"}
    assert list(environment.labels) == ["a", "b"]
    assert repr(environment) == "ToyEnvironment(labels=['a', 'b'])"


def test_environments_with_the_same_labels_are_equal() -> None:
    assert ToyEnvironment(labels=["a", "b"]) == ToyEnvironment(labels=("b", "a", "a"))
    assert ToyEnvironment(labels=["a"]) != ToyEnvironment(labels=["b"])


@pytest.mark.parametrize("given", ["nightly", b"nightly", 3, {"a": "b"}, ["a", 3], [None]])
def test_what_is_no_collection_of_texts_is_refused(given: object) -> None:
    with pytest.raises(SettingError, match="ToyEnvironment labels must be"):
        ToyEnvironment(labels=given)


def test_they_are_serialised_in_order_and_come_back(toy) -> None:
    data = ToyEnvironment(labels=["c", "a", "b"]).serialize()
    assert data["labels"] == ["a", "b", "c"]
    assert Environment.deserialize(data).labels == {"a", "b", "c"}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_what_is_added_counts_and_copies_are_their_own(toy, copied) -> None:
    environment = ToyEnvironment(labels=["a"])
    other = copied(environment)
    environment.labels.add("z")
    environment.labels |= {"k"}
    run = prepare(Flow(len), environment=environment, draft=True, labels=["b", "a"]).flow_run
    assert run.labels == ("a", "k", "z", "b")
    assert other.labels == {"a"}


def test_what_is_no_text_is_found_when_it_was_added(toy) -> None:
    environment = ToyEnvironment(labels=["a"])
    environment.labels.add(3)
    with pytest.raises(SettingError, match="3 is int"):
        prepare(Flow(len), environment=environment, draft=True)
