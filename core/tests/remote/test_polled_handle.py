"""Handles of one poller: one question for many, and no verdict by an answer that is too old."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pytest

from flowenv.errors import PlatformError, PlatformUnreachable
from flowenv.plugin import PolledHandle, Poller, State, Status
from flowenv.remote import outages, polled_handle


class Queue:
    """A platform: the states of its jobs, and the questions that it was asked."""

    def __init__(self) -> None:
        self.jobs: dict[str, State] = {}
        self.questions: list[list[str]] = []
        self.error: PlatformError | None = None

    def ask(self, names: Sequence[str]) -> Mapping[str, State]:
        self.questions.append(list(names))
        if self.error:
            raise self.error
        return {name: self.jobs[name] for name in names if name in self.jobs}


class JobHandle(PolledHandle[State]):
    looked_after: list[State]

    def judge(self, found: State | None) -> Status:
        return Status(found or State.SUBMITTED, message="" if found else "It isn't there.")

    def look_after(self, status: Status) -> None:
        self.looked_after = [*getattr(self, "looked_after", []), status.state]


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def poller(queue: Queue) -> Poller[State]:
    return Poller(queue.ask, batch=100, interval=0.01, fresh=0.0, calls_per_second=1000)


def test_many_runs_that_are_followed_at_once_share_their_questions(
    queue: Queue, poller: Poller[State]
) -> None:
    names = [f"job-{number}" for number in range(30)]
    queue.jobs = dict.fromkeys(names, State.RUNNING)
    handles = [JobHandle(poller, name) for name in names]
    ends: dict[str, list[State]] = {}

    def follow(handle: JobHandle) -> None:
        ends[handle.reference] = [status.state for status in handle.follow(60)]

    threads = [threading.Thread(target=follow, args=(handle,)) for handle in handles]
    for thread in threads:
        thread.start()
    poller.wait(10, "job-29", 0.0)
    queue.jobs = dict.fromkeys(names, State.COMPLETED)
    for thread in threads:
        thread.join(60)
    assert {tuple(states[-1:]) for states in ends.values()} == {(State.COMPLETED,)}
    assert max(len(names) for names in queue.questions) > 1
    asked_alone = 30 * 2
    assert len(queue.questions) < asked_alone


def test_an_answer_from_before_the_submission_is_no_verdict(queue: Queue) -> None:
    poller = Poller(queue.ask, batch=0, fresh=60.0)
    assert poller.look("other").found is None  # everything was listed, this one wasn't there
    queue.jobs["job"] = State.RUNNING
    assert JobHandle(poller, "job").status().state is State.RUNNING


def test_what_is_known_already_needs_no_question(queue: Queue) -> None:
    poller = Poller(queue.ask, batch=100, fresh=60.0)
    assert JobHandle(poller, "job", State.STARTING).status().state is State.STARTING
    assert queue.questions == []


def test_of_a_run_that_is_over_nobody_is_asked_again(queue: Queue, poller: Poller[State]) -> None:
    queue.jobs["job"] = State.FAILED
    handle = JobHandle(poller, "job")
    for _ in range(3):
        assert handle.status().state is State.FAILED
    assert [status.state for status in handle.follow()] == [State.FAILED]
    assert handle.looked_after == [State.FAILED]
    assert len(queue.questions) == 1
    poller.look("other")
    assert queue.questions[-1] == ["other"]


def test_who_follows_waits_while_the_platform_does_not_answer(
    queue: Queue, poller: Poller[State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    queue.jobs["job"] = State.RUNNING
    seen = []
    for status in JobHandle(poller, "job").follow(60):
        seen.append((status.state, "No news since" in status.message))
        if len(seen) == 1:
            queue.error = PlatformUnreachable("The queue is away.")
        elif len(seen) == 2:
            queue.error, queue.jobs["job"] = None, State.COMPLETED
    assert seen == [(State.RUNNING, False), (State.RUNNING, True), (State.COMPLETED, False)]


def test_an_outage_that_lasts_too_long_is_an_error(
    queue: Queue, poller: Poller[State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "PATIENCE", 0.0)
    queue.error = PlatformUnreachable("The queue is away.")
    with pytest.raises(PlatformUnreachable, match="The queue is away"):
        list(JobHandle(poller, "job").follow(60))


def test_a_refusal_is_an_error_at_once(queue: Queue, poller: Poller[State]) -> None:
    queue.error = PlatformError("You may not look.")
    with pytest.raises(PlatformError, match="You may not look"):
        next(JobHandle(poller, "job").follow(60))


def test_the_latest_is_asked_for_seldom_and_bears_outages(
    queue: Queue, poller: Poller[State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    queue.jobs["job"] = State.RUNNING
    handle = JobHandle(poller, "job")
    for _ in range(20):
        assert handle.latest().state is State.RUNNING
    assert len(queue.questions) == 1
    monkeypatch.setattr(polled_handle, "_PAUSE", 0.0)
    handle._next_look, queue.error = 0.0, PlatformUnreachable("The queue is away.")
    while not handle.latest().message:
        pass
    assert handle.latest().state is State.RUNNING
    assert "No news since" in handle.latest().message


def test_a_follower_stops_when_its_time_is_over(queue: Queue, poller: Poller[State]) -> None:
    queue.jobs["job"] = State.RUNNING
    assert [one.state for one in JobHandle(poller, "job").follow(0.05)] == [State.RUNNING]
