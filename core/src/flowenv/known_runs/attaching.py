"""Picking up a run that another process submitted."""

from __future__ import annotations

from flowenv.answers.checked import one
from flowenv.answers.handle import check_handle
from flowenv.environments.environment import Environment
from flowenv.errors import RunNotFound, UnsupportedOperation
from flowenv.registry.registry import registry
from flowenv.runs.flow_run import FlowRun
from flowenv.submission.named_environments import as_environment
from flowenv.submission.remembering import journal_here


def attach(reference: str, environment: Environment | str | None = None) -> FlowRun:
    """Pick up a run that another process submitted.

    Args:
        reference: what `FlowRun.reference` or `flowenv runs` gave.
        environment: where it runs, as `submit` takes it; by default the configured one.

    Raises:
        BackendNotFound: if nothing has that name.
        UnsupportedOperation: if the backend can't.
        RunNotFound: if the platform doesn't know it; what this machine's journal knows of it is
            the hint.

    >>> import flowenv
    >>> flowenv.attach("run-1", "local")
    Traceback (most recent call last):
    ...
    flowenv.errors.UnsupportedOperation: The backend local can't attach to runs.
    """
    environment = as_environment(environment).own_copy()
    hooks = registry().hooks(environment.backend)
    if not environment.capabilities.attach:
        raise UnsupportedOperation(f"The backend {environment.backend} can't attach to runs.")
    try:
        run = hooks.claimed(
            "attach", "flowenv_attach", environment=environment, reference=reference
        )
    except RunNotFound as error:
        where = environment.configured_as or environment.backend
        _add_what_is_remembered(error, reference, where)
        raise
    one(run, FlowRun, hooks.owner, "flowenv_attach")
    check_handle(run.handle, hooks.owner, "flowenv_attach")
    run.hooks = hooks
    run.is_attached = True
    if journal := journal_here():
        journal.follow(run, is_own=False)
    return run  # type: ignore[no-any-return]


def _add_what_is_remembered(error: RunNotFound, reference: str, where: str) -> None:
    """Say what this machine's journal knows of a run that its platform has forgotten."""
    journal = journal_here()
    if journal and (found := journal.named(reference)):
        error.hint = (
            f"{found.words}. `flowenv result {reference} --env {where}` prints its result, if "
            "this machine has seen it."
        )
