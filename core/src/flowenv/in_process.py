"""Running a flow to its end in this process, for backends whose flows run here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flowenv.errors import FlowenvError, PluginError
from flowenv.outcome import Outcome
from flowenv.running import Returned, check_executor_here
from flowenv.states import State, Status

if TYPE_CHECKING:
    from flowenv.flow_run import FlowRun
    from flowenv.registry import BackendHooks

_RUNNING = Status(State.RUNNING)


class FinishedHandle:
    """The handle of a run that was over when `flowenv_execute` returned, as in this process.

    Args:
        result: the run's outcome.
        value: the flow's result itself.
        error: the flow's exception itself.
    """

    reference = "local"

    def __init__(
        self, result: Outcome, value: Any = None, error: BaseException | None = None
    ) -> None:
        self._outcome = result
        self.value = value
        self.error = error

    def status(self) -> Status:
        """The final status."""
        return self._outcome.status()

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        """The final status only."""
        yield self.status()

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        """No lines: what the flow printed went to this process's own output."""
        return iter(())

    def outcome(self) -> Outcome:
        """The outcome."""
        return self._outcome

    def cancel(self) -> None:
        """Do nothing: the run is over."""


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
    """
    if status.state is State.RUNNING:
        check_executor_here(flow_run.environment)
    flow_run.observe(status)
    try:
        value = call_run_flow(flow_run.hooks, flow_run)
    except Exception as error:
        return FinishedHandle(outcome_of_error(flow_run, error), error=error)
    except BaseException:
        flow_run.observe(Status(State.CANCELLED, message="The flow was interrupted."))
        raise
    return FinishedHandle(Outcome(flow_run.id, State.COMPLETED), value)


def outcome_of_error(flow_run: FlowRun, error: Exception) -> Outcome:
    """The outcome of a run whose `flowenv_run_flow` raised.

    What the flow raised is its failure, whatever it is: a flow may submit others, and raise
    what became of them. Else flowenv's own errors tell of a start that went wrong.
    """
    by_flow = error is flow_run.raised or not isinstance(error, FlowenvError)
    return Outcome.of_error(flow_run.id, error, by_flow=by_flow)


def call_run_flow(hooks: BackendHooks, flow_run: FlowRun) -> Any:
    """Let `flowenv_run_flow` run the flow, and return the flow's result.

    Raises:
        PluginError: if the hook that ran it gave anything but `Returned`.
    """
    answer = hooks.hook.flowenv_run_flow(environment=flow_run.environment, flow_run=flow_run)
    if not isinstance(answer, Returned):
        raise PluginError(
            f"The backend {flow_run.environment.backend} ran the flow, but gave {answer!r}.",
            hint="flowenv_run_flow returns flowenv.running.Returned(result).",
        )
    return answer.value
