"""The kit on the example backend of `examples/plugin-subprocess`, and how faults get into it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flowenv import hookimpl
from flowenv.runs.flow_run import FlowRun
from flowenv.testing import BackendConformance
from flowenv_subprocess import SubprocessEnvironment, hooks, runs

Patch = pytest.MonkeyPatch
Handle = runs.FolderHandle
build = hooks.flowenv_build_spec
execute = hooks.flowenv_execute


QUEUE = (
    "while [ -f {closed} ] && ! [ -f cancelled ]; do sleep 0.02; done; "
    "if [ -f cancelled ]; then echo 143 >exit.new; mv exit.new exit_code; exit; fi; "
)


class Kit(BackendConformance):
    """The kit on the example backend; pytest doesn't collect it, the tests below call it."""

    __test__ = False
    timeout = 2.0
    kill_points = ("pathlib:Path.rename",)
    environment_type: type[SubprocessEnvironment] = SubprocessEnvironment

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.directory = str(folder / "runs")
        self.submitter = (
            "from flowenv_subprocess import SubprocessEnvironment\n"
            f"environment = SubprocessEnvironment(directory={self.directory!r})"
        )

    def make_environment(self, **settings: Any) -> SubprocessEnvironment:
        return self.environment_type(directory=self.directory, **settings)

    def make_environment_with(self, entries: Sequence[dict[str, str]]) -> SubprocessEnvironment:
        file = self.folder / "env"
        file.write_text("".join(f"{one['name']}={one['value']}\n" for one in entries))
        return self.make_environment(env_file=str(file))

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """A queue in front of each run's process, which looks whether it was cancelled."""
        closed = self.folder / "closed"
        closed.touch()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "_SUPERVISE", QUEUE.format(closed=closed) + runs._SUPERVISE)
            try:
                yield
            finally:
                closed.unlink()

    def leftovers(self) -> list[str]:
        super().leftovers()
        return [str(path) for path in Path(self.directory).glob("*")]


def spec_fault(change: Callable[[dict[str, Any], SubprocessEnvironment], None]) -> Any:
    """A fault in `flowenv_build_spec`."""

    def fault(patch: Patch) -> None:
        def wrong(
            environment: SubprocessEnvironment, flow_run: FlowRun, process: Any
        ) -> dict[str, Any]:
            spec = build(environment, flow_run, process)
            change(spec, environment)
            return spec

        patch.setattr(hooks, "flowenv_build_spec", hookimpl(wrong))

    return fault


def handle_fault(name: str, make: Callable[[Any], Any]) -> Any:
    """A fault in one method of the handle; `make` gets the right one."""

    def fault(patch: Patch) -> None:
        patch.setattr(Handle, name, make(getattr(Handle, name)))

    return fault


def environment_fault(**members: Any) -> Any:
    """A fault in the environment's class; pytest's kit then makes such environments."""

    def fault(patch: Patch) -> None:
        fields = {name: value for name, value in members.items() if not callable(value)}
        made = type(
            "WrongEnvironment",
            (SubprocessEnvironment,),
            {"__annotations__": dict.fromkeys(fields, "str | None"), **members},
        )
        made.__module__ = __name__  # where pickle looks for it
        patch.setitem(globals(), "WrongEnvironment", made)
        patch.setattr(Kit, "environment_type", dataclasses.dataclass(repr=False)(made))

    return fault


def sweep_fault(**wrong_arguments: Any) -> Any:
    """A sweep that goes its own way in some argument."""

    def fault(patch: Patch) -> None:
        right = hooks.flowenv_sweep

        def wrong(environment: Any, older_than: float, delete: bool) -> Any:
            given = {"older_than": older_than, "delete": delete, **wrong_arguments}
            return list(right(environment, **given))

        patch.setattr(hooks, "flowenv_sweep", hookimpl(wrong))

    return fault
