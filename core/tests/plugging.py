"""Backends and plugins for tests, registered as if they were installed."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import pytest

from flowenv.contract import BASIC, NAMESPACE, Target
from flowenv.environments.capabilities import Capabilities
from flowenv.environments.common_environment import (
    executor_setting,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
)
from flowenv.environments.environment import Callback, Environment
from flowenv.execution.in_process import execute_here
from flowenv.executors import Executor
from flowenv.hooks.specs import hookimpl
from flowenv.registry import discovery
from flowenv.registry.discovery import Installed
from flowenv.runs.flow_run import FlowRun
from flowenv.settings.declaration import setting


@dataclasses.dataclass(repr=False)
class ToyEnvironment(Environment):
    """An environment whose flows run here, though its spec has a container."""

    backend = "toy"
    capabilities = Capabilities(rehearse=True)
    contract: ClassVar = {
        Target.FLOW: (*BASIC, NAMESPACE),
        Target.SIDECAR: BASIC,
        Target.WORKER: BASIC,
    }

    executor: Executor | None = executor_setting()
    labels: list[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
    size: int = setting(1, help="How many.")
    password: str | None = setting(None, help="Never seen.", secret=True)
    own: dict[str, str] = setting(factory=dict, help="Variables of its own.")

    def variables(self, target: Target) -> Mapping[str, str]:
        return self.own

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, str]:
        return {NAMESPACE: "toys"}


def toy_hooks() -> dict[str, Any]:
    """The hooks of the toy backend."""

    @hookimpl
    def flowenv_environment_type():
        return ToyEnvironment

    @hookimpl
    def flowenv_build_spec(environment, flow_run, process):
        return {"toy": {"flow": flow_run.flow_name, "size": environment.size}}

    @hookimpl
    def flowenv_execute(flow_run):
        return execute_here(flow_run)

    return dict(locals())


def module(name: str, **contents: Any) -> ModuleType:
    """A module with these contents, importable until the test is over."""
    made = ModuleType(name)
    vars(made).update(contents)
    return made


class Plugging:
    """Installs backends and plugins for one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._installed: list[Installed] = []
        monkeypatch.setattr(discovery, "installed", lambda: list(self._installed))

    def backend(self, name: str, hooks: Mapping[str, Any], distribution: str = "") -> None:
        self._add("backend", name, hooks, distribution)

    def plugin(self, name: str, hooks: Mapping[str, Any], distribution: str = "") -> None:
        self._add("plugin", name, hooks, distribution)

    def local(self, name: str, hooks: Mapping[str, Any]) -> str:
        """A module for `--plugin`; returns its name."""
        self._monkeypatch.setitem(sys.modules, name, module(name, **hooks))
        return name

    def _add(self, kind: str, name: str, hooks: Mapping[str, Any], distribution: str) -> None:
        distribution = distribution or f"{name}-dist"
        where = f"{distribution}_{kind}_{name}".replace("-", "_")
        self._monkeypatch.setitem(sys.modules, where, module(where, **hooks))
        self._installed.append(Installed(name, kind, distribution, "1.0", where))
