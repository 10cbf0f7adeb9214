"""What becomes of a flow's result in its container."""

from __future__ import annotations

import random

import pytest

from flowenv import Capabilities
from flowenv.errors import ResultUnavailable
from flowenv.results.lines import content_in, without_lines

from ..plugging import ToyEnvironment
from .flows_of_containers import assert_start_error

# -- results ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "kind"), [("big", {"size": 5000}, "str"), ("lock", {}, "lock")]
)
def test_a_result_that_is_not_small_data_stays_behind(run_flow, name, parameters, kind):
    outcome = run_flow(name, parameters).outcome
    assert (outcome.has_result, outcome.result_type) == (False, kind)


@pytest.mark.parametrize(
    ("name", "parameters", "result"),
    [("big", {"size": 5000}, "x" * 5000), ("pair", {"size": 2000}, (1, 2) * 2000)],
)
def test_such_a_result_goes_where_the_user_says(run_flow, tmp_path, name, parameters, result):
    results = f"file://{tmp_path}/results"
    outcome = run_flow(name, parameters, metadata={"results_url": results}).outcome
    assert (tmp_path / "results" / f"{outcome.run_id}.json").is_file()
    assert outcome.value(results) == result


@pytest.fixture
def with_logs(monkeypatch):
    """A platform that keeps logs."""
    monkeypatch.setattr(ToyEnvironment, "capabilities", Capabilities(logs=True))


@pytest.mark.parametrize("size", [5000, 900_000])
def test_where_logs_are_kept_a_result_travels_in_the_log(run_flow, with_logs, size):
    ended = run_flow("noise", {"size": size})
    lines, outcome = ended.stdout.splitlines(), ended.outcome
    content = content_in(lines, outcome.run_id, outcome.logged)
    assert outcome.value(logged=lambda _: content) == random.Random(size).randbytes(size)
    assert max(map(len, lines[1:])) < 4096
    assert list(without_lines(lines, outcome.run_id, [])) == ["no line end"]


def test_of_a_result_that_is_no_data_the_part_is_named(run_flow, with_logs):
    ended = run_flow("counted")
    lines, outcome = ended.stdout.splitlines(), ended.outcome
    with pytest.raises(ResultUnavailable, match=r"isn't only data \(the result\['n'\] is a range"):
        outcome.value(logged=lambda sha: content_in(lines, outcome.run_id, sha))


def test_what_is_too_large_for_the_log_says_so(run_flow, with_logs):
    outcome = run_flow("noise", {"size": 1_200_000}).outcome
    assert not outcome.logged
    with pytest.raises(ResultUnavailable, match=r"bytes\) stayed behind: it has 1,600,\d+ bytes"):
        outcome.value()


def test_where_results_are_stored_the_log_holds_none(run_flow, with_logs, tmp_path):
    results = f"file://{tmp_path}/results"
    ended = run_flow("noise", {"size": 5000}, metadata={"results_url": results})
    assert (ended.stdout, bool(ended.outcome.stored)) == ("no line end", True)


def test_a_place_that_can_not_be_written_to_is_known_before_the_flow_works(run_flow, tmp_path):
    (tmp_path / "file").write_text("")
    ended = run_flow("greet", metadata={"results_url": f"file://{tmp_path}/file/results"})
    assert_start_error(ended, "A result can't be stored at results_url", "right to write")
    assert ended.stdout == ""


def test_a_package_that_the_image_lacks_is_known_before_the_flow_works(run_flow):
    ended = run_flow("greet", metadata={"results_url": "gs://bucket/results"})
    assert_start_error(ended, "needs gcsfs, and the image doesn't have it", "Add it to the image")


def test_trying_a_place_out_leaves_nothing_there(run_flow, tmp_path):
    run_flow("greet", metadata={"results_url": f"file://{tmp_path}/results"})
    assert list((tmp_path / "results").iterdir()) == []


@pytest.fixture
def loses_its_place(run_flow, tmp_path):
    """Run a flow that removes the place of its result."""

    def run():
        results = tmp_path / "results"
        metadata = {"results_url": f"file://{results}"}
        return run_flow("lose", {"results": str(results)}, metadata=metadata)

    return run


def test_a_result_whose_place_is_gone_goes_into_the_log(loses_its_place, with_logs):
    ended = loses_its_place()
    assert "The result is in the log" in ended.stderr
    lines, outcome = ended.stdout.splitlines(), ended.outcome
    content = content_in(lines, outcome.run_id, outcome.logged)
    assert outcome.value(logged=lambda _: content) == "x" * 5000


def test_without_a_log_it_fails_the_run(loses_its_place):
    ended = loses_its_place()
    assert ended.exit_code == 1
    assert "its result was lost" in ended.outcome.message


def test_a_small_result_stays_in_the_record_even_so(run_flow, tmp_path):
    metadata = {"results_url": f"file://{tmp_path}/results"}
    assert run_flow("greet", metadata=metadata).outcome.result == "Hello, you!"
