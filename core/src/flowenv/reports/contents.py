"""What a report says of a run, as texts that can't act whoever wrote them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pprint
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from flowenv.answers.events import Event
from flowenv.answers.times import Phase, RunTimes
from flowenv.errors import FlowenvError
from flowenv.reports.left_files import ListedFile, listed_files
from flowenv.reports.pictures import Picture, picture
from flowenv.reports.sent import Container, containers, spec_text
from flowenv.reports.texts import LONGEST_LINE, moment, text
from flowenv.runs.flow_run import FlowRun
from flowenv.states import State, Status
from flowenv.wording import written

MOST_LINES = 20_000
"""The lines of logs that a page has; of longer ones the last ones."""
_FEWEST_LINES = 200
"""The lines that each run of many has."""
MOST_CHARACTERS = 8_000_000
"""The characters of logs that a page has."""
MOST_OF_PICTURES = 8 * 1024 * 1024
"""The bytes of pictures that a page has."""
MOST_EVENTS = 200
"""The events of a run that a page has: the newest."""
_SHORT = 60
"""The characters of a result in the table of many runs."""
_WIDTH = 88
"""The characters of a line of a result."""


@dataclass(frozen=True)
class Fact:
    """Something that is known of a run.

    Args:
        name: what it is.
        value: a text, which is shown as it is.
    """

    name: str
    value: str


@dataclass(frozen=True)
class RunContents:
    """What a report says of a run.

    Args:
        flow: the flow's name.
        status: how it stands.
        facts: who submitted it, where, when, with what.
        parameters: its parameters, without secrets.
        times: when what happened.
        result: the result as Python shows it; empty if there is none.
        problem: why there is no result, or no log.
        log: the lines of its log.
        log_note: what is to be said of the log.
        events: what its platform says of it, oldest first.
        events_note: what is to be said of them.
        files: what it left.
        files_note: what is to be said of them.
        picture: its result, if that is a picture.
        containers: the variables of its containers; empty for a run of another process.
        spec: the finished spec as YAML, without secrets; empty for a run of another process.
        is_whole: False for what a table of very many runs shows: no log and no result was read.
    """

    flow: str
    status: Status
    facts: Sequence[Fact]
    parameters: Sequence[Fact]
    times: RunTimes
    result: str = ""
    problem: str = ""
    log: Sequence[str] = ()
    log_note: str = ""
    events: Sequence[Event] = ()
    events_note: str = ""
    files: Sequence[ListedFile] = ()
    files_note: str = ""
    picture: Picture | None = None
    containers: Sequence[Container] = ()
    spec: str = ""
    is_whole: bool = True

    @property
    def phases(self) -> Sequence[Phase]:
        """The parts of its time."""
        return self.times.phases(is_over=self.status.state.is_final)

    def seconds(self, now: datetime.datetime) -> float | None:
        """How long it took, or has taken by now; None if that isn't known."""
        if not self.phases or (self.status.state.is_final and not self.times.ended):
            return None
        return self.times.total(now)

    @property
    def short_result(self) -> str:
        """The result on one line, or the beginning of it."""
        said = " ".join(self.result.split())
        return said if len(said) <= _SHORT else f"{said[:_SHORT]}…"

    def fact(self, name: str) -> str:
        """One of its facts; empty if that isn't known."""
        return next((one.value for one in self.facts if one.name == name), "")


