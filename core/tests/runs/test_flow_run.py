"""A FlowRun: what it makes of its backend's handle."""

from __future__ import annotations

import random
import threading

import pytest

from flowenv import Capabilities, Flow, Reason, State, Status
from flowenv.errors import (
    PluginError,
    ResultUnavailable,
    RunCancelled,
    RunCrashed,
    RunFailed,
    UnsupportedOperation,
    WaitTimeout,
)
from flowenv.results import logged as logged_result
from flowenv.results.document import ResultDocument, digest
from flowenv.results.lines import lines_of
from flowenv.results.record.outcome import Outcome
from flowenv.results.record.text import LIMIT
from flowenv.results.stored import store_result
from flowenv.runs import live_status
from flowenv.submission.lifecycle import prepare

from ..plugging import ToyEnvironment


class Scripted:
    """A handle that says what it is told to say."""

    reference = "there"

    def __init__(self, *statuses, outcome=None, lines=()):
        self.statuses = list(statuses)
        self.record = outcome
        self.lines = lines
        self.cancelled = False

    def status(self):
        if self.cancelled:
            return Status(State.CANCELLED)
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def follow(self, timeout=None):
        yield from self.statuses

    def logs(self, *, follow=False):
        yield from self.lines

    def outcome(self):
        return self.record

    def cancel(self):
        self.cancelled = True


@pytest.fixture
def submitted(toy, monkeypatch):
    """A run with a handle."""
    capable = Capabilities(cancel=True, logs=True)
    monkeypatch.setattr(ToyEnvironment, "capabilities", capable)

    def make(*statuses, **given):
        run = prepare(Flow(dict, name="f"), environment=ToyEnvironment()).flow_run
        run.handle = Scripted(*statuses, **given)
        return run

    return make


RUNNING, COMPLETED = Status(State.RUNNING), Status(State.COMPLETED)
FAILED = Status(State.FAILED, message="KeyError: 'x'")
CRASHED = Status(State.CRASHED, Reason.OOM_KILLED, "Killed.", "Ask for more memory.")


def test_wait_follows_to_the_end_and_tells_each_news(submitted):
    run, heard = submitted(RUNNING, RUNNING, COMPLETED), []
    assert run.wait(on_status=heard.append) == COMPLETED
    assert heard == [RUNNING, COMPLETED]


def test_a_loop_that_looks_at_the_state_ends(submitted, monkeypatch):
    monkeypatch.setattr(live_status, "INTERVAL", 0.0)
    run, looks = submitted(RUNNING, RUNNING, COMPLETED), 0
    while run.state is not State.COMPLETED:
        looks += 1
    assert looks == 2


def test_looking_often_asks_the_platform_now_and_then_only(submitted):
    run = submitted(RUNNING, COMPLETED)
    assert {run.state for _ in range(9)} == {State.RUNNING}
    assert "Running" in repr(run)


def test_a_backend_that_knows_by_itself_is_asked_for_that(submitted):
    run = submitted(FAILED)
    told = iter([RUNNING, COMPLETED])
    run.handle.latest = lambda: next(told)
    assert (run.state, run.state, run.state) == (State.RUNNING, *[State.COMPLETED] * 2)


def test_what_plugins_are_told_of_stays_as_it_was(submitted):
    run = submitted(COMPLETED)
    told = run.as_of(RUNNING)
    assert told.state is State.RUNNING


def test_who_waits_hears_why_a_run_does_not_start(submitted, caplog):
    waits = Status(State.STARTING, Reason.IMAGE_PULL, "ErrImagePull: not found")
    statuses = (Status(State.STARTING), waits, Status(State.RUNNING), Status(State.COMPLETED))
    submitted(*statuses).wait()
    assert [one.getMessage() for one in caplog.records] == [
        "The run there: Starting (image_pull): ErrImagePull: not found"
    ]


def test_while_somebody_waits_nobody_else_asks(submitted):
    run = submitted(COMPLETED)
    states = []

    def follow(timeout=None):
        yield RUNNING
        states.append(run.state)
        yield COMPLETED

    run.handle.follow = follow
    run.wait()
    assert states == [State.RUNNING]


def test_wait_that_takes_too_long_says_where_the_run_stands(submitted):
    run = submitted(RUNNING)
    with pytest.raises(WaitTimeout, match=r"is Running after 0\.5 seconds.*It goes on"):
        run.wait(0.5)


def test_a_handle_that_stops_early_is_no_riddle(submitted):
    with pytest.raises(PluginError, match="ended its handle's follow with Running, though it was"):
        submitted(RUNNING).wait()


def test_a_final_run_is_not_asked_again(submitted):
    run = submitted(COMPLETED)
    run.wait()
    run.handle.statuses = [FAILED]
    assert run.refresh() == COMPLETED
    assert run.wait() == COMPLETED
    assert list(run.follow()) == [COMPLETED]


