"""The layered merge of a container's environment variables, with where each came from.

Later layers win: the contract's logging variables; configuration, and contract variables that
are set in the submitting process; the environment's own; the user's spec file; the contract's
other variables; hooks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowenv.contract import Target
from flowenv.contract.logging_variables import problem
from flowenv.contract.variable_rules import NAME_RULE, NUL_RULE, holds_nul, is_name
from flowenv.errors import PluginError, SpecError
from flowenv.secret import Secret

Value = str | Secret | None
"""A variable's value: text, a Secret, or None to remove the variable."""

OWN = "flowenv"
"""The layer of what a backend itself sets over all others."""
SPEC_FILE = "spec file"
"""The layer of what stands in the user's own spec file."""
THIS_PROCESS = "this process"
"""The layer of contract variables that are set in the process that submits."""


@dataclass(frozen=True)
class Layer:
    """Variables from one place.

    Args:
        name: where they come from, for people: `configuration`, `plugin acme`.
        values: what it sets, by variable name.
        above_file: True if it wins over the user's own spec file.
        replaces_references: True if it may replace a `valueFrom` of the user's file.
    """

    name: str
    values: Mapping[str, Value]
    above_file: bool = False
    replaces_references: bool = False


@dataclass(frozen=True)
class Entry:
    """One variable of one container after the merge.

    Args:
        name: the variable's name.
        value: its value; None if it was removed or is a reference.
        layer: the name of the layer that set (or removed) it.
        reference: the user's own `valueFrom`, kept as written; otherwise None.
        removed: True if a later layer removed the variable.
        before: what this entry replaced, which may have replaced another.
    """

    name: str
    value: Value
    layer: str
    reference: Any = None
    removed: bool = False
    before: Entry | None = field(default=None, repr=False, compare=False)

    @property
    def from_file(self) -> bool:
        """True if the user's own spec file says it, in the platform's own writing."""
        return self.layer == SPEC_FILE

    @property
    def replaced(self) -> tuple[str, ...]:
        """The names of the layers that had set it before, first to last."""
        return (*self.before.replaced, self.before.layer) if self.before else ()

    def to_json(self) -> dict[str, Any]:
        """The entry as plain data with secrets masked, and what it replaced, last first."""
        data = {"name": self.name, **self._shown(), "removed": self.removed}
        return {**data, "replaced": [one._shown() for one in self._earlier()]}

    def _earlier(self) -> Iterator[Entry]:
        entry = self.before
        while entry is not None:
            yield entry
            entry = entry.before

    def _shown(self) -> dict[str, Any]:
        value: Any = self.value
        if isinstance(value, Secret):  # the name of a secret is none itself
            value = value.reference or str(value)
        reference = {"valueFrom": self.reference} if self.reference is not None else {}
        return {"layer": self.layer, "value": value, **reference}


@dataclass(frozen=True)
class Merged:
    """The variables of one container: one entry a name, in a stable order.

    Args:
        target: which kind of container.
        container: its name in the spec.
        entries: what it gets.
        removed: what a later layer took away.
    """

    target: Target
    container: str = ""
    entries: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    @property
    def values(self) -> dict[str, str | Secret]:
        """Name to value, without the user's references."""
        return {e.name: e.value for e in self.entries if e.value is not None}

    @property
    def secrets(self) -> dict[str, Secret]:
        """Only the variables whose value is a Secret."""
        return {e.name: e.value for e in self.entries if isinstance(e.value, Secret)}


