"""Marks of a run on a platform's objects, and sweeping by age."""

from __future__ import annotations

import datetime

import pytest

from flowenv import FlowRun, State, Status
from flowenv.errors import PlatformError
from flowenv.plugin import CommonEnvironment as Environment
from flowenv.plugin import FinishedHandle, Leftover, Marks, Outcome, moment, seconds_since

NOW = datetime.datetime.now(datetime.UTC)
MARKS = Marks("6f1c", "train", ("nightly", "team a"), NOW)


def test_a_run_is_known_again_by_its_marks() -> None:
    run = FlowRun(
        Environment(), id="6f1c", flow_name="train", labels=["nightly", "team a"], created=NOW
    )
    assert Marks.of_run(run) == MARKS
    assert Marks.from_json(MARKS.to_json()) == MARKS


def test_an_attached_run_is_the_one_of_the_marks() -> None:
    environment, handle = Environment(), FinishedHandle(Outcome("6f1c", State.COMPLETED))
    run = MARKS.attached(environment, handle)
    assert (run.environment, run.handle, run.id) == (environment, handle, "6f1c")
    assert (run.flow_name, run.labels, run.created) == ("train", MARKS.labels, NOW)
    assert run.parameters == run.shown_parameters == MARKS.parameters


def test_a_summary_says_what_the_marks_say() -> None:
    found = MARKS.summary("job/train", Status(State.RUNNING)).to_json()
    assert found == {**found, **MARKS.to_json(), "reference": "job/train", "state": "Running"}


@pytest.mark.parametrize(
    "text",
    [None, "", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_a_mark_that_is_no_moment_is_none(text: str | None) -> None:
    assert moment(text) is None


def test_a_moment_without_a_zone_has_an_age() -> None:
    now = datetime.datetime.now(datetime.UTC)
    written = (now - datetime.timedelta(hours=1)).replace(tzinfo=None).isoformat()
    assert seconds_since(moment(written)) == pytest.approx(3600, abs=60)


def test_what_is_not_known_or_still_to_come_has_no_age() -> None:
    assert seconds_since(None) == 0
    assert seconds_since(NOW + datetime.timedelta(hours=1)) == 0


def test_what_is_swept_is_removed_or_says_why_not() -> None:
    left, removed = Leftover("folder", "a"), list[str]()

    def refuse() -> None:
        raise PlatformError("It is held.", hint="Wait.")

    assert left.swept(lambda: removed.append("a"), delete=False) == left
    assert removed == []
    assert left.swept(lambda: removed.append("a")).removed
    assert removed == ["a"]
    kept = left.swept(refuse)
    assert (kept.removed, kept.problem.startswith("It is held.")) == (False, True)