def test_a_state_never_goes_backwards(submitted):
    run = submitted(RUNNING)
    assert run.observe(RUNNING)
    assert not run.observe(Status(State.SUBMITTED))
    assert run.state is State.RUNNING


def test_news_within_a_state_is_news(submitted):
    run = submitted(RUNNING)
    run.observe(Status(State.STARTING))
    assert run.observe(Status(State.STARTING, Reason.UNSCHEDULABLE, "No node."))
    assert not run.observe(Status(State.STARTING, Reason.UNSCHEDULABLE, "No node."))


def test_observers_hear_of_states_in_their_order_from_many_threads(submitted):
    run, heard = submitted(RUNNING), []
    run.hooks.notify = lambda run, status: heard.append(status.state)
    order = [State.SUBMITTED, State.STARTING, State.RUNNING, State.COMPLETED]
    threads = [threading.Thread(target=run.observe, args=(Status(s),)) for s in order * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == sorted(heard, key=order.index)
    assert heard[-1] is State.COMPLETED


# -- results ------------------------------------------------------------------------------


def test_the_result_is_the_records(submitted):
    assert submitted(COMPLETED, outcome=Outcome.of_result("r", {"a": 1})).result() == {"a": 1}


def test_without_a_record_the_result_is_not_known(submitted):
    run = submitted(Status(State.COMPLETED, message="The record is late."))
    with pytest.raises(ResultUnavailable, match=r"isn't known\. The record is late\."):
        run.result()


def test_a_result_that_stayed_behind_says_what_to_do(submitted):
    run = submitted(COMPLETED, outcome=Outcome.of_result("r", object()))
    with pytest.raises(ResultUnavailable, match=r"\(object\).*Set results_url"):
        run.result()


def test_a_result_in_a_store_is_fetched(submitted, tmp_path):
    run = submitted(COMPLETED)
    stored = store_result(f"file://{tmp_path}", run.id, ResultDocument.of((1, 2)).content())
    run.handle.record = Outcome(run.id, State.COMPLETED, stored=stored, result_type="tuple")
    run.environment = ToyEnvironment(metadata={"results_url": f"file://{tmp_path}"})
    assert run.result() == (1, 2)


def logged(run, value, *, drop=None):
    """A run whose result is in its log."""
    content = ResultDocument.of(value).content()
    lines = lines_of(run.id, content)
    lines = lines[:drop]
    run.handle.lines = ["first", "no end" + lines[0], "between", *lines[1:], "last"]
    run.handle.record = Outcome(
        run.id, State.COMPLETED, logged=digest(content), result_type=type(value).__qualname__
    )
    return run


LARGE = {"noise": random.Random(1).randbytes(20_000), "mean": float("inf")}


def test_a_result_in_the_log_is_fetched_from_there(submitted):
    assert logged(submitted(COMPLETED), LARGE).result() == LARGE


def test_nobody_is_shown_the_lines_that_carry_a_result(submitted):
    run = logged(submitted(COMPLETED), LARGE)
    assert list(run.logs()) == ["first", "no end", "between", "last"]


def test_who_has_followed_the_log_needs_it_no_more(submitted):
    run = logged(submitted(COMPLETED), LARGE)
    list(run.logs(follow=True))
    run.handle.lines = ()
    assert run.result() == LARGE


def test_a_log_that_lost_a_line_has_no_result(submitted, monkeypatch):
    monkeypatch.setattr(logged_result, "PAUSES", (0.0, 0.0))
    run = logged(submitted(COMPLETED), LARGE, drop=-1)
    with pytest.raises(ResultUnavailable, match=r"doesn't hold all of it.*Set results_url"):
        run.result()


def test_a_log_with_another_result_than_the_record_says_has_none(submitted, monkeypatch):
    monkeypatch.setattr(logged_result, "PAUSES", (0.0,))
    run = logged(submitted(COMPLETED), LARGE)
    forged = lines_of(run.id, b'"forged"')
    first = run.handle.lines[1][6:].split(" ")[2]
    run.handle.lines = [line.replace(line.split(" ")[2], first) for line in forged]
    with pytest.raises(ResultUnavailable, match="should be in its log"):
        run.result()


def test_a_pickle_in_the_log_is_read_only_where_the_caller_says_so(submitted):
    run = logged(submitted(COMPLETED), range(3))
    with pytest.raises(ResultUnavailable, match="in its log isn't only data"):
        run.result()
    assert run.result(allow_pickle=True) == range(3)


def test_where_the_place_of_results_is_not_set_there_is_a_hint(submitted):
    run = submitted(COMPLETED)
    run.handle.record = Outcome(run.id, State.COMPLETED, stored="0" * 64, result_type="tuple")
    with pytest.raises(ResultUnavailable, match=r"results_url.*isn't set here.*Set it as it was"):
        run.result()


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (FAILED, RunFailed, "of f failed: KeyError: 'x'"),
        (CRASHED, RunCrashed, r"crashed \(oom_killed\): Killed\. Ask for more memory\."),
        (Status(State.CANCELLED), RunCancelled, "was cancelled"),
    ],
)
def test_another_end_is_an_error_of_its_own(submitted, status, error, message):
    with pytest.raises(error, match=message):
        submitted(status).result()


