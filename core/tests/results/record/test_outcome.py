"""The outcome record: what is in it, that it fits, and that it reads back."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from decimal import Decimal
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv.errors import (
    CallbackFailed,
    ConfigurationError,
    PlatformError,
    ResultUnavailable,
    RunCrashed,
    TransientPlatformError,
)
from flowenv.results.record.exit_codes import without_record
from flowenv.results.record.lines import is_outcome_line
from flowenv.results.record.outcome import Outcome
from flowenv.results.record.seal import proof_of, seal_of
from flowenv.results.record.text import LIMIT
from flowenv.states import Reason, State

ANY_TEXT = st.text(st.characters())  # lone surrogates and odd line ends too


@given(
    message=ANY_TEXT | ANY_TEXT.map(lambda t: t * 5000),
    hint=ANY_TEXT.map(lambda t: t * 2000),
    error_class=ANY_TEXT.map(lambda t: t * 2000),
)
def test_a_record_always_fits_and_is_one_line_of_json(message, hint, error_class):
    outcome = Outcome(
        "run", State.CRASHED, message=message, hint=hint, error_class=error_class,
        reason=Reason.START_ERROR,
    )  # fmt: skip
    record = outcome.to_bytes()
    assert len(record) <= LIMIT
    assert len(record.decode().splitlines()) == 1
    assert json.loads(record)["state"] == "Crashed"


@given(st.text(st.characters(), max_size=200))
def test_a_short_message_reads_back_as_it_was(message):
    outcome = Outcome("run", State.FAILED, error_class="ValueError", message=message)
    assert Outcome.from_text(outcome.to_bytes(), "run") == outcome


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_a_small_result_reads_back_as_it_was(value):
    outcome = Outcome.of_result("run", value)
    assert outcome.carries_result()
    assert Outcome.from_text(outcome.to_bytes(), "run").value() == value


def test_a_large_result_stays_behind_with_its_type():
    outcome = Outcome.of_result("run", ["x" * LIMIT])
    found = Outcome.from_text(outcome.to_bytes(), "run")
    assert (found.has_result, found.result_type) == (False, "list")


def test_a_large_result_of_wide_characters_stays_behind():
    assert not Outcome.of_result("run", "\N{GRINNING FACE}" * 1024).carries_result()


@pytest.mark.parametrize(
    "value",
    [(1, 2), {1: 2}, {1}, float("inf"), b"x", numpy.float64(0.5), numpy.float32("inf"),
     numpy.int64(3), numpy.bool_(True), numpy.datetime64("2026-11-28"), Decimal("0.10"),
     {"a": Path("x"), (1, 2): datetime.timedelta(days=-1, microseconds=7)}],
)  # fmt: skip
def test_what_json_has_not_comes_back_as_it_was(value):
    found = Outcome.from_text(Outcome.of_result("run", value).to_bytes(), "run").value()
    assert (found, type(found)) == (value, type(value))


def test_a_mean_without_numbers_comes_back():
    found = Outcome.from_text(Outcome.of_result("run", {"mean": float("nan")}).to_bytes(), "run")
    assert math.isnan(found.value()["mean"])


@pytest.mark.parametrize("value", [numpy.arange(3), [numpy.array(2.0)]])
def test_an_array_comes_back(value):
    found = Outcome.from_text(Outcome.of_result("run", value).to_bytes(), "run").value()
    numpy.testing.assert_array_equal(found, value)


def test_a_figure_comes_back_as_the_picture_that_it_shows():
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure(figsize=(0.2, 0.2))
    figure.add_axes((0, 0, 1, 1)).plot([1, 2])
    outcome = Outcome.of_result("run", {"plot": figure})
    picture = Outcome.from_text(outcome.to_bytes(), "run").value()["plot"]
    assert picture.startswith(b"\x89PNG")
    assert picture._repr_png_() == picture


def test_what_is_no_data_names_its_part_and_type():
    with pytest.raises(
        ResultUnavailable, match=r"\(dict\) stayed behind: the result\['model'\] is a object"
    ):
        Outcome.of_result("run", {"rows": 3, "model": object()}).value()


def test_a_record_that_asks_to_call_something_is_not_read():
    record = {"run": "run", "state": "Completed", "result": {"$object": "os:getcwd"}}
    with pytest.raises(PlatformError, match="holds more than data"):
        Outcome.from_text(json.dumps(record), "run").value()


def test_a_result_that_holds_itself_stays_behind():
    value: list = []
    value.append(value)
    assert not Outcome.of_result("run", value).has_result


def test_none_is_a_result():
    assert Outcome.from_text(Outcome.of_result("run", None).to_bytes(), "run").has_result


@pytest.mark.parametrize("limit", [3072, 1024, 256])
def test_a_record_fits_where_there_is_less_room(limit):
    outcome = Outcome(
        "6f1c0a3c-6c0b-4f0e-9d0a-0a54d7a3b6c1", State.FAILED, error_class="ValueError" * 9,
        message="\N{GRINNING FACE}" * 900, hint="x" * 900,
    )  # fmt: skip
    record = outcome.to_bytes(limit)
    assert len(record) <= limit
    assert json.loads(record)["message"]


def test_a_result_that_has_no_room_stays_behind():
    outcome = Outcome.of_result("run", "x" * 3500)
    assert outcome.carries_result()
    assert not outcome.carries_result(3072)
    found = Outcome.from_text(outcome.to_bytes(3072), "run")
    with pytest.raises(ResultUnavailable, match="stayed behind"):
        found.value()


@given(JSON, st.integers(min_value=1))
def test_of_a_record_that_was_cut_no_wrong_result_is_read(value, dropped):
    record = Outcome.of_result("run", value).to_bytes()
    found = Outcome.from_text(record[: -min(dropped, len(record))], "run")
    assert found is None or (found.is_cut and not found.has_result)


def test_a_result_that_was_cut_is_unavailable_and_never_none():
    record = Outcome.of_result("run", "x" * 3900).to_bytes()[:3072]
    found = Outcome.from_text(record, "run")
    assert found.state is State.COMPLETED
    with pytest.raises(ResultUnavailable, match="was cut on its way"):
        found.value()


def test_a_message_that_was_cut_is_told_as_far_as_it_goes():
    record = Outcome("run", State.FAILED, error_class="ValueError", message="é" * 900).to_bytes()
    found = Outcome.from_text(record[:501], "run")
    assert (found.state, found.error_class) == (State.FAILED, "ValueError")
    assert found.message.startswith("ééé")
    assert found.message.endswith("…")


# -- errors -------------------------------------------------------------------------------


def test_an_exception_of_the_flow_is_failed():
    outcome = Outcome.of_error("run", KeyError("x"))
    assert (outcome.state, outcome.error_class) == (State.FAILED, "KeyError")
    assert outcome.status().message == "KeyError: 'x'"


def test_an_exception_without_a_message_is_named():
    assert Outcome.of_error("run", ValueError()).status().message == "ValueError"


def test_an_error_of_the_platform_is_crashed_with_its_reason():
    error = TransientPlatformError("No room.", hint="Wait.", reason=Reason.QUOTA)
    outcome = Outcome.of_error("run", error)
    assert (outcome.state, outcome.reason) == (State.CRASHED, Reason.QUOTA)
    assert (outcome.message, outcome.hint) == ("No room.", "Wait.")


def test_an_error_of_the_platform_without_a_reason_is_a_start_error():
    assert Outcome.of_error("run", PlatformError("x")).reason is Reason.START_ERROR


def test_what_the_flow_itself_raised_is_failed_whatever_it_is():
    assert Outcome.of_error("run", RunCrashed("another run"), by_flow=True).state is State.FAILED


def test_another_error_that_the_flow_did_not_raise_is_a_start_error():
    outcome = Outcome.of_error("run", ConfigurationError("x", hint="y"), by_flow=False)
    assert (outcome.state, outcome.reason) == (State.CRASHED, Reason.START_ERROR)
    assert (outcome.message, outcome.hint) == ("x", "y")


def test_a_callback_that_failed_fails_the_run():
    error = CallbackFailed("on_exit raised OSError: x", error_class="OSError")
    outcome = Outcome.of_error("run", error, by_flow=False)
    assert (outcome.state, outcome.error_class) == (State.FAILED, "OSError")


def test_a_process_that_was_asked_to_stop_has_crashed_unless_somebody_cancelled():
    stopped = Outcome("run", State.CRASHED, reason=Reason.STOPPED, message="SIGTERM")
    assert (stopped.status().state, stopped.status().can_retry) == (State.CRASHED, True)
    assert stopped.status(cancelled=True).state is State.CANCELLED
    assert Outcome.of_result("run", 1).status(cancelled=True).state is State.COMPLETED


# -- reading ------------------------------------------------------------------------------


def test_the_marked_line_is_found_in_a_log():
    outcome = Outcome.of_result("run", 3)
    assert Outcome.from_text(f"first\n{outcome.to_line()}\nlast words\n", "run") == outcome


def test_behind_other_words_it_counts_with_the_proof():
    seal = seal_of(b"payload")
    outcome = dataclasses.replace(Outcome.of_result("run", 3), proof=proof_of(b"payload"))
    log = f"first\nno line end{outcome.to_line()}\nlast words\n"
    assert Outcome.from_text(log, "run", seal) == outcome
    assert Outcome.from_text(log, "run") is None


def test_the_last_marked_line_counts():
    first, second = Outcome.of_result("run", 1), Outcome.of_result("run", 2)
    assert Outcome.from_text(f"{first.to_line()}\n{second.to_line()}", "run").result == 2


def test_a_record_of_another_run_does_not_count():
    assert Outcome.from_text(Outcome.of_result("other", 1).to_line(), "run") is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"run": "run"}', '{"run": "run", "state": "Odd"}', "flowenv-outcome run {",
     '{"run": "run", "state": "Running"}', '{"run": "run", "state": "Crashed", "reason": "odd"}',
     b"\xff\xfe"],
)  # fmt: skip
def test_what_is_no_record_is_none(text):
    assert Outcome.from_text(text, "run") is None


def test_an_outcome_line_is_told_from_a_line_of_the_flow():
    assert is_outcome_line(Outcome.of_result("run", 1).to_line())
    assert not is_outcome_line("the flow prints flowenv-outcome")


# -- without a record ---------------------------------------------------------------------


def test_exit_code_0_says_nothing_of_the_flow():
    status = without_record(0, "")
    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert "without saying" in status.message


def test_exit_code_0_whose_record_may_be_late_is_completed():
    assert without_record(0, "", may_be_late=True).state is State.COMPLETED


def test_an_image_without_flowenv_says_what_to_add():
    log = "Traceback …\nModuleNotFoundError: No module named 'flowenv'\n"
    status = without_record(1, log)
    assert (status.reason, "Dockerfile" in status.hint) == (Reason.START_ERROR, True)


@pytest.mark.parametrize("code", [126, 127])
def test_a_command_that_can_not_be_run_is_a_start_error(code):
    status = without_record(code, "/bin/sh: python: not found\n")
    assert status.reason is Reason.START_ERROR
    assert status.message == "/bin/sh: python: not found"


def test_anything_else_is_crashed_with_the_last_line():
    status = without_record(139, "one\nSegmentation fault\n\n")
    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    assert "exit code 139" in status.message
    assert "Segmentation fault" in status.message


# -- when the flow ran --------------------------------------------------------------------


def test_a_record_says_when_the_flow_was_called_and_how_long_it_took():
    record = Outcome("r", State.COMPLETED, ran=(1764331200.25, 3.5)).to_bytes()
    found = Outcome.from_text(record, "r")
    assert found.ran == (1764331200.25, 3.5)
    assert found.began == datetime.datetime(2025, 11, 28, 12, 0, 0, 250000, datetime.UTC)


def test_a_record_says_when_a_cluster_was_made():
    record = Outcome("r", State.COMPLETED, clustered=(1764331200.0, 3.5)).to_bytes()
    began, ended = Outcome.from_text(record, "r").clustering
    assert began == datetime.datetime(2025, 11, 28, 12, 0, 0, 0, datetime.UTC)
    assert ended - began == datetime.timedelta(seconds=3.5)
    assert Outcome("r", State.COMPLETED).clustering == (None, None)


@pytest.mark.parametrize(
    "ran", ["5", "[]", "[1]", "[1,2,3]", '["a",1]', "[1e99,1]", "[-1,1]", "[NaN,1]", "[null,1]"]
)
def test_what_is_no_time_is_none(ran):
    record = f'{{"run":"r","state":"Completed","ran":{ran}}}'
    assert Outcome.from_text(record, "r").began is None
