"""Whoever is told of a change of state can't hurt the run that he is told of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowenv import Flow, State, hookimpl
from flowenv.hooks import notifications, slowness
from flowenv.hooks.notifications import flush, lines_first
from flowenv.submission.lifecycle import prepare

from ..plugging import Plugging, ToyEnvironment

DEADLINE = 20.0
RUNS = [State.RUNNING, State.COMPLETED]


def notifying(tell: Callable[[Any, Any], object]) -> dict[str, Any]:
    @hookimpl
    def flowenv_state_changed(flow_run, status):
        tell(flow_run, status)

    return {"flowenv_state_changed": flowenv_state_changed}


def run() -> Any:
    return prepare(Flow(dict), environment=ToyEnvironment()).submit()


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level("WARNING", "flowenv.plugins")
    return lambda: [one.getMessage() for one in caplog.records if one.name == "flowenv.plugins"]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a hanging notifier waits for; opened at the test's end."""
    opened = threading.Event()
    yield opened
    opened.set()
    flush()


def test_states_are_told_in_order_in_a_thread_of_the_plugins_own(toy: Plugging) -> None:
    heard = []
    toy.plugin("chat", notifying(lambda flow_run, status: heard.append((here(), status.state))))
    run()
    flush()
    assert heard == [("plugin chat", state) for state in RUNS]


def here() -> str:
    return threading.current_thread().name


def test_a_notifier_that_hangs_keeps_neither_the_run_nor_the_others(
    toy: Plugging, gate: threading.Event
) -> None:
    heard: list[State] = []
    toy.plugin("hangs", notifying(lambda flow_run, status: gate.wait(DEADLINE)))
    toy.plugin("works", notifying(lambda flow_run, status: heard.append(status.state)))
    first, second = run(), run()
    assert (first.state, second.state) == (State.COMPLETED, State.COMPLETED)
    for thread in threading.enumerate():
        if thread.name == "plugin works":
            thread.join(DEADLINE)
    assert heard == RUNS * 2


def test_a_notifier_that_is_not_done_at_the_end_is_named(
    toy: Plugging,
    gate: threading.Event,
    told: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifications, "LAST_WAIT", 0.05)
    toy.plugin("hangs", notifying(lambda flow_run, status: gate.wait(DEADLINE)))
    run()
    flush()
    flush()  # as when Python ends
    assert told() == [
        "plugin hangs was left in flowenv_state_changed: it isn't done 0.05 s after the end."
    ]


def test_a_notifier_that_takes_long_is_named_while_it_does(
    toy: Plugging,
    gate: threading.Event,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slowness, "SLOW", 0.01)
    said = threading.Event()
    monkeypatch.setattr(caplog.handler, "emit", lambda record: said.set())
    toy.plugin("slow", notifying(lambda flow_run, status: said.wait(DEADLINE)))
    run()
    flush()
    assert said.is_set()


def test_a_hook_that_takes_long_is_named(
    toy: Plugging, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slowness, "SLOW", 0.01)
    said, right = threading.Event(), caplog.handler.emit

    def emit(record: Any) -> None:
        right(record)
        said.set()

    monkeypatch.setattr(caplog.handler, "emit", emit)
    slow = hookimpl(lambda: said.wait(DEADLINE) and None, specname="flowenv_setup")
    toy.plugin("slow", {"set_up": slow})
    run()
    assert "plugin slow takes more than 0.01 s in flowenv_setup." in caplog.text


def test_each_failure_is_a_line_and_the_traceback_comes_once(
    toy: Plugging, told: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(flow_run: Any, status: Any) -> None:
        raise ConnectionError("the chat is down")

    toy.plugin("chat", notifying(fail))
    run()
    flush()
    line = "plugin chat failed in flowenv_state_changed: ConnectionError: the chat is down"
    assert told() == [line, line]
    assert caplog.text.count("Traceback") == 1


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_a_notifier_raises_is_its_own(
    toy: Plugging, told: Callable[[], list[str]], error: BaseException
) -> None:
    def fail(flow_run: Any, status: Any) -> None:
        raise error

    toy.plugin("chat", notifying(fail))
    assert run().state is State.COMPLETED
    flush()
    assert len(told()) == 2


def test_what_is_told_of_a_run_stays_as_it_was_and_changes_nothing(toy: Plugging) -> None:
    heard = []

    def meddle(flow_run: Any, status: Any) -> None:
        heard.append((flow_run.state, status.state))
        flow_run.parameters["a"] = 9
        flow_run.status = None

    toy.plugin("chat", notifying(meddle))
    done = prepare(Flow(dict), environment=ToyEnvironment(), parameters={"a": 1}).submit()
    flush()
    assert heard == [(state, state) for state in RUNS]
    assert (done.state, done.parameters) == (State.COMPLETED, {"a": 1})


def test_ends_are_told_when_the_lines_are_out(toy: Plugging) -> None:
    heard = []
    toy.plugin("chat", notifying(lambda flow_run, status: heard.append(status.state)))
    with lines_first():
        run()
        heard.append("the last line")
    assert [one for one in heard if one is not State.RUNNING] == ["the last line", State.COMPLETED]


def test_an_interrupt_of_the_last_wait_is_no_error(
    toy: Plugging, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(notifications, "flush", interrupted)
    with lines_first():
        run()