def test_a_failed_run_names_the_flows_exception(submitted):
    outcome = Outcome("r", State.FAILED, error_class="KeyError", message="'x'")
    with pytest.raises(RunFailed) as raised:
        submitted(FAILED, outcome=outcome).result()
    assert raised.value.error_class == "KeyError"


def test_a_failed_run_shows_the_traceback_of_where_it_ran(submitted):
    text = 'Traceback (most recent call last):\n  File "f.py", line 3\nKeyError: \x1b[2J\n'
    outcome = Outcome("r", State.FAILED, error_class="KeyError", message="'x'", traceback=text)
    record = Outcome.from_text(outcome.to_bytes(), "r")
    with pytest.raises(RunFailed) as raised:
        submitted(FAILED, outcome=record).result()
    assert raised.value.__notes__ == [
        '\nWhere it ran:\nTraceback (most recent call last):\n  File "f.py", line 3\n'
        "KeyError: \\x1b[2J"
    ]


def test_of_a_long_traceback_the_end_comes_back():
    outcome = Outcome("r", State.FAILED, message="x" * 3000, traceback="a\n" * 5000 + "the end")
    record = outcome.to_bytes()
    assert len(record) <= LIMIT
    assert Outcome.from_text(record, "r").traceback.endswith("the end")


# -- what else it can do ------------------------------------------------------------------


def test_cancel_stops_and_looks_again(submitted):
    run = submitted(RUNNING)
    assert run.cancel() == Status(State.CANCELLED)
    assert run.state is State.CANCELLED


def test_at_the_end_of_its_block_a_run_is_cancelled(submitted):
    with submitted(RUNNING) as run:
        assert run.refresh() == RUNNING
    assert run.state is State.CANCELLED


def test_a_block_that_is_interrupted_cancels_its_run(submitted):
    run = submitted(RUNNING)
    with pytest.raises(KeyboardInterrupt), run:
        raise KeyboardInterrupt
    assert run.state is State.CANCELLED


@pytest.fixture
def interrupted(submitted, monkeypatch):
    """A run whose waiting is interrupted."""
    capable = Capabilities(cancel=True, logs=True, attach=True)
    monkeypatch.setattr(ToyEnvironment, "capabilities", capable)
    run = submitted(RUNNING)

    def follow(timeout=None):
        yield RUNNING
        raise KeyboardInterrupt

    run.handle.follow = follow
    return run


def test_who_interrupts_a_script_that_waits_is_told_how_to_get_back(interrupted, caplog):
    with pytest.raises(KeyboardInterrupt):
        interrupted.result()
    assert caplog.messages == [
        "The run goes on. Get back to it with: flowenv attach there --env toy"
    ]
    assert not interrupted.handle.cancelled


def test_who_interrupts_a_block_that_waits_is_told_that_its_run_is_cancelled(interrupted, caplog):
    with pytest.raises(KeyboardInterrupt), interrupted as run:
        run.wait()
    assert caplog.messages == ["The run there is cancelled, as its block is left."]
    assert interrupted.handle.cancelled


def test_a_run_that_is_over_stays_what_it_is_at_the_end_of_its_block(submitted):
    with submitted(COMPLETED) as run:
        run.wait()
    assert (run.state, run.handle.cancelled) == (State.COMPLETED, False)


def test_cancelling_what_is_over_does_nothing(submitted):
    run = submitted(COMPLETED)
    assert run.cancel() == COMPLETED
    assert not run.handle.cancelled


def test_logs_leave_the_outcome_out(submitted):
    line = Outcome.of_result("r", 1).to_line()
    assert list(submitted(RUNNING, lines=["one", line, "two"]).logs()) == ["one", "two"]


@pytest.mark.parametrize("operation", [lambda run: run.cancel(), lambda run: list(run.logs())])
def test_what_a_backend_can_not_do_says_so(submitted, monkeypatch, operation):
    run = submitted(RUNNING)
    monkeypatch.setattr(ToyEnvironment, "capabilities", Capabilities())
    with pytest.raises(UnsupportedOperation, match="The backend toy can't"):
        operation(run)


def test_a_run_that_was_not_submitted_says_so(toy):
    run = prepare(Flow(dict), environment=ToyEnvironment()).flow_run
    with pytest.raises(UnsupportedOperation, match="isn't submitted"):
        run.wait()


def test_it_shows_flow_id_and_state(submitted):
    run = submitted(RUNNING)
    assert repr(run) == f"FlowRun('f', id={run.id!r}, state=Pending)"
