"""Values against annotations: what fits, and what a typed text means."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv.settings.annotations import describe, fits
from flowenv.settings.values import parse


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Handmade:
    """A class that doesn't say how a text becomes one."""


FIRST = datetime.date(2024, 2, 1)
MOMENT = datetime.datetime(2024, 2, 1, 0, 0, 0, 123456)
UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, int),
        (1, float),
        (1.5, float),
        ("a", str),
        (True, bool),
        (None, None),
        (None, int | None),
        ([1, 2], list[int]),
        ((1, "a"), tuple[int, str]),
        ((1, 2, 3), tuple[int, ...]),
        ({"a": [1]}, dict[str, list[int]]),
        ({1}, set[int]),
        ([1], Sequence[int]),
        ([1], Iterable[int]),
        ("b", Literal["a", "b"]),
        (len, Callable[[], Any]),
        (object(), Any),
        (3, UserId),
        (3, TypeVar("T")),
        (3, Annotated[int, "help"]),
        (Path("a"), Path),
        (Colour.RED, Colour),
        (3, "an annotation that was never resolved"),
    ],
)
def test_what_fits(value, annotation):
    assert fits(value, annotation)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("1", int),
        (True, int),
        (True, float),
        (1, bool),
        (1.0, int),
        (None, int),
        (["a"], list[int]),
        ([1], dict),
        ({"a": "b"}, dict[str, int]),
        ({1: 2}, Mapping[str, int]),
        ((1, "a", 2), tuple[int, str]),
        (("a",), tuple[int, ...]),
        ((1, "a"), Sequence[int]),
        ("c", Literal["a", "b"]),
        ("text", Callable[[], Any]),
        ("three", UserId),
        ("red", Colour),
    ],
)
def test_what_does_not_fit(value, annotation):
    assert not fits(value, annotation)


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("3", int, 3),
        ("1.5", float, 1.5),
        ("yes", bool, True),
        ("Off", bool, False),
        ("3", str, "3"),
        ("3", Any, 3),
        ("three", Any, "three"),
        ('{"a": [1]}', Any, {"a": [1]}),
        ("none", int | None, None),
        ("null", str | None, None),
        ("3", str | int, 3),
        ("a", int | str, "a"),
        ("a,b", list[str], ["a", "b"]),
        ("a, b", list, ["a", "b"]),
        ("", list[int], []),
        ("[1, 2]", list[int], [1, 2]),
        ("3,4", int | list[int], [3, 4]),
        ("1,a", tuple[int, str], (1, "a")),
        ("1,2", tuple[int, ...], (1, 2)),
        ("1,2,1", set[int], {1, 2}),
        ("[[1, 2], [3]]", list[list[int]], [[1, 2], [3]]),
        ('[[1, "a"]]', list[tuple[int, str]], [(1, "a")]),
        ('["a.csv"]', list[Path], [Path("a.csv")]),
        ("a.csv,b.csv", list[Path], [Path("a.csv"), Path("b.csv")]),
        ('{"a": ["2024-02-01"]}', dict[str, list[datetime.date]], {"a": [FIRST]}),
        ('{"1": 2.5}', dict[int, float], {1: 2.5}),
        ('["red"]', list[Colour], [Colour.RED]),
        ("RED", Colour, Colour.RED),
        ("blue", Colour, Colour.BLUE),
        ("b", Literal["a", "b"], "b"),
        ("2", Literal[1, 2], 2),
        ("data/x.csv", Path, Path("data/x.csv")),
        ("2024-02-01", datetime.date, datetime.date(2024, 2, 1)),
        ("2024-02-01T10:00", datetime.datetime, datetime.datetime(2024, 2, 1, 10)),
        ("10:30", datetime.time, datetime.time(10, 30)),
        ("0.1", decimal.Decimal, decimal.Decimal("0.1")),
        ("90", datetime.timedelta, datetime.timedelta(seconds=90)),
        (str(uuid.UUID(int=7)), uuid.UUID, uuid.UUID(int=7)),
        ("text", bytes, b"text"),
        ("7", UserId, 7),
        ("7", Annotated[int, "help"], 7),
    ],
)  # fmt: skip
def test_what_a_text_means(text, annotation, value):
    parsed = parse(text, annotation)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation", "expected"),
    [
        ("three", int, "an integer"),
        ("1.5", int, "an integer"),
        ("maybe", bool, "true or false"),
        ("yesterday", datetime.date, "an ISO date"),
        ("c", Literal["a", "b"], "'a' or 'b'"),
        ("green", Colour, r"RED \(red\), BLUE \(blue\)"),
        ("a,b", list[int], "an integer"),
        ("[1", list[int], "JSON"),
        ('["a"]', list[int], "an integer"),
        ("1", tuple[int, str], r"tuple\[int, str\]"),
        ("[1]", dict, "a dict"),
        ('{"a": true}', dict[str, int], "an integer"),
        ("x", int | float, "an integer or a number"),
        ("x", decimal.Decimal, "a Decimal"),
        ("x", datetime.timedelta, "a number of seconds"),
        ("3", Handmade, "a Handmade, which no text can give"),
    ],
)
def test_what_does_not_parse_says_what_was_expected(text, annotation, expected):
    with pytest.raises(ValueError, match=f"expected .*{expected}"):
        parse(text, annotation)


def test_a_generic_with_one_argument_that_is_a_mapping_does_no_harm():
    from collections import Counter

    assert fits(Counter("aab"), Counter[str])


@given(st.integers())
def test_any_integer_reads_back(value):
    assert parse(str(value), int) == value


@given(st.floats(allow_nan=False))
def test_any_number_reads_back(value):
    assert parse(repr(value), float) == value


@given(st.lists(st.integers()))
def test_any_list_reads_back_with_commas_and_as_json(values):
    assert parse(",".join(map(str, values)), list[int]) == values
    assert parse(json.dumps(values), list[int]) == values


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_reads_back_where_anything_goes(value):
    assert parse(json.dumps(value), Any) == value


@given(st.text())
def test_a_text_stays_as_it_is(value):
    assert parse(value, str) == value


@given(st.text(), st.sampled_from([int, float, bool, list[int], dict[str, int], Colour, Path]))
def test_a_text_parses_into_what_fits_or_is_a_value_error(text, annotation):
    try:
        value = parse(text, annotation)
    except ValueError:
        return
    assert fits(value, annotation)


def test_descriptions_are_words():
    assert describe(Path | None) == "a path or None"
    assert describe(Callable[[], Any]) == "a function"
    assert describe(Colour) == "a Colour"


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("3.0", int, 3),
        ("2024-02-01 00:00:00", datetime.date, FIRST),
        ("2024-02-01T00:00:00.000", datetime.date, FIRST),
        ("2024-02-01 00:00:00.123456000", datetime.datetime, MOMENT),
        ("3.5", int, ...),
        ("1e300", int, ...),
        ("inf", int, ...),
        ("2024-02-01 00:00:01", datetime.date, ...),
        ("2024-02-01T00:00:00Z", datetime.date, ...),
        ("2024-02-01 00:00:00.123456001", datetime.datetime, ...),
    ],
)  # fmt: skip
def test_a_text_of_another_kind_is_read_if_nothing_is_lost(text, annotation, value):
    if value is ...:
        with pytest.raises(ValueError, match="expected an "):
            parse(text, annotation)
    else:
        assert parse(text, annotation) == value
        assert type(parse(text, annotation)) is annotation
