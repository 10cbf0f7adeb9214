"""Settings that are secrets: text to who reads one, nothing to who lists them all."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from flowenv.errors import SettingError
from flowenv.plugin import CommonEnvironment, HiddenItems, Secret, setting


@dataclasses.dataclass(repr=False)
class Keyed(CommonEnvironment):
    backend = "keyed"
    password: str | None = setting(None, secret=True, help="A password.")
    place: str = setting("here", help="Where.")


def test_a_secret_setting_reads_as_its_text() -> None:
    assert Keyed(password="s3cr3t").password == "s3cr3t"
    assert Keyed().password is None


@pytest.mark.parametrize("number", range(2))
def test_who_lists_the_attributes_sees_no_secret(number: int) -> None:
    environment = Keyed(password="s3cr3t", place="there")  # the first of its class, and another

    assert vars(environment)["password"] == Secret("s3cr3t")
    assert vars(environment)["place"] == "there"
    environment.password = "0ther"
    assert "0ther" not in repr(vars(environment))


def test_it_stays_so_in_a_runs_own_copy_and_what_came_out_of_a_pickle() -> None:
    own = Keyed(password="s3cr3t").own_copy()
    assert (own.password, "s3cr3t" in repr(vars(own))) == ("s3cr3t", False)
    again = pickle.loads(pickle.dumps(Keyed(password="s3cr3t")))
    again.password = "s3cr3t"
    assert (again.password, "s3cr3t" in repr(vars(again))) == ("s3cr3t", False)


def test_a_subclass_keeps_its_secrets_too() -> None:
    class More(Keyed):
        pass

    assert "s3cr3t" not in repr(vars(More(password="s3cr3t")))
    assert "s3cr3t" not in repr(vars(Keyed(password="s3cr3t")))


def test_equal_secrets_make_equal_environments() -> None:
    assert Keyed(password="a") == Keyed(password="a")
    assert Keyed(password="a") != Keyed(password="b")


def test_a_wrong_type_is_refused_without_showing_it() -> None:
    with pytest.raises(SettingError, match="must be") as raised:
        Keyed(password=314159)  # type: ignore[arg-type]
    assert "314159" not in str(raised.value)


def test_hidden_items_are_a_dict_that_does_not_show_its_values() -> None:
    items = HiddenItems({"password": "s3cr3t", "sizes": [1]})

    assert items == {"password": "s3cr3t", "sizes": [1]}
    for one in (items, copy.copy(items), copy.deepcopy(items)):
        assert f"{one}" == "{'password': '***', 'sizes': '***'}"
        assert one["password"] == "s3cr3t"


def test_a_runs_own_copy_of_hidden_items_is_its_own() -> None:
    environment = Keyed()
    environment.extra = HiddenItems({"sizes": [1]})  # type: ignore[attr-defined]
    own = environment.own_copy()
    own.extra["sizes"].append(2)  # type: ignore[attr-defined]

    assert environment.extra["sizes"] == [1]  # type: ignore[attr-defined]
    assert isinstance(own.extra, HiddenItems)  # type: ignore[attr-defined]