def contents_of(flow_run: FlowRun, *, of: int = 1, in_full: bool = True) -> RunContents:
    """Look at a run once more, and read its log.

    Args:
        flow_run: any run, of this process or of another.
        of: how many runs the page is on, which share its room.
        in_full: False for what a table of very many runs shows; no log and no result is read.
    """
    status = flow_run.refresh() if flow_run.handle else flow_run.last_status
    contents = RunContents(
        text(flow_run.flow_name),
        _status(status),
        [Fact(name, text(value)) for name, value in _facts(flow_run).items() if value],
        [Fact(text(name), text(value)) for name, value in flow_run.shown_parameters.items()],
        times_of(flow_run),
        is_whole=in_full,
    )
    if not in_full:
        return contents
    result, problem, seen = _result(flow_run, status)
    log, log_note = _log(flow_run, max(MOST_LINES // of, _FEWEST_LINES), MOST_CHARACTERS // of)
    events, events_note = _events(flow_run)
    files, files_note = listed_files(flow_run, room=MOST_OF_PICTURES // of, from_afar=of == 1)
    return dataclasses.replace(
        contents,
        result=result,
        problem=problem,
        log=log,
        log_note=log_note,
        events=events,
        events_note=events_note,
        files=files,
        files_note=files_note,
        picture=seen,
        containers=containers(flow_run),
        spec=spec_text(flow_run.spec),
    )


def times_of(flow_run: FlowRun) -> RunTimes:
    """When what of a run happened; nothing, if nobody can tell."""
    try:
        return flow_run.times()
    except FlowenvError:
        return RunTimes()


def _status(status: Status) -> Status:
    return Status(
        status.state, status.reason, text(status.message), text(status.hint), status.retryable
    )


def _facts(flow_run: FlowRun) -> dict[str, str]:
    return {
        "run": flow_run.id,
        "reference": flow_run.reference if flow_run.handle else "",
        "backend": flow_run.environment.backend,
        "submitted": moment(flow_run.created),
        "by": flow_run.submitter,
        "image": (flow_run.image or "") if flow_run.spec else "",
        "labels": ", ".join(flow_run.labels),
        "environment": repr(flow_run.environment),
    }


def _result(flow_run: FlowRun, status: Status) -> tuple[str, str, Picture | None]:
    """The result as text, why there is none, and the picture that it is."""
    if status.state is not State.COMPLETED:
        return "", "", None
    try:
        value = flow_run.result()
    except FlowenvError as error:
        return "", text(error), None
    if isinstance(value, bytes) and (seen := picture(value)):
        return "", "", seen
    return _written_out(value), "", None


def _written_out(value: object) -> str:
    """A value as Python writes it, a long one on several lines."""
    said = written(value)
    if _WIDTH < len(said) <= LONGEST_LINE and "\n" not in said:
        with contextlib.suppress(Exception):  # an item's repr() may raise the second time
            said = pprint.pformat(value, width=_WIDTH, sort_dicts=False)
    return text(said)


def _events(flow_run: FlowRun) -> tuple[Sequence[Event], str]:
    """The newest events, and what is missing of them."""
    try:
        told = flow_run.events()
    except FlowenvError as error:
        return (), text(f"What the platform says of it can't be read: {error}")
    kept = [
        dataclasses.replace(
            one,
            name=text(one.name),
            message=text(one.message),
            about=text(one.about),
            hint=text(one.hint),
        )
        for one in told[-MOST_EVENTS:]
    ]
    left_out = len(told) - len(kept)
    return kept, f"{left_out:,} events before these are left out." if left_out else ""


def _log(flow_run: FlowRun, most: int, characters: int) -> tuple[Sequence[str], str]:
    """The last lines of the log, and what is missing of it.

    Args:
        flow_run: the run.
        most: how many lines at most.
        characters: how many characters at most.
    """
    if not flow_run.environment.capabilities.logs:
        return (), f"The backend {flow_run.environment.backend} keeps no logs."
    kept: deque[str] = deque()
    left_out = 0
    try:
        for line in flow_run.logs():
            kept.append(text(line))
            characters -= len(kept[-1])
            while len(kept) > most or (characters < 0 and len(kept) > 1):
                characters += len(kept.popleft())
                left_out += 1
    except FlowenvError as error:
        return list(kept), text(f"The log can't be read: {error}")
    return list(kept), f"{left_out:,} lines before these are left out." if left_out else ""
