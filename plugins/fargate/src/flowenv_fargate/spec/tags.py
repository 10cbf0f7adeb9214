"""How a run is known on ECS: its client token, `startedBy`, and tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from flowenv.errors import SpecError
from flowenv.plugin import Marks, contract, moment

RUN_ID, FLOW = "flowenv:run-id", "flowenv:flow"
LABELS, CREATED = "flowenv:labels", "flowenv:created"
PARAMETERS, SUBMITTER = "flowenv:parameters", "flowenv:submitter"
SPEC_HASH = "flowenv:spec-hash"
MORE = "…"
"""The name, among parameters, of how many more there are."""
CLUSTER = "flowenv:cluster"
"""On definitions that flowenv named: the cluster whose runs they are for."""
MARKS = "FLOWENV_MARKS"
"""The variable that holds what the tags say, since StopTask deletes a task's tags."""
_STARTED_BY = "flowenv/"
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST = 256

Task = Mapping[str, Any]
Tags = list[dict[str, str]]


def client_token(run_id: str) -> str:
    """RunTask's client token: the same run, sent again, starts no second task."""
    return f"flowenv-{run_id}"


def started_by(run_id: str) -> str:
    """RunTask's `startedBy`, by which one run's task can be listed."""
    return _STARTED_BY + run_id


def encode(text: str) -> str:
    """A text in the characters that a tag's value may have, without spaces.

    >>> encode("nightly build"), decode(encode("größe=~*"))
    ('nightly=20build', 'größe=~*')
    """
    return quote(text, safe="+-._:/@").replace("%", "=").replace("~", "=7E")


def decode(text: str) -> str:
    """What `encode` was given."""
    return unquote(text.replace("=", "%"))


def cluster_tag(cluster: object) -> str:
    """What the tag `CLUSTER` says of a cluster that is given by its name or ARN.

    >>> cluster_tag("arn:aws:ecs:eu-west-1:123456789012:cluster/flows"), cluster_tag(None)
    ('flows', 'default')
    """
    return str(cluster or "default").rpartition("/")[2]


def run_tags(run: Marks) -> Tags:
    """The tags of a run's task.

    Raises:
        SpecError: if a label is too long for a tag.
    """
    tags = {RUN_ID: run.run_id, FLOW: _cut(encode(run.flow))}
    if run.created:
        tags[CREATED] = run.created.isoformat(timespec="seconds")
    if run.submitter:
        tags[SUBMITTER] = _cut(encode(run.submitter))
    if run.parameters:
        tags[PARAMETERS] = _listed(run.parameters)
    for number, text in enumerate(_packed(run.labels)):
        tags[f"{LABELS}.{number}" if number else LABELS] = text
    return [{"key": key, "value": value} for key, value in tags.items()]


def marks(tags: Tags) -> str:
    """The value of the variable `MARKS`: a run's tags."""
    return json.dumps({tag["key"]: tag["value"] for tag in tags}, separators=(",", ":"))


def _cut(encoded: str) -> str:
    while len(encoded) > _LONGEST:
        encoded = encode(decode(encoded)[:-1])
    return encoded


def _listed(parameters: Mapping[str, str]) -> str:
    """Parameters in one value, `name:text` separated by spaces; how many more there are, last."""
    room, words = _LONGEST - len(" +1000"), list[str]()
    for name, text in parameters.items():
        words.append(f"{encode(name).replace(':', '=3A')}:{encode(text)}")
        if name == MORE or len(" ".join(words)) > room:
            left = len(parameters) - len(words) + 1
            if MORE in parameters:  # there were more already, and that they are is no parameter
                left += int(parameters[MORE].split(" ")[0]) - 1
            words[-1] = f"+{left}"
            break
    return " ".join(words)


def _parameters(text: str) -> dict[str, str]:
    """The parameters of a tag's value."""
    words = [word.partition(":") for word in text.split(" ") if word]
    return {
        decode(name) if colon else MORE: decode(value) if colon else f"{name[1:]} more"
        for name, colon, value in words
    }


def _packed(labels: Iterable[str]) -> list[str]:
    """Labels in as few values as they fit in, separated by spaces."""
    values: list[str] = []
    for label in labels:
        text = encode(label)
        if len(text) > _LONGEST or not text:
            raise SpecError(
                f"The label {label!r} can't be a tag of an ECS task.",
                hint=f"A label has 1 to {_LONGEST} characters; others than letters, digits and "
                "+-._:/@ count more than once.",
            )
        if values and len(values[-1]) + 1 + len(text) <= _LONGEST:
            values[-1] += " " + text
        else:
            values.append(text)
    return values


@dataclass(frozen=True)
class Identity(Marks):
    """What a task's own record says of the run it is."""

    container: str = ""
    has_stored_payload: bool = False

    @classmethod
    def of(cls, task: Task, own_started_by: object = None) -> Identity | None:
        """The run of a task; None if it is none of flowenv's.

        Tags can be copied to any task: what counts is who started it.

        Args:
            task: as DescribeTasks shows it.
            own_started_by: the `startedBy` that the user has set, instead of flowenv's own.
        """
        container, variables = flow_container(task)
        tags = _tags(task) or _marks(variables)
        by = str(task.get("startedBy") or "")
        run_id = by.removeprefix(_STARTED_BY)
        if by and by == own_started_by:
            run_id = tags.get(RUN_ID) or variables.get(contract.FLOW_RUN_ID, "")
        elif not by.startswith(_STARTED_BY):
            return None
        if not _RUN_ID.fullmatch(run_id):
            return None
        family = str(task.get("taskDefinitionArn", "")).rpartition("/")[2].partition(":")[0]
        labels = [tags[key] for key in sorted(tags, key=_label_number) if key.startswith(LABELS)]
        return cls(
            run_id,
            decode(tags[FLOW]) if FLOW in tags else family,
            tuple(decode(label) for value in labels for label in value.split(" ")),
            moment(tags.get(CREATED)) or task.get("createdAt"),
            container,
            not variables.get(contract.PAYLOAD, "data:").startswith("data:"),
            parameters=_parameters(tags.get(PARAMETERS, "")),
            submitter=decode(tags.get(SUBMITTER, "")),
        )


def _tags(task: Task) -> dict[str, str]:
    """What the tags say; nothing if they are gone."""
    tags = {str(tag.get("key")): str(tag.get("value") or "") for tag in task.get("tags") or []}
    return tags if RUN_ID in tags else {}


def _marks(variables: Mapping[str, str]) -> dict[str, str]:
    """What the tags have said, from where StopTask doesn't delete it."""
    try:
        found = json.loads(variables.get(MARKS, ""))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def seal_in(task: Task) -> str:
    """What the payload and the record of a task's run fit; empty if the task doesn't say."""
    return flow_container(task)[1].get(contract.PAYLOAD_SEAL, "")


def _label_number(key: str) -> int:
    number = key.rpartition(".")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0


def flow_container(task: Task) -> tuple[str, dict[str, str]]:
    """The name of the flow's container and the variables of its override."""
    overrides = (task.get("overrides") or {}).get("containerOverrides") or []
    for one in overrides:
        variables = {e["name"]: e.get("value", "") for e in one.get("environment") or []}
        if contract.PAYLOAD in variables:
            return str(one.get("name", "")), variables
    return "", {}
