"""A run that is ready to be submitted: build → modify → validate → setup → execute."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field
from typing import Any

from flowenv.answers.checked import blamed
from flowenv.answers.handle import FinishedHandle, check_handle
from flowenv.contract.process import Process
from flowenv.hooks.backend_hooks import BackendHooks
from flowenv.runs.flow_run import FlowRun
from flowenv.signals.stopping import closed_before_the_end
from flowenv.states import State, Status
from flowenv.submission.remembering import journal_here
from flowenv.submission.spec_checks import check_built, check_modified


@dataclass(frozen=True)
class Change:
    """What one plugin's `flowenv_modify_spec` did.

    Args:
        plugin: who.
        before: the spec before.
        after: the spec after.
    """

    plugin: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass
class Prepared:
    """A run that is ready to be submitted; the spec is built when it is first asked for.

    Args:
        flow_run: the run.
        hooks: the backend's hooks.
        process: what the flow's container runs.
    """

    flow_run: FlowRun
    hooks: BackendHooks
    process: Process
    changes: list[Change] = field(default_factory=list)
    keep_changes: bool = False

    @functools.cached_property
    def spec(self) -> dict[str, Any]:
        """The finished spec: built, modified by plugins, validated. Nothing is sent.

        Raises:
            SpecError: if it is wrong.
            RunRefused: if a plugin refuses the run.
        """
        run, environment = self.flow_run, self.flow_run.environment
        with blamed(self.hooks.owner, f"{type(environment).__name__}.needs_image"):
            needs_image = environment.needs_image()
        if needs_image:
            run.require_image(environment.instead_of_image)
        spec = self.hooks.hook.flowenv_build_spec(
            environment=environment, flow_run=run, process=self.process
        )
        check_built(spec, self.hooks.owner)
        arguments = {"spec": spec, "environment": environment, "flow_run": run}
        for plugin, call in self.hooks.each("flowenv_modify_spec", **arguments):
            before = copy.deepcopy(spec) if self.keep_changes else {}
            check_modified(call(), spec, plugin)
            if self.keep_changes:
                self.changes.append(Change(plugin, before, copy.deepcopy(spec)))
        with blamed(self.hooks.owner, f"{type(environment).__name__}.validate_spec"):
            environment.validate_spec(spec, run)
        return spec  # type: ignore[no-any-return]

    def setup(self) -> None:
        """Stand up the static infrastructure that the spec needs."""
        run, spec = self.flow_run, self.spec
        arguments = {"environment": run.environment, "flow_run": run, "spec": spec}
        for _, call in self.hooks.each("flowenv_setup", **arguments):
            call()

    def submit(self) -> FlowRun:
        """Set up, and submit the run.

        Returns:
            The run, with a handle.
        """
        run = self.flow_run
        self.setup()
        run.spec = self.spec
        run.container_variables = self.process.variables
        handle = self.hooks.hook.flowenv_execute(
            environment=run.environment, flow_run=run, spec=self.spec
        )
        check_handle(handle, self.hooks.owner)
        self.process.variables.forget_layers()  # thousands of runs of a batch keep theirs
        run.handle = handle
        if run.last_status.state is State.PENDING:
            run.observe(Status(State.SUBMITTED))
        # who follows it notes at once how it stands
        if not isinstance(handle, FinishedHandle) and (journal := journal_here()):
            journal.follow(run)
        if isinstance(handle, FinishedHandle):
            run.observe(handle.status())
        return run

    def run_here(self) -> Any:
        """Run the flow from this process, and return its result."""
        with self.flow_run.surroundings(), closed_before_the_end():
            return self.hooks.run_flow(self.flow_run)
