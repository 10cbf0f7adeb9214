"""What was sent to the platform: the spec, and who set which variable of its containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from flowenv.reports.texts import text
from flowenv.runs.flow_run import FlowRun
from flowenv.submission.explain import containers_of, masked
from flowenv.wording import shown


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


def containers(flow_run: FlowRun) -> list[Container]:
    """The containers of a run that this process has submitted; of another none is known."""
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


def spec_text(spec: Mapping[str, Any] | None) -> str:
    """A finished spec as YAML, without secrets; empty if there is none."""
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
