"""Folders that look like `site-packages`, with distributions as an installer leaves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Site:
    """One folder of installed distributions.

    Args:
        folder: the folder.
    """

    folder: Path

    def install(
        self,
        name: str,
        entry_points: Mapping[str, Mapping[str, str]],
        modules: Mapping[str, str],
        version: str = "1.0",
    ) -> None:
        """Install a distribution: its metadata, its entry points, its modules."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = []
        for group, points in entry_points.items():
            lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for module, text in modules.items():
            (self.folder / f"{module}.py").write_text(textwrap.dedent(text))

    def python(self, code: str, folder: Path, **variables: str) -> Any:
        """Run code in a new process that has the distributions; its last line is JSON."""
        env = {**os.environ, "PYTHONPATH": str(self.folder), **variables}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stderr


BACKEND = """
    import dataclasses
    from flowenv import Environment, hookimpl
    from flowenv.environments.common_environment import metadata_setting
    from flowenv.execution.in_process import execute_here

    @dataclasses.dataclass(repr=False)
    class AcmeEnvironment(Environment):
        backend = "acme"
        metadata: dict[str, object] | None = metadata_setting()

    @hookimpl
    def flowenv_environment_type():
        return AcmeEnvironment

    @hookimpl
    def flowenv_environment_variables():
        return {"WHO": "backend", "BACKEND": "1"}

    @hookimpl
    def flowenv_build_spec(process):
        return {"acme": {e.name: e.value for e in process.variables.merge()}}

    @hookimpl
    def flowenv_execute(flow_run):
        return execute_here(flow_run)
"""

PLUGIN = """
    from flowenv import hookimpl

    @hookimpl
    def flowenv_environment_variables():
        return {{"WHO": "{name}", "{upper}": "1"}}
"""


def plugin(name: str) -> str:
    """A plugin that sets two variables: one that others set too, and one of its own."""
    return PLUGIN.format(name=name, upper=name.upper())


RUN = """
    import json
    from flowenv import Flow, make_environment, submit
    from flowenv.submission.lifecycle import prepare

    environment = make_environment("acme")
    variables = prepare(Flow(dict), environment=environment).spec["acme"]
    result = submit(Flow(lambda: "ran"), environment=environment).result()
    print(json.dumps([result, {n: v for n, v in variables.items() if not n.startswith("PREFECT")}]))
"""
"""A program that runs a flow with the backend `acme`: its result, and the variables it got."""
