"""Values become what annotations say where nothing is lost, and are refused where something is."""

from __future__ import annotations

import datetime
import decimal
import enum
import inspect
import math
import subprocess
import sys
from typing import Any, Literal

import pytest

from flowenv import Flow
from flowenv.errors import ParameterError
from flowenv.flows.parameters.conversion import as_annotated

DAY = datetime.date(2024, 1, 31)
MIDNIGHT = datetime.datetime(2024, 1, 31)
IN_UTC = MIDNIGHT.replace(tzinfo=datetime.UTC)
LONG = decimal.Decimal("0.12345678901234567890")
NOON = datetime.datetime(2024, 1, 31, 12)


class Side(enum.IntEnum):
    BUY = 1


def same(found: Any, wanted: Any) -> bool:
    return type(found) is type(wanted) and repr(found) == repr(wanted)


@pytest.mark.parametrize(
    ("given", "annotation", "wanted"),
    [
        (MIDNIGHT, datetime.date, DAY),
        (MIDNIGHT, datetime.date | None, DAY),
        (MIDNIGHT, datetime.date | datetime.datetime, MIDNIGHT),
        (NOON, datetime.date, NOON),
        (IN_UTC, datetime.date, IN_UTC),
        (DAY, datetime.datetime, MIDNIGHT),
        (3, float, 3.0),
        (2**53 + 1, float, 2**53 + 1),
        (10**400, float, 10**400),
        (3, int | float, 3),
        (3.0, int, 3),
        (3.5, int, 3.5),
        (math.inf, int, math.inf),
        (True, int, 1),
        (Side.BUY, int, Side.BUY),
        (decimal.Decimal("0.1"), float, 0.1),
        (decimal.Decimal("NaN"), float, decimal.Decimal("NaN")),
        (decimal.Decimal("3.0"), int, 3),
        (LONG, float, LONG),
        (5, decimal.Decimal, decimal.Decimal(5)),
        ([1, 2.0], list[float], [1.0, 2.0]),
        ((MIDNIGHT, 1), tuple[datetime.date, float], (DAY, 1.0)),
        ((MIDNIGHT, 1), tuple[datetime.date], (MIDNIGHT, 1)),
        ([MIDNIGHT], tuple[datetime.date, ...], [DAY]),
        ({"a": [1]}, dict[str, list[float]], {"a": [1.0]}),
        ({MIDNIGHT}, set[datetime.date], {DAY}),
        ([], list[float], []),
        ("5", int, "5"),
        (1, Literal[1], 1),
        (3, inspect.Parameter.empty, 3),
        (MIDNIGHT, Any, MIDNIGHT),
    ],
)  # fmt: skip
def test_a_value_is_what_its_annotation_says_if_nothing_is_lost(given, annotation, wanted):
    assert same(as_annotated(given, annotation), wanted)


def test_many_items_of_the_right_type_are_left_alone():
    given = [1.0] * 1000
    assert as_annotated(given, list[float])[0] is given[0]


def of_pandas() -> list[tuple[Any, Any, Any]]:
    pandas = pytest.importorskip("pandas")
    import numpy

    fine, hour = pandas.Timestamp("2024-01-31T00:00:00.000000001"), datetime.timedelta(hours=1)
    return [
        (pandas.Timestamp(DAY), datetime.date, DAY),
        (pandas.Timestamp(NOON), datetime.datetime, NOON),
        (pandas.Timestamp(NOON), inspect.Parameter.empty, NOON),
        (pandas.Timestamp(NOON), pandas.Timestamp, pandas.Timestamp(NOON)),
        (pandas.Timestamp(NOON), datetime.date, NOON),
        (fine, datetime.datetime, fine),
        (fine, Any, fine),
        ([pandas.Timestamp(DAY)], list[datetime.date], [DAY]),
        (pandas.NaT, datetime.date | None, None),
        (pandas.NA, int | None, None),
        (pandas.Timedelta(hours=1), datetime.timedelta, hour),
        (numpy.int64(3), int, 3),
        (numpy.int64(3), float, 3.0),
        (numpy.float64(3.5), float, 3.5),
        (numpy.float32(3), int, 3),
        (numpy.bool_(True), bool, True),
        (numpy.str_("a"), str, "a"),
        (numpy.int64(3), int | str, 3),
        (numpy.int64(3), inspect.Parameter.empty, numpy.int64(3)),
        (numpy.int64(3), numpy.int64, numpy.int64(3)),
        (numpy.datetime64("2024-01-31", "ns"), datetime.date, DAY),
        (numpy.datetime64("2024-01-31", "D"), datetime.datetime, MIDNIGHT),
        (numpy.datetime64("NaT", "ns"), datetime.date | None, None),
        (numpy.timedelta64(3_600_000_000_000, "ns"), datetime.timedelta, hour),
    ]


