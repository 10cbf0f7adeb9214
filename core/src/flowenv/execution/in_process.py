"""Running a flow to its end in this process, for backends whose flows run here."""

from __future__ import annotations

from flowenv.answers.handle import FinishedHandle
from flowenv.errors import FlowenvError
from flowenv.executors.opening import check_executor_here
from flowenv.results.record.outcome import Outcome
from flowenv.runs.flow_run import FlowRun
from flowenv.signals.stopping import closed_before_the_end
from flowenv.signals.terminated import Terminated
from flowenv.states import Reason, State, Status

_RUNNING = Status(State.RUNNING)


def execute_here(flow_run: FlowRun, status: Status = _RUNNING) -> FinishedHandle:
    """Run the flow in the calling thread; what it raises becomes the run's outcome.

    For `flowenv_execute` of backends whose flows run in the submitting process. An
    interrupt goes through, after everything that was open is closed.

    Args:
        flow_run: the run.
        status: how the run begins: `Starting` for a backend that first makes a cluster and
            observes by itself when the flow is running.

    Raises:
        SettingError: before the run begins, if its executor can't be had here.
        ConfigurationError: before the run begins, if a variable of its is a secret nobody has.
    """
    if status.state is State.RUNNING:
        check_executor_here(flow_run.environment.executor)
    with flow_run.surroundings():
        return _executed(flow_run, status)


def _executed(flow_run: FlowRun, status: Status) -> FinishedHandle:
    flow_run.observe(status)
    try:
        with closed_before_the_end():
            value = flow_run.hooks.run_flow(flow_run)
    except Exception as error:
        told = flow_run.cluster_events
        return FinishedHandle(outcome_of_error(flow_run, error), error=error, told=told)
    except BaseException as error:
        flow_run.observe(_interrupted(error))
        raise
    outcome = Outcome(flow_run.id, State.COMPLETED)
    return FinishedHandle(outcome, value, told=flow_run.cluster_events)


def _interrupted(by: BaseException) -> Status:
    if isinstance(by, Terminated) and not by.is_cancellation:
        message = f"The process was asked to stop ({by})."
        return Status(State.CRASHED, Reason.STOPPED, message)
    return Status(State.CANCELLED, message="The flow was interrupted.")


def outcome_of_error(flow_run: FlowRun, error: Exception) -> Outcome:
    """The outcome of a run whose `flowenv_run_flow` raised.

    What the flow raised is its failure, whatever it is: a flow may submit others, and raise
    what became of them. Else flowenv's own errors tell of a start that went wrong.
    """
    by_flow = error is flow_run.raised or not isinstance(error, FlowenvError)
    return Outcome.of_error(flow_run.id, error, by_flow=by_flow)
