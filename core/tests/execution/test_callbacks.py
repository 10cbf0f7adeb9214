"""on_start and on_exit: when they are called, and that they hide nothing."""

from __future__ import annotations

import pytest

from flowenv import Flow, State, submit
from flowenv.errors import CallbackFailed, RunFailed

from ..plugging import ToyEnvironment


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def run(toy, events):
    """Submit a flow between two callbacks that record themselves."""

    def run(function=None, **settings):
        given = {
            "on_start": lambda: events.append("start"),
            "on_exit": lambda: events.append("exit"),
        }
        environment = ToyEnvironment(**{**given, **settings})
        flow = Flow(function or (lambda: events.append("flow")), name="f")
        return submit(flow, environment=environment)

    return run


def fail():
    raise KeyError("the flow's")


def fail_too():
    raise OSError("the callback's")


def test_they_are_called_before_and_after_the_flow(run, events):
    run()
    assert events == ["start", "flow", "exit"]


def test_on_exit_is_called_when_the_flow_fails(run, events):
    assert run(fail).state is State.FAILED
    assert events == ["start", "exit"]


def test_on_exit_is_called_when_the_flow_is_interrupted(run, events):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted)
    assert events == ["start", "exit"]


def test_when_on_start_fails_the_flow_does_not_run_but_on_exit_does(run, events):
    made = run(on_start=fail_too)
    assert events == ["exit"]
    assert made.state is State.FAILED
    assert "on_start raised OSError: the callback's" in made.status.message


def test_when_on_exit_fails_the_run_has_failed(run):
    made = run(on_exit=fail_too)
    with pytest.raises(RunFailed, match="on_exit raised OSError") as raised:
        made.result()
    assert raised.value.error_class == "OSError"
    assert isinstance(raised.value.__cause__, CallbackFailed)


def test_an_error_of_on_exit_never_hides_the_flows(run, caplog):
    made = run(fail, on_exit=fail_too)
    with pytest.raises(RunFailed) as raised:
        made.result()
    assert isinstance(raised.value.__cause__, KeyError)
    assert "the callback's" in caplog.text


def test_they_run_while_the_executor_is_open(toy):
    from flowenv import LocalDaskExecutor, get_executor

    found = []

    def note():
        found.append(type(get_executor()).__name__)

    environment = ToyEnvironment(executor=LocalDaskExecutor("threads"), on_start=note, on_exit=note)
    submit(Flow(dict), environment=environment)
    assert found == ["ThreadPoolExecutor"] * 2