def test_values_of_numpy_and_pandas_become_pythons_own():
    for given, annotation, wanted in of_pandas():
        assert same(as_annotated(given, annotation), wanted), (given, annotation)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("noon", "The parameter day of the flow report is a date, not 2024-01-31 12:00:00."),
        ("fine", "is a date, not 2024-01-31 00:00:00.000000001."),
        ("coarse", "is a date, not 2024-01-31T00:00:00.000000001."),
        ("absent", "is a date, not None."),
    ],
)
def test_a_date_that_cannot_be_one_is_refused(name, said):
    pandas = pytest.importorskip("pandas")
    import numpy

    given = {
        "noon": pandas.Timestamp(NOON),
        "fine": pandas.Timestamp("2024-01-31T00:00:00.000000001"),
        "coarse": numpy.datetime64("2024-01-31T00:00:00.000000001"),
        "absent": pandas.NaT,
    }

    def report(day: datetime.date) -> None: ...

    with pytest.raises(ParameterError) as caught:
        Flow(report).check({"day": given[name]})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("count", "unit", "said"),
    [
        (2**62, "s", "a date and time, not 146138514283-06-19T07:45:04."),
        (2251799813704248, "D", "a date and time, not 6165218490246-04-12."),
        (2**40, "M", "a date and time, not 91625970951-05."),
    ],
)
def test_a_moment_beyond_pythons_range_is_refused_not_another_one(count, unit, said):
    import numpy

    def report(at: datetime.datetime) -> None: ...

    with pytest.raises(ParameterError) as caught:
        Flow(report).check({"at": numpy.datetime64(count, unit)})
    assert said in str(caught.value)


@pytest.mark.parametrize(("count", "unit"), [(2**51 + 3, "D"), (2**62, "h"), (5, "M"), (2, "Y")])
def test_a_duration_that_python_does_not_have_is_refused_not_another_one(count, unit):
    import numpy

    def report(took: datetime.timedelta) -> None: ...

    with pytest.raises(ParameterError, match=r"is a duration, not \d+ "):
        Flow(report).check({"took": numpy.timedelta64(count, unit)})


def test_times_of_pandas_beyond_pythons_range_are_refused():
    pandas = pytest.importorskip("pandas")
    import numpy

    def report(at: datetime.datetime, took: datetime.timedelta) -> None: ...

    at = pandas.Timestamp(numpy.datetime64(2**40, "s"))
    took = pandas.Timedelta(numpy.timedelta64(2**50, "s"))
    with pytest.raises(ParameterError, match="is a date and time, not 36812-02-20 00:36:16"):
        Flow(report).check({"at": at, "took": datetime.timedelta(1)})
    with pytest.raises(ParameterError, match="is a duration, not 13031248921 days"):
        Flow(report).check({"at": NOON, "took": took})


def test_pandas_is_not_imported_for_it():
    code = (
        "import sys, flowenv; flowenv.Flow(lambda a: a).check({'a': 1});"
        "own = type('Own', (), {'__module__': 'pandas.own'})();"
        "flowenv.Flow(lambda a: a).check({'a': own});"
        "print({'numpy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
