"""Where every part of a spec came from: variables by layer, changes by plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowenv.contract.variables import OWN, Entry, Merged, Variables
from flowenv.environments.environment import Environment
from flowenv.flows.definition import Flow
from flowenv.secret import Secret
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared

_ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One place of a spec that a plugin changed.

    Args:
        path: where, as keys and indices.
        before: what was there; None if nothing was.
        after: what is there now; None if it was removed.
    """

    path: str
    before: Any
    after: Any

    def to_json(self) -> dict[str, Any]:
        """The difference as plain data with secrets masked."""
        return {"path": self.path, "before": masked(self.before), "after": masked(self.after)}


@dataclass(frozen=True)
class Preview:
    """What a run would be, without being one.

    Args:
        spec: the finished spec: built, changed by plugins, checked. Secrets are Secret objects.
        containers: each container's variables: by `container` its name, by `target` its kind, by
            `variables` those that it gets, with the layer that set each and what it replaced,
            and by `removed` those that a layer took away. Secrets are masked.
        changes: for each `plugin` the `differences` that its `flowenv_modify_spec` made in the
            spec: `path`, `before`, `after`.
    """

    spec: dict[str, Any]
    containers: list[dict[str, Any]]
    changes: list[dict[str, Any]]

    def variables(self, target: str = "flow") -> dict[str, Any]:
        """The values of the first container of a kind, by name; secrets are masked.

        Args:
            target: `flow`, `sidecar`, `scheduler` or `worker`.
        """
        for one in self.containers:
            if one["target"] == target:
                return {entry["name"]: entry.get("value") for entry in one["variables"]}
        return {}


def preview(
    flow: Flow[..., Any] | Callable[..., Any],
    environment: Environment | str | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
) -> Preview:
    """What a run would send, and what each layer and plugin did to it; nothing is sent.

    Hooks can tell by `flow_run.is_preview`.

    Args:
        flow: a flow, or any callable.
        environment: where it would run, as `submit` takes it.
        parameters: the flow's parameters by name.
        labels: labels besides the environment's.

    Raises:
        FlowenvError: what `submit` would raise before anything is sent.

    >>> import flowenv
    >>> flowenv.preview(dict, "local").spec["local"]["flow"]
    'dict'
    """
    prepared = prepare(
        flow, environment=environment, parameters=parameters, labels=labels, is_preview=True
    )
    explained = explain(prepared)  # builds the spec, with all changes noted
    explained.pop("runtime")
    return Preview(prepared.spec, **explained)


def explain(prepared: Prepared) -> dict[str, Any]:
    """Explain a prepared run, offline and with secrets masked.

    Returns:
        Plain data: `containers`, each with its variables, the layer that set each, what it
        replaced, and those that were removed; and `changes`, what each plugin's
        `flowenv_modify_spec` changed in the spec; `runtime`, flowenv itself as it travels with
        the run: its `file`, `bytes` and `sha256`, None where it doesn't.
    """
    prepared.keep_changes = True
    _ = prepared.spec  # built now, with all merges and changes noted
    containers = containers_of(prepared.process.variables)
    changes = [
        {
            "plugin": change.plugin,
            "differences": [one.to_json() for one in differences(change.before, change.after)],
        }
        for change in prepared.changes
    ]
    return {"containers": containers, "changes": changes, "runtime": _runtime(prepared, containers)}


def containers_of(variables: Variables) -> list[dict[str, Any]]:
    """The variables of each container for which they were merged, as `Preview.containers`."""
    own = {target: dict(values) for target, values in variables.own.items()}
    return [
        {
            "container": merged.container or merged.target.value,
            "target": merged.target.value,
            # what is the backend's own is in the first container of a kind
            "variables": list(_with_own(merged, own.pop(merged.target, {}))),
            "removed": [entry.to_json() for entry in merged.removed],
        }
        for merged in variables.merged
    ]


def _with_own(merged: Merged, own: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in merged.entries:
        if entry.name not in own:
            yield entry.to_json()
    before = {entry.name: entry for entry in merged.entries}
    for name, value in own.items():
        reference = None if isinstance(value, str | Secret) else value
        text = value if reference is None else None
        entry = Entry(name, text, OWN, reference, before=before.get(name))
        yield entry.to_json()


def _runtime(prepared: Prepared, containers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """flowenv as it travels, if it does: where no container was built, nothing is made."""
    found = prepared.process.runtime if containers else None
    if found is None:
        return None
    return {"file": found.name, "bytes": len(found.content), "sha256": found.digest}


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """The places in which two pieces of plain data differ.

    >>> [d.path for d in differences({"a": [1, 2]}, {"a": [1, 3], "b": 0})]
    ['a[1]', 'b']
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            below = f"{path}.{key}" if path else str(key)
            yield from differences(before.get(key, _ABSENT), after.get(key, _ABSENT), below)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            pair = [side[index] if index < len(side) else _ABSENT for side in (before, after)]
            yield from differences(pair[0], pair[1], f"{path}[{index}]")
    elif before is _ABSENT or after is _ABSENT or before != after:
        there = [None if side is _ABSENT else side for side in (before, after)]
        yield Difference(path, there[0], there[1])


def masked(value: Any) -> Any:
    """Plain data as it may be shown: secrets masked, bytes as their number.

    >>> masked({"token": Secret("abc"), "files": [b"1234"]})
    {'token': '***', 'files': ['<4 bytes>']}
    """
    if isinstance(value, Secret):
        return value.reference or "***"
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return {key: masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one) for one in value]
    return value
