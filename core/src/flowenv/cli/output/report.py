"""How a run is reported: its description, its result, how long it took, the exit code."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flowenv.cli.output.printing import echo, echo_json, results, tell
from flowenv.wording import written

if TYPE_CHECKING:
    from flowenv.answers.times import RunTimes
    from flowenv.runs.files_of_run import LeftFiles
    from flowenv.runs.flow_run import FlowRun
    from flowenv.states import Status


def describe(flow_run: FlowRun) -> dict[str, Any]:
    """A run as plain data: what it is, where, and how it stands."""
    return {
        "run_id": flow_run.id,
        "flow": flow_run.flow_name,
        "backend": flow_run.environment.backend,
        "reference": flow_run.reference if flow_run.handle else None,
        "created": flow_run.created.isoformat() if flow_run.created else None,
        "submitter": flow_run.submitter or None,
        "labels": list(flow_run.labels),
        "parameters": flow_run.shown_parameters,
        **flow_run.last_status.to_json(),
    }


def describe_times(flow_run: FlowRun) -> dict[str, Any]:
    """When what of a run happened, and its phases, as plain data; empty if nobody can tell."""
    times = _times(flow_run)
    phases = times.phases(is_over=flow_run.last_status.state.is_final)
    return {"times": times.to_json(), "phases": [one.to_json() for one in phases]}


def _times(flow_run: FlowRun) -> RunTimes:
    from flowenv.answers.times import RunTimes
    from flowenv.errors import FlowenvError

    try:
        return flow_run.times()
    except FlowenvError:  # they are no reason to say nothing of the run
        return RunTimes()


def describe_end(flow_run: FlowRun) -> dict[str, Any]:
    """A finished run as plain data: also the time of each phase, the result and the files."""
    left = describe_outcome(flow_run)  # first, as it waits for the end
    return {**describe(flow_run), **describe_times(flow_run), **left}


def describe_outcome(flow_run: FlowRun) -> dict[str, Any]:
    """What a finished run has left, as plain data: its result, and where its files are."""
    from flowenv.errors import FlowenvError
    from flowenv.states import State

    value, error = None, None
    try:
        value = flow_run.result()
    except FlowenvError as failure:
        # what became of a run that didn't complete is in its state and message
        error = failure if flow_run.last_status.state is State.COMPLETED else None
    left = left_by(flow_run)
    return {**describe_result(value, error), "files": left and left.to_json()}


def describe_result(value: Any, error: Exception | None) -> dict[str, Any]:
    """A result as plain data.

    Args:
        value: the result; one that isn't JSON data is given as `result_text`, as Python
            shows it. If only NaN and infinite numbers are none in JSON, these are null in
            `result`, and counted in `result_nulls`.
        error: why a run that completed has none here; given as `result_error`.
    """
    from flowenv.serialization.plain_data import is_plain

    if error:
        return {"result": None, "result_error": str(error)}
    if is_plain(value):
        return {"result": value}
    finite, nulls = _with_nulls(value)
    if nulls and is_plain(finite):
        return {"result": finite, "result_nulls": dict(nulls), "result_text": written(value)}
    return {"result": None, "result_text": written(value)}


def _with_nulls(value: Any) -> tuple[Any, Counter[str]]:
    """A value with None where it has a number that is none in JSON, and how many of each it has.

    >>> _with_nulls({"loss": [0.5, float("nan")], "best": -float("inf")})
    ({'loss': [0.5, None], 'best': None}, Counter({'NaN': 1, '-Infinity': 1}))
    """
    nulls = Counter[str]()

    def finite(one: Any) -> Any:
        if type(one) is float and not math.isfinite(one):
            nulls["NaN" if one != one else "Infinity" if one > 0 else "-Infinity"] += 1
            return None
        if type(one) is list:
            return [finite(item) for item in one]
        return {k: finite(item) for k, item in one.items()} if type(one) is dict else one

    return finite(value), nulls


def report_result(value: Any, error: Exception | None, all_of_it: str | None = None) -> None:
    """Print a result, or on the standard error why there is none.

    Args:
        value: the result.
        error: why there is none.
        all_of_it: how to get a long result, of which the beginning is printed; None to print all.
    """
    if error:
        echo(f"Error: {error}", err=True)
    elif value is not None:
        text = _shown_result(value)
        echo(f"Result: {text if all_of_it is None else cut(text, all_of_it)}", file=results())


_LONGEST_BYTES = 200
LONGEST = 2_000
"""Characters of a result that a command prints which wasn't asked for it alone."""


def _shown_result(value: Any) -> str:
    """A result as Python shows it; of many bytes, such as a picture, only the beginning."""
    if isinstance(value, bytes | bytearray) and len(value) > _LONGEST_BYTES:
        return f"{bytes(value[:20])!r}… ({len(value):,} bytes)"
    return written(value)


