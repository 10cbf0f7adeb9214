"""A flow's parameters as its signature wants them, and every fault that they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flowenv.errors import ParameterError
from flowenv.flows.parameters.conversion import as_annotated, pythons_own
from flowenv.flows.parameters.misfits import misfit
from flowenv.settings.annotations import fits
from flowenv.settings.declaration import nearest

if TYPE_CHECKING:
    import inspect


_LONGEST_NAME = 100
"""Characters of a name that is none, as an error has it."""


class Signed(Protocol):
    """What is looked at of a flow."""

    name: str

    @property
    def signature(self) -> inspect.Signature:
        """What it takes."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a parameter.

    Args:
        name: the parameter; empty if it is missing.
        message: what is wrong, as a sentence.
        hint: what to do.
        said: of a value that doesn't fit, what is wrong behind the parameter's name.
    """

    name: str
    message: str
    hint: str = ""
    said: str = ""

    def error(self) -> ParameterError:
        """The fault as an error."""
        return ParameterError(self.message, hint=self.hint)


def checked(
    flow: Signed, given: Mapping[str, Any], *, all_of_them: bool = True
) -> tuple[dict[str, Any], list[Fault]]:
    """Parameters as the flow's annotations have them, and what is wrong with them.

    Args:
        flow: the flow.
        given: values by parameter name.
        all_of_them: False if others may follow, so that none is missing.
    """
    wanted = flow.signature.parameters
    named = {n: p for n, p in wanted.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in wanted.values())
    values, faults = dict(given), list[Fault]()
    for name, value in given.items():
        one = named.get(name)
        if one is None:
            if not takes_any:
                faults.append(_unknown(flow, name, value, named))
        elif value is not one.default:
            values[name] = as_annotated(value, one.annotation)
            if one.annotation is not one.empty and (wrong := misfit(values[name], one.annotation)):
                said = f"The parameter {name} of the flow {flow.name} {wrong}"
                faults.append(Fault(name, said, said=wrong))
    if all_of_them and not any(fault.name not in named for fault in faults):
        faults += _missing(flow, [n for n, p in named.items() if p.default is p.empty], given)
    return values, faults


def _unknown(flow: Signed, name: str, value: Any, named: Mapping[str, inspect.Parameter]) -> Fault:
    known = nearest(name, list(named)) or "It takes none."
    if name == "parameters" and isinstance(value, Mapping):
        known = "Give the flow's parameters by their names: run(n=3), execute(flow, n=3)."
    shown = repr(name) if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]!r}…"
    return Fault(name, f"The flow {flow.name} has no parameter {shown}.", known)


def _missing(flow: Signed, needed: list[str], given: Mapping[str, Any]) -> list[Fault]:
    missing = [name for name in needed if name not in given]
    if not missing:
        return []
    plural = "s" if len(missing) > 1 else ""
    hint = f"On the command line: {' '.join(f'-p {n}=…' for n in missing)}"
    return [
        Fault("", f"The flow {flow.name} needs the parameter{plural} {', '.join(missing)}.", hint)
    ]


def annotation_of(flow: Signed, name: str) -> Any:
    """A parameter's annotation; without one the type of its default says as much."""
    parameter = flow.signature.parameters.get(name)
    if parameter is None:
        return Any
    if parameter.annotation is not parameter.empty:
        return parameter.annotation
    return Any if parameter.default in (None, parameter.empty) else type(parameter.default)


def without_nulls(
    flow: Signed, row: Mapping[str, Any], *, as_defaults: bool = False
) -> dict[str, Any]:
    """A row of a table without its empty values that their parameters don't take.

    These are None, pandas' NaT and NA, and NaN where no number with a fraction is wanted. Those
    of parameters without a default stay, so that what is wrong is told.

    Args:
        flow: the flow.
        row: values by parameter name.
        as_defaults: whether a parameter without an annotation takes what its default's type is,
            as in a file, where nobody writes None on purpose.
    """
    return {n: v for n, v in row.items() if not _is_left_out(flow, n, v, as_defaults=as_defaults)}


def _is_left_out(flow: Signed, name: str, value: Any, *, as_defaults: bool) -> bool:
    own = pythons_own(value)
    if not (own is None or (isinstance(own, float) and own != own)):
        return False
    parameter = flow.signature.parameters.get(name)
    if parameter is None or parameter.default is parameter.empty:
        return False
    annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
    return not fits(own, annotation_of(flow, name) if as_defaults else annotation)
