"""Whoever extends an environment hears what of it the flow's container doesn't have."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import warnings

import pytest

from flowenv.plugin import Environment, setting

from ..plugging import ToyEnvironment


@pytest.mark.parametrize("name", ["run", "execute", "setup"])
def test_a_method_that_nobody_calls_is_said_when_the_class_is_made(name: str) -> None:
    with pytest.warns(UserWarning, match=f"{name} of Mine: .*in the flow's container"):
        type("Mine", (ToyEnvironment,), {name: lambda self, flow: None})


class WithAttribute(ToyEnvironment):
    def __init__(self, team: str) -> None:
        super().__init__()
        self.team = team
        self._cache = team


@pytest.mark.parametrize("lose", [Environment.serialize, pickle.dumps])
def test_an_attribute_that_does_not_travel_is_said_when_it_is_lost(lose) -> None:
    with pytest.warns(UserWarning, match="team of WithAttribute: only settings travel"):
        lose(WithAttribute("a"))


@pytest.mark.parametrize("lose", [Environment.serialize, pickle.dumps])
def test_the_name_in_the_configuration_need_not_travel(lose) -> None:
    environment = ToyEnvironment()
    environment.configured_as = "nightly"
    lose(environment)


def test_settings_travel_without_a_word() -> None:
    @dataclasses.dataclass(repr=False)
    class Mine(ToyEnvironment):
        team: str = setting("a", help="Whose.")

        def variables(self, target):
            return {"TEAM": self.team}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Mine(team="b").serialize()["team"] == "b"
        assert copy.deepcopy(Mine(team="b")).team == "b"


def test_the_base_itself_can_be_shown() -> None:
    assert repr(Environment()) == "Environment()"
