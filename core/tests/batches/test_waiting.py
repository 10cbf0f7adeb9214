"""Waiting for many runs in the manner of `concurrent.futures`."""

from __future__ import annotations

import pytest

import flowenv
from flowenv import Capabilities, Flow, State, Status
from flowenv.errors import SettingError, WaitTimeout
from flowenv.runs import live_status
from flowenv.submission.lifecycle import prepare

from ..plugging import ToyEnvironment

RUNNING, COMPLETED, FAILED = (
    Status(State.RUNNING),
    Status(State.COMPLETED),
    Status(State.FAILED, message="KeyError: 'x'"),
)


class Scripted:
    """A handle whose run stands as a list says, one look after the other."""

    reference = "there"

    def __init__(self, *statuses: Status) -> None:
        self.statuses = list(statuses)

    def status(self) -> Status:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    latest = status


@pytest.fixture
def submitted(toy, monkeypatch):
    monkeypatch.setattr(ToyEnvironment, "capabilities", Capabilities(cancel=True))
    monkeypatch.setattr(live_status, "INTERVAL", 0.0)

    def make(*statuses):
        run = prepare(Flow(dict, name="f"), environment=ToyEnvironment()).flow_run
        run.handle = Scripted(*statuses)
        return run

    return make


def test_runs_come_in_the_order_in_which_they_end(submitted):
    slow, quick = submitted(RUNNING, RUNNING, COMPLETED), submitted(RUNNING, FAILED)
    assert list(flowenv.as_completed([slow, quick, slow])) == [quick, slow]


def test_a_time_that_is_over_is_said_and_the_runs_go_on(submitted):
    run = submitted(RUNNING)
    with pytest.raises(WaitTimeout, match=r"^1 run isn't over after 0.1 seconds\. What isn't"):
        list(flowenv.as_completed([run], timeout=0.1))
    assert run.state is State.RUNNING


def test_wait_returns_when_it_was_told_to(submitted):
    def three():
        return submitted(RUNNING), submitted(COMPLETED), submitted(RUNNING, FAILED, FAILED)

    endless, done, failed = three()
    assert flowenv.wait([endless, done, failed], timeout=0.3) == ({done, failed}, {endless})
    endless, done, failed = three()
    waited = flowenv.wait([endless, done, failed], return_when="FIRST_COMPLETED")
    assert waited.done == {done}
    assert waited.not_done == {endless, failed}
    endless, done, failed = three()
    waited = flowenv.wait([endless, done, failed], return_when="FIRST_EXCEPTION")
    assert (waited.done, waited.not_done) == ({done, failed}, {endless})


def test_another_word_for_when_is_refused(submitted):
    with pytest.raises(SettingError, match="FIRST_COMPLETED or FIRST_EXCEPTION, not 'first'"):
        flowenv.wait([], return_when="first")


@pytest.mark.parametrize("ask", [flowenv.wait, lambda *given: list(flowenv.as_completed(*given))])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((["run-1"],), "runs must be runs, not str. Give a list of what flowenv.submit"),
        ((None,), "runs are several runs, not NoneType"),
        (([], "5"), "timeout must be a number or None"),
    ],
)
def test_what_is_no_run_or_no_time_is_refused(ask, given, said):
    with pytest.raises(SettingError, match=said):
        ask(*given)
