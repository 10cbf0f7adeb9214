"""The flow's log: pages, empty pages, streams that come late."""

from typing import Any

import pytest

from flowenv.plugin import Outcome, State
from flowenv_fargate.api.refusals import Refusal
from flowenv_fargate.runs.cloudwatch import LogPlace, LogReader, follow_lines

RUN = "11111111-2222-3333-4444-555555555555"
TASK = "arn:aws:ecs:eu-west-1:1:task/flows/0123"
RECORD = Outcome(RUN, State.COMPLETED, result=3, has_result=True).to_line()
ABSENT = Refusal("GetLogEvents", "ResourceNotFoundException", "The specified log stream …").error()


class CloudWatch:
    """Answers with pages in turn; at the end the token stays the same, as in CloudWatch."""

    def __init__(self, *pages: Any) -> None:
        self.pages = list(pages)
        self.asked: list[dict[str, Any]] = []

    def call(
        self, service: str, operation: str, parameters: dict[str, Any], region: str | None = None
    ) -> dict[str, Any]:
        self.asked.append(parameters)
        number = int(parameters.get("nextToken") or 0)
        page = self.pages[number] if number < len(self.pages) else []
        if isinstance(page, Exception):
            self.pages.pop(number)
            raise page
        token = str(min(number + 1, len(self.pages)))
        events = [{"message": line} for line in page]
        return {"events": events, "nextForwardToken": token, "nextBackwardToken": token}


def reader(*pages: Any) -> tuple[LogReader, CloudWatch]:
    cloudwatch = CloudWatch(*pages)
    return LogReader(cloudwatch, LogPlace("/g", "p/flow/0123", None)), cloudwatch  # type: ignore[arg-type]


def definition(**options: str) -> dict[str, Any]:
    return {"name": "flow", "logConfiguration": {"logDriver": "awslogs", "options": options}}


def test_the_stream_is_named_after_prefix_container_and_task() -> None:
    options = {"awslogs-group": "/g", "awslogs-stream-prefix": "p", "awslogs-region": "eu-west-3"}
    place = LogPlace.of(definition(**options), TASK, "id-1")

    assert place == LogPlace("/g", "p/flow/0123", "eu-west-3")


def test_without_a_prefix_the_stream_is_named_after_the_container() -> None:
    assert LogPlace.of(definition(**{"awslogs-group": "/g"}), TASK, "id-1") == LogPlace(
        "/g", "id-1", None
    )


def test_another_log_driver_has_no_place() -> None:
    assert LogPlace.of({"name": "flow"}, TASK, None) is None


def test_all_pages_are_read_and_an_empty_one_is_not_the_end() -> None:
    found, _ = reader(["one"], [], ["two", "three"])

    assert list(found.new_lines()) == ["one", "two", "three"]


def test_what_was_read_is_not_read_again() -> None:
    found, cloudwatch = reader(["one"], ["two"])
    assert list(found.new_lines()) == ["one", "two"]
    cloudwatch.pages.append(["three"])

    assert list(found.new_lines()) == ["three"]


def test_a_stream_that_is_not_there_yet_is_an_empty_log() -> None:
    found, _ = reader(ABSENT, ["one"])

    assert list(found.new_lines()) == []
    assert list(found.new_lines()) == ["one"]


def test_the_tail_goes_back_over_empty_pages() -> None:
    found, cloudwatch = reader([], ["one", "two"])

    assert found.tail() == "one\ntwo"
    assert cloudwatch.asked[0]["startFromHead"] is False


def test_a_log_that_is_not_there_has_no_tail() -> None:
    found, _ = reader(ABSENT)

    assert found.tail() is None


def test_following_ends_with_the_record_although_it_comes_after_the_end() -> None:
    found, _ = reader(ABSENT, ["one"], ["two"], [RECORD])

    assert list(follow_lines(found, lambda: True, lambda: True)) == ["one", "two", RECORD]


def test_following_ends_at_once_if_there_can_be_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = reader(["one"])

    assert list(follow_lines(found, lambda: True, lambda: False)) == ["one"]
