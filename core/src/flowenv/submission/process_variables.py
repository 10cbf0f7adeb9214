"""The variables of a flow's container, in this process, for as long as its flow runs here."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowenv.contract import BASIC, CONFIGURABLE, Target
from flowenv.contract.variables import Value, Variables
from flowenv.secret import Secret
from flowenv.settings.configuration import configuration
from flowenv.submission.configured_variables import of_environment, of_run
from flowenv.submission.container_process import VariableLayers

if TYPE_CHECKING:
    from flowenv.hooks.backend_hooks import BackendHooks
    from flowenv.runs.flow_run import FlowRun

_lock = threading.Lock()
_active: list[Mapping[str, str | None]] = []
"""What the flows that run here now want, in the order in which they began."""
_before: dict[str, str | None] = {}
"""What this process had itself; None for what it didn't have."""


@contextmanager
def variables_here(run: FlowRun, hooks: BackendHooks, variables: Variables) -> Iterator[None]:
    """Within the block this process has the variables that users and hooks set for the flow.

    A process has one set of variables: of flows that run in it at the same time, the one that
    began last wins. What the contract sets by default is left out. A reference that only a
    platform resolves can't be had here, which is said.

    Args:
        run: the run.
        hooks: its backend's hooks.
        variables: the layers of its variables.
    """
    wanted, references = _wanted(run, hooks, variables)
    if references:
        import logging

        logging.getLogger("flowenv").warning(
            "The flow runs in this process, where nobody resolves the references of %s: it doesn't "
            "have these variables.",
            ", ".join(references),
        )
    if not wanted:
        yield
        return
    with _lock:
        for name in wanted:
            _before.setdefault(name, os.environ.get(name))
        _active.append(wanted)
        _apply(wanted)
    try:
        yield
    finally:
        with _lock:
            del _active[next(i for i, one in enumerate(_active) if one is wanted)]
            _apply(wanted)


def _apply(names: Mapping[str, str | None]) -> None:
    for name in names:
        given = [one[name] for one in _active if name in one]
        value = given[-1] if given else _before.pop(name)
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def given_here(
    run: FlowRun, hooks: BackendHooks, variables: Variables
) -> dict[str, tuple[Value, str]]:
    """What users and hooks set for the flow, None for what they remove, and which layer did it."""
    if not _may_have_some(run, hooks):
        return {}
    chosen = {*configuration().env, *of_environment(run.environment).plain, *of_run(run).plain}
    defaults = {*BASIC, *CONFIGURABLE} - chosen
    layers = variables.known(Target.FLOW)
    if layers is None:  # the token, which isn't for this process, is looked up by nobody
        layers = VariableLayers(run, hooks, with_token=False).of(Target.FLOW)
    values = {n: (v, layer.name) for layer in layers for n, v in layer.values.items()}
    return {name: one for name, one in values.items() if name not in defaults}


def _wanted(
    run: FlowRun, hooks: BackendHooks, variables: Variables
) -> tuple[dict[str, str | None], list[str]]:
    """The variables with their values, None for those to remove; and those that are references."""
    found: dict[str, str | None] = {}
    references = []
    for name, (value, _) in given_here(run, hooks, variables).items():
        if isinstance(value, Secret) and value.reference:
            references.append(name)
        else:
            found[name] = value.reveal() if isinstance(value, Secret) else value
    return found, references


def _may_have_some(run: FlowRun, hooks: BackendHooks) -> bool:
    """Whether somebody sets variables at all: most runs here have none, and are quick."""
    configured = configuration()
    if configured.env or configured.secret_env or run.variables:
        return True
    named = of_environment(run.environment)
    if named.plain or named.secret:
        return True
    return bool(hooks.hook.flowenv_environment_variables.get_hookimpls())