@dataclass
class Variables:
    """The layers of one run's variables, ready to be merged into any container.

    >>> layers = [Layer("configuration", {"REGION": "eu"}), Layer("plugin acme",
    ...     {"TEAM": "a", "DEBUG": None}, above_file=True, replaces_references=True)]
    >>> variables = Variables(lambda target: layers)
    >>> merged = variables.merge([{"name": "REGION", "value": "us"},
    ...                           {"name": "DEBUG", "value": "1"}])
    >>> [(e.name, e.value, e.layer, e.replaced) for e in merged]
    [('TEAM', 'a', 'plugin acme', ()), ('REGION', 'us', 'spec file', ('configuration',))]
    """

    layers_for: Callable[[Target], Sequence[Layer]] = lambda target: ()
    merged: list[Merged] = field(default_factory=list, repr=False)
    """Every merge that was made, for `flowenv explain` and rehearsals."""
    own: dict[Target, dict[str, Any]] = field(default_factory=dict, repr=False)
    """What was noted with `note_own`, by the kind of container."""
    _known: dict[Target, Sequence[Layer]] = field(default_factory=dict, repr=False)

    def layers(self, target: Target) -> Sequence[Layer]:
        """The layers for a target, lowest first; asked for once."""
        if target not in self._known:
            self._known[target] = self.layers_for(target)
        return self._known[target]

    def known(self, target: Target) -> Sequence[Layer] | None:
        """The layers for a target, if somebody has asked for them already."""
        return self._known.get(target)

    def forget_layers(self) -> None:
        """Forget the layers: what was merged stays, and is all that is asked for afterwards."""
        self._known.clear()

    def merge(
        self,
        existing: Iterable[Mapping[str, Any]] = (),
        target: Target = Target.FLOW,
        container: str = "",
    ) -> Merged:
        """Merge the layers for a target with the entries of the user's spec file.

        Args:
            existing: the container's own entries, each a mapping with a `name` and a
                `value` or a `valueFrom`; they keep their order and are never changed.
            target: which kind of container it is.
            container: its name in the spec.

        Raises:
            SpecError: if an entry has no name, comes twice, or has both a value and a
                `valueFrom`; or if a logging variable couldn't be read.
        """
        layers = self.layers(target)
        found: dict[str, Entry] = {}
        for layer in layers:
            if not layer.above_file:
                _apply(found, layer)
        _apply_file(found, _checked(existing))
        for layer in layers:
            if layer.above_file:
                _apply(found, layer)
        merged = Merged(
            target,
            container,
            # the file's come last, as they may refer to the others
            tuple(sorted((e for e in found.values() if not e.removed), key=_is_of_file)),
            tuple(e for e in found.values() if e.removed),
        )
        _check_logging(merged)
        self.merged.append(merged)
        return merged

    def note_own(self, values: Mapping[str, Any], target: Target = Target.FLOW) -> None:
        """Note what the backend itself sets over all layers, for `flowenv explain`.

        Args:
            values: such as `FLOWENV_PAYLOAD`, by variable name: a text, or the platform's own
                way to refer to a value, as plain data.
            target: in which kind of container; in the first one of that kind.

        >>> variables = Variables()
        >>> variables.note_own({"FLOWENV_PAYLOAD": "payload.json"})
        """
        self.own.setdefault(target, {}).update(values)


def checked(given: object, giver: str) -> Mapping[str, Value]:
    """The variables that an environment or a plugin gives, if they are some.

    Args:
        given: what it gave.
        giver: who, as messages name it.

    Raises:
        PluginError: naming the giver and the variable; its value is not shown.
    """
    if not isinstance(given, Mapping):
        raise PluginError(
            f"{giver} gives {type(given).__name__} for the variables.",
            hint="Give a mapping of names to values.",
        )
    for name, value in given.items():
        if not is_name(name):
            raise PluginError(f"{giver} gives a variable the name {name!r}.", hint=NAME_RULE)
        if not isinstance(value, str | Secret | None):
            raise PluginError(
                f"{giver} gives {type(value).__name__} for the variable {name}.",
                hint="A variable is a string, a Secret, or None to remove it.",
            )
        if holds_nul(value):
            raise PluginError(
                f"{giver} gives the variable {name} a value with a NUL character.", hint=NUL_RULE
            )
    return given


def _checked(existing: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    entries, seen = list(existing), set()
    for entry in entries:
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name:
            shown = sorted(entry) if isinstance(entry, Mapping) else type(entry).__name__
            raise SpecError(f"An env entry has no name: {shown}.")
        if name in seen:
            raise SpecError(f"The env entry {name} comes twice in the same container.")
        value = entry.get("value")
        if not isinstance(value, str | Secret | None):
            raise SpecError(
                f"The env entry {name} has a {type(value).__name__} as its value.",
                hint="A variable is a string: put it in quotes.",
            )
        if holds_nul(value):
            raise SpecError(f"The env entry {name} has a NUL character.", hint=NUL_RULE)
        if value not in (None, "") and entry.get("valueFrom"):
            raise SpecError(
                f"The env entry {name} has both a value and a valueFrom.",
                hint="Keep one of them.",
            )
        seen.add(name)
    return entries


def _check_logging(merged: Merged) -> None:
    """Check what a flow's process would refuse, in a container that has taken minutes to start."""
    for entry in merged.entries:
        if isinstance(entry.value, str) and (wrong := problem(entry.name, entry.value)):
            raise SpecError(f"{entry.name} (set by: {entry.layer}) is {wrong}.")


def _apply_file(found: dict[str, Entry], existing: Sequence[Mapping[str, Any]]) -> None:
    for entry in existing:
        name = entry["name"]
        reference = copy.deepcopy(entry.get("valueFrom")) or None
        value = None if reference else entry.get("value") or ""
        # at the end, so that the file's entries keep their order
        found[name] = Entry(name, value, SPEC_FILE, reference, before=found.pop(name, None))


def _is_of_file(entry: Entry) -> bool:
    return entry.from_file


def _apply(found: dict[str, Entry], layer: Layer) -> None:
    for name, value in layer.values.items():
        before = found.get(name)
        if before and before.reference is not None and not layer.replaces_references:
            continue
        if value is None and before is None:
            continue
        found[name] = Entry(name, value, layer.name, removed=value is None, before=before)