def cut(text: str, all_of_it: str) -> str:
    """A text, or the beginning of a long one, and how to get the rest.

    >>> cut("short", "flowenv result job-1"), len(cut("long" * 1000, "-o json"))
    ('short', 2042)
    """
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text):,} characters; all of them: {all_of_it})"


def all_of_it(flow_run: FlowRun, where: str) -> str:
    """How to get a result of which only the beginning is printed."""
    if flow_run.environment.capabilities.attach:
        return f"flowenv result {flow_run.reference}{where}"
    return "-o json"


def report_end(
    flow_run: FlowRun,
    output: str,
    where: str = "",
    *,
    report: Callable[[Any, Exception | None], None] | None = None,
) -> int:
    """Print how a run ended, and return what the command line exits with.

    Args:
        flow_run: the run, which is over.
        output: `json` for its description; `text` for its result, and how it ended and why
            on the standard error.
        where: the options that name its environment, for the command that is proposed.
        report: what gives the result to the user, where it isn't JSON; by default it is
            printed, of a long one the beginning.
    """
    from flowenv.errors import FlowenvError

    left = left_by(flow_run)
    lacks_files = bool(left and left.problem)
    if output == "json":
        described = describe_end(flow_run)
        echo_json(described)
        lacks = lacks_files or "result_error" in described
        return exit_code(flow_run.last_status, lacks_result=lacks)
    value, error = None, None
    try:
        value = flow_run.result()
    except FlowenvError as failure:
        error = failure
    try:
        if report:
            report(value, error)
        else:
            report_result(value, error, all_of_it(flow_run, where))
    finally:  # also where the result can't be written
        if left:
            echo(_words_on_files(flow_run, left, where), err=True)
        echo(summary(flow_run), err=True)
    return exit_code(flow_run.last_status, lacks_result=lacks_files or error is not None)


def left_by(flow_run: FlowRun) -> LeftFiles | None:
    """Whether a run has left files, as far as its record says."""
    from flowenv.errors import FlowenvError
    from flowenv.runs.files_of_run import left_files

    try:
        return left_files(flow_run, flow_run.read_outcome())
    except FlowenvError:  # the result can't be had for the same reason, which says it
        return None


def _words_on_files(flow_run: FlowRun, left: LeftFiles, where: str) -> str:
    if left.problem:
        hint = "Set results_url, leave less in the output folder, or have the flow store them."
        return f"Error: The files that the flow left stayed behind: {left.problem}. {hint}"
    if left.where in ("log", "results_url"):
        return f"It left files. Get them with: flowenv files {flow_run.reference}{where} -d FOLDER"
    return f"Files: {left.where}"


def show_traceback(flow_run: FlowRun) -> None:
    """What the flow raised in this process, if it did."""
    from flowenv.container.tracebacks import has_user_frames, user_traceback
    from flowenv.errors import FlowenvError

    raised = getattr(flow_run.handle, "error", None)
    if raised is None:
        return
    because = raised.__cause__ or raised
    if not isinstance(raised, FlowenvError) or has_user_frames(raised) or has_user_frames(because):
        tell(user_traceback(raised).rstrip("\n"))  # though nobody may read it


def summary(flow_run: FlowRun) -> str:
    """One line: how a run ended and the time of each phase, as far as that is known."""
    state, times = flow_run.last_status.state.value, _times(flow_run)
    if not times.ended or (total := times.total()) is None:
        return state
    parts = ", ".join(f"{one.name} {one.seconds():.1f} s" for one in times.phases())
    return f"{state} after {total:.1f} s ({parts})"


def details(flow_run: FlowRun) -> list[str]:
    """A line each on what is known of a run besides its status."""
    from flowenv.cli.output.phase_bars import phase_lines
    from flowenv.wording import shown

    parameters = ", ".join(f"{name}={text}" for name, text in flow_run.shown_parameters.items())
    known = {
        "flow": flow_run.flow_name,
        "parameters": parameters,
        "labels": ", ".join(flow_run.labels),
        "by": flow_run.submitter,
    }
    lines = [f"{name:<11} {shown(text, lines=False)}" for name, text in known.items() if text]
    phases = _times(flow_run).phases(is_over=flow_run.last_status.state.is_final)
    return [*lines, *phase_lines(phases)]


def exit_code(status: Status, *, lacks_result: bool = False) -> int:
    """What the command line exits with for a run that ended so.

    Args:
        status: how it ended.
        lacks_result: True if a run that completed has a result that can't be had.
    """
    from flowenv.states import State

    if status.state is State.COMPLETED:
        return 4 if lacks_result else 0
    return 1 if status.state is State.FAILED else 3
