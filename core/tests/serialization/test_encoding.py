"""Objects as JSON: what is plain stays, what has a name goes by it, the rest is pickled."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import sys
import threading
import uuid
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import ModuleType

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv import DaskExecutor, LocalDaskExecutor, LocalExecutor, Secret
from flowenv.errors import PayloadError
from flowenv.serialization.encoding import Encoder, decode
from flowenv.serialization.plain_data import is_plain, to_json_bytes


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


def function() -> str:
    return "called"


def sent(value, **settings):
    """The value as another process gets it, and whether it took a pickle."""
    encoder = Encoder(**settings)
    data = json.loads(to_json_bytes(encoder.encode(value, "the value")))
    return decode(data), encoder.has_pickles


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(PLAIN)
def test_plain_data_comes_back_without_a_pickle(value):
    assert sent(value) == (value, False)


@pytest.mark.parametrize(
    "value",
    [
        Path("a/b"),
        PurePosixPath("a/b"),
        PureWindowsPath("c:/a"),
        datetime.date(2024, 2, 1),
        datetime.datetime(2024, 2, 1, 10, tzinfo=datetime.UTC),
        datetime.time(10, 30),
        datetime.timedelta(days=-3, microseconds=1),
        b"\x00\xff",
        bytearray(b"\x00"),
        3 + 4j,
        decimal.Decimal("1.10"),
        [10**6000, -(2**14_000)],
        uuid.UUID(int=1),
        {1: "a", (2, 3): {"$items": 1}},
        math.inf,
        numpy.float32(0.1),
        numpy.complex128(1j),
        numpy.str_("a"),
        (1, ("a", None)),
        {1, 2},
        frozenset({"a"}),
        Colour.RED,
        [Path("a"), {"b": (1,)}],
        "\udc80 a lone surrogate",
        {"$object": "is only a key", "$pickle": (1,)},
        function,
        Point,
        len,
        Point.__init__,
        LocalExecutor(),
        LocalDaskExecutor("processes", num_workers=3),
        DaskExecutor(cluster_class="distributed.LocalCluster", cluster_kwargs={"n_workers": 1}),
    ],
)
def test_what_has_a_text_or_a_name_comes_back_without_a_pickle(value):
    found, has_pickles = sent(value)
    assert found == value
    assert type(found) is type(value)
    assert not has_pickles


@pytest.mark.parametrize(
    "value",
    [Point(1), {1: Point(2)}, [Point(2)], range(3)],
)
def test_all_else_comes_back_as_a_pickle(value):
    assert sent(value) == (value, True)


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_a_number_that_json_has_not_comes_back(value):
    assert sent(value)[0] == value


def test_a_lambda_comes_back_as_a_pickle():
    found, has_pickles = sent(lambda: "called")
    assert (found(), has_pickles) == ("called", True)


def test_a_function_inside_a_function_comes_back_as_a_pickle():
    outer = 3

    def inner():
        return outer

    assert sent(inner)[0]() == 3


def test_a_name_that_is_now_something_else_is_not_used(monkeypatch):
    before = function
    monkeypatch.setattr(sys.modules[__name__], "function", len)
    assert sent(before)[1] is True


# -- what the container knows by another name, or not at all ------------------------------


@pytest.fixture
def main(monkeypatch) -> ModuleType:
    """A script with a class, a member and a function, run as `__main__`."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec(
        "import enum\n"
        "class Config:\n    def __init__(self, x): self.x = x\n"
        "class Size(enum.Enum):\n    BIG = 1\n"
        "def callback(): return 'called'\n",
        vars(main),
    )
    return main


@pytest.fixture
def script(main, monkeypatch) -> ModuleType:
    """The same script as the container imports it."""
    script = ModuleType("script")
    monkeypatch.setitem(sys.modules, "script", script)
    exec(
        "import enum\n"
        "class Config:\n    def __init__(self, x): self.x = x\n"
        "class Size(enum.Enum):\n    BIG = 1\n"
        "def callback(): return 'called'\n",
        vars(script),
    )
    return script


RENAMED = {"__main__": "script"}


def test_a_scripts_function_goes_by_its_name_there(main, script):
    assert sent(main.callback, renamed=RENAMED) == (script.callback, False)


def test_a_scripts_enum_member_goes_by_its_name_there(main, script):
    assert sent(main.Size.BIG, renamed=RENAMED) == (script.Size.BIG, False)


def test_an_object_of_a_scripts_class_is_one_of_the_class_there(main, script):
    found, has_pickles = sent(main.Config(3), renamed=RENAMED)
    assert isinstance(found, script.Config)
    assert (found.x, has_pickles) == (3, True)


def test_what_the_container_can_not_import_is_pickled(main):
    found, has_pickles = sent(main.callback)
    assert (found(), has_pickles) == ("called", True)


def test_a_module_that_is_to_be_pickled_whole_is_not_named():
    assert sent(function, by_value=frozenset({__name__}))[1] is True


# -- what goes wrong ----------------------------------------------------------------------


def test_what_can_not_be_pickled_is_named_with_its_place():
    with pytest.raises(PayloadError, match=r"The parameter x\[1\]\['a'\] can't be sent.*lock"):
        Encoder().encode([1, {"a": threading.Lock()}], "The parameter x")


def test_of_a_function_the_variable_that_can_not_be_pickled_is_named():
    gate, count = {"lock": threading.Lock()}, 3

    def again():
        return outer if count else None

    def inner():
        return gate

    def outer():
        return again(), inner(), later

    expected = r"The flow f can't .* the variable gate of \S+inner, of type dict, can't be pickled"
    with pytest.raises(PayloadError, match="can't be pickled"):
        Encoder().pickle(outer, "The flow f")  # one of its variables has no value yet
    later = 1
    with pytest.raises(PayloadError, match=expected):
        Encoder().pickle(outer, "The flow f")


def test_a_secret_can_not_be_sent():
    with pytest.raises(PayloadError, match="Secret can't be pickled") as raised:
        Encoder().encode({"token": Secret("s3cr3t")}, "metadata")
    assert "s3cr3t" not in str(raised.value)


def test_an_executor_class_that_is_no_dataclass_is_pickled():
    class Own(LocalExecutor.__base__):
        pass

    assert type(sent(Own())[0]).__name__ == "Own"


def test_a_missing_module_says_what_to_do():
    with pytest.raises(PayloadError, match=r"absent:x can't be imported.*Install it in the image"):
        decode({"$object": "absent:x"})


def test_a_missing_name_is_named():
    with pytest.raises(PayloadError, match="The module os here has no absent"):
        decode({"$object": "os:absent"})


def test_a_broken_pickle_says_what_to_do():
    with pytest.raises(PayloadError, match=r"can't be read here.*The image needs the packages"):
        decode({"$pickle": "bm90aGluZw=="})


def test_the_same_data_gives_the_same_bytes():
    value = {"b": {3, 1, 2}, "a": {"x", "y", "z"}}
    first, second = (to_json_bytes(Encoder().encode(value, "v")) for _ in range(2))
    assert first == second


@given(PLAIN)
def test_plain_is_what_json_gives_back(value):
    if is_plain(value):
        assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize("value", [(1,), {1: 2}, math.nan, Path("a"), {"$object": 1}, True + 0j])
def test_what_is_not_plain(value):
    assert not is_plain(value)
