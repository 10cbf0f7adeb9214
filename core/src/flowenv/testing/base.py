"""What the checks of the conformance kit share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flowenv.answers.summaries import Leftover
from flowenv.contract import Target
from flowenv.environments.environment import Environment
from flowenv.flows.definition import Flow
from flowenv.registry.registry import registry, reset
from flowenv.runs.flow_run import FlowRun
from flowenv.settings.configuration import configuration
from flowenv.states import State
from flowenv.submission.lifecycle import prepare, submit
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv.testing.flags import check_flags

_OURS = ("FLOWENV_", "PREFECT__")
_MACHINE = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
"""The author's own variables, as they were when the kit was imported."""


class ConformanceBase:
    """What all checks of the kit share: the factory, the flags, small steps.

    Attributes:
        timeout: seconds that any run of the kit may take.
        idempotent: whether submitting the same run again finds the first submission.
            Backends that run the flow in the submitting process can't.
        carries_variables: whether any process of the run gets the run's variables. Backends
            that run the flow in the submitting process set only those of users and plugins.
        variable_targets: the processes that get them. A backend that runs the flow in the
            submitting process, and its parallel work elsewhere, names the scheduler and the
            workers instead.
        variable_digests: a flow that looks at the variables of these processes, as
            `flowenv.testing.flows.variable_digests` does at those of its own.
        tells_crashes: whether a crash of the flow's process can be seen. One in the
            submitting process can't.
        submitter: Python source that makes `environment` in another process, for the
            checks of a submitter that is killed; needed if runs can be attached.
        kill_points: functions between the steps of a submission, each as
            `package.module:name` or `package.module:Class.method`. A submitter is killed
            right before and right after each of them.

    A capability that the backend has, but not on this rig, is switched off by an attribute of
    its name: `sweep = False`. Any other public value in a subclass is an error, as it may be
    one of these misspelt; an author's own begin with an underscore, or are set on `self`.
    """

    timeout: ClassVar[float] = 60.0
    idempotent: ClassVar[bool] = True
    carries_variables: ClassVar[bool] = True
    variable_targets: ClassVar[tuple[Target, ...]] = (Target.FLOW,)
    variable_digests: ClassVar[Flow[..., Any]] = flows.variable_digests
    tells_crashes: ClassVar[bool] = True
    submitter: str | None = None
    kill_points: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        check_flags(cls)

    # -- what the backend's author gives ----------------------------------------------------

    def make_environment(self, **settings: Any) -> Environment:
        """An environment of the backend whose runs really run: on a rig, or for real.

        Args:
            **settings: any settings of the environment; they win over the factory's own.
        """
        raise NotImplementedError("Subclasses make an environment of their backend.")

    def make_environment_with(self, entries: Sequence[dict[str, str]]) -> Environment | None:
        """An environment whose user brings variables for the flow's container in a spec file.

        Args:
            entries: each with a `name` and a `value`.

        Returns:
            None, unless overridden: the backend takes no spec file.
        """
        return None

    def hold(self) -> AbstractContextManager[Any] | None:
        """A context in which the platform starts nothing: a closed queue, no free node.

        Returns:
            None, unless overridden: what waits isn't checked.
        """
        return None

    def leftovers(self) -> list[str]:
        """The names of what runs have left on the platform, now that they are over.

        By default what the backend's own sweep finds and can't remove. Where a rig can look
        for itself, override this and have it look: a sweep doesn't see what it overlooks.
        """
        if not self._can("sweep"):
            return []
        return [f"{one.kind} {one.name}" for one in self._sweep(delete=True) if not one.removed]

    # -- fixtures and small steps ---------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _as_on_any_machine(
        self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the author's own plugins, configuration and variables, in no child either.

        What a fixture of the author's has set stays. The author's own journal stays as it is.
        """
        monkeypatch.setenv("FLOWENV_JOURNAL", "0")
        for name, value in _MACHINE.items():
            if os.environ.get(name) == value:
                monkeypatch.delenv(name)
        if "FLOWENV_CONFIG" not in os.environ:
            empty = tmp_path_factory.mktemp("flowenv-kit") / "empty.toml"
            empty.touch()
            monkeypatch.setenv("FLOWENV_CONFIG", str(empty))
        if "FLOWENV_LOAD_PLUGINS" not in os.environ:
            monkeypatch.setenv("FLOWENV_LOAD_PLUGINS", "")

    @pytest.fixture(autouse=True)
    def _fresh_registry(self) -> Iterator[None]:
        self._forget()
        yield
        self._forget()

    def _forget(self) -> None:
        """Let the next use read configuration and plugins anew, as a new process would."""
        reset()
        configuration.cache_clear()

    def _use_plugin(self, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = folder / "kit_plugin.py"
        path.write_text(text)
        monkeypatch.setenv("FLOWENV_PLUGINS", str(path))
        self._forget()

    def _configure(self, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = folder / "kit.toml"
        path.write_text(text)
        monkeypatch.setenv("FLOWENV_CONFIG", str(path))
        self._forget()

    def _made(self, **settings: Any) -> Environment:
        """An environment of the factory's that is known to have these settings."""
        made, plain = self.make_environment(**settings), self.make_environment()
        ignored = [
            name
            for name, value in settings.items()
            if getattr(made, name) == getattr(plain, name) != value
        ]
        assert not ignored, (
            "make_environment(**settings) must pass its settings on to the environment, but "
            f"ignores {', '.join(ignored)}"
        )
        return made

    def _prepared(self, environment: Environment | None = None) -> Prepared:
        chosen = environment or self.make_environment()
        return prepare(flows.add, environment=chosen, parameters={"a": 1})

    def _ended(self, flow: Any, environment: Environment | None = None, **parameters: Any) -> Any:
        chosen = environment or self.make_environment()
        run = submit(flow, environment=chosen, parameters=parameters)
        run.wait(self.timeout)
        return run

    def _assert_ran_once(self, marks: Path) -> None:
        """Of a run that is over, by the marks that `flows.execution` has left in a folder.

        What the platform has queued behind the run gets its turn first, if it takes one by one.
        """
        self._ended(flows.add, a=1)
        times = len(list(marks.iterdir()))  # none where the flow can't see the folder
        assert times <= 1, f"flowenv_execute started the flow {times} times for one run id"

    def _running(self) -> FlowRun:
        run = submit(flows.wait_for_ever, environment=self.make_environment(), parameters={})
        for status in run.follow(self.timeout):
            if status.state is State.RUNNING:
                return run
        raise AssertionError(f"no Running within {self.timeout:g} seconds, but {run.status}")

    def _sweep(self, *, delete: bool, older_than: float = 0.0) -> list[Leftover]:
        environment = self.make_environment()
        hooks = registry().hooks(environment.backend)
        given = {"environment": environment, "older_than": older_than, "delete": delete}
        return list(hooks.claimed("sweep", "flowenv_sweep", **given))

    def _can(self, flag: str) -> bool:
        """What a flag of the class says, else what the environment's capabilities say."""
        if hasattr(type(self), flag):
            return bool(getattr(self, flag))
        return bool(getattr(self.make_environment().capabilities, flag))

    def _needs(self, flag: str) -> None:
        """Skip a check, in words, where a flag of the backend says that it can't do this."""
        if not self._can(flag):
            pytest.skip(f"{type(self).__name__} says: no {flag.replace('_', ' ')}")
