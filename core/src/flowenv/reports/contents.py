"""What a report says of a run, as texts that can't act whoever wrote them."""

from __future__ import annotations

import dataclasses
import datetime
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from flowenv.answers.events import Event
from flowenv.answers.times import Phase, RunTimes
from flowenv.errors import FlowenvError
from flowenv.reports.left_files import ListedFile, listed_files
from flowenv.reports.pictures import Picture, picture
from flowenv.runs.flow_run import FlowRun
from flowenv.states import State, Status
from flowenv.submission.explain import containers_of, masked
from flowenv.wording import shown

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
LONGEST_LINE = 4_000
"""The characters of a line, and of a value, that a report has."""


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
class Variable:
    """An environment variable of a container.

    Args:
        name: its name.
        value: its value; a secret is masked.
        layer: who set it.
    """

    name: str
    value: str
    layer: str


@dataclass(frozen=True)
class Container:
    """A container and its variables.

    Args:
        name: its name in the spec.
        variables: what it gets.
    """

    name: str
    variables: Sequence[Variable]


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

    @property
    def phases(self) -> Sequence[Phase]:
        """The parts of its time."""
        return self.times.phases(is_over=self.status.state.is_final)

    def seconds(self, now: datetime.datetime) -> float | None:
        """How long it took, or has taken by now; None if that isn't known."""
        if not self.phases or (self.status.state.is_final and not self.times.ended):
            return None
        return self.times.total(now)


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
        containers=_containers(flow_run),
        spec=_spec(flow_run.spec),
    )


def text(value: object) -> str:
    """Anything as one line or several, not too long, in which nothing acts."""
    said = str(value)
    if len(said) > LONGEST_LINE:
        said = f"{said[:LONGEST_LINE]}… ({len(said):,} characters)"
    return shown(said)


def times_of(flow_run: FlowRun) -> RunTimes:
    """When what of a run happened; nothing, if nobody can tell."""
    try:
        return flow_run.times()
    except FlowenvError:
        return RunTimes()


def moment(at: datetime.datetime | None) -> str:
    """A moment for people, in UTC."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else ""


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
    return text(repr(value)), "", None


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


def _containers(flow_run: FlowRun) -> list[Container]:
    if flow_run.container_variables is None:
        return []
    return [
        Container(
            text(one["container"]),
            [
                Variable(text(e["name"]), text(_value(e)), text(e["layer"]))
                for e in one["variables"]
            ],
        )
        for one in containers_of(flow_run.container_variables)
    ]


def _value(entry: Mapping[str, Any]) -> object:
    value = entry.get("value")
    return value if value is not None else entry.get("valueFrom", "")


def _spec(spec: Mapping[str, Any] | None) -> str:
    if not spec:
        return ""
    return shown(yaml.safe_dump(_plain(masked(dict(spec))), sort_keys=False, allow_unicode=True))


def _plain(value: Any) -> Any:
    """The same without long texts, and with nothing that YAML doesn't know."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return text(value)
