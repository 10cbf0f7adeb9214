"""Distributions as an installer leaves them: a package, and a dist-info folder beside it."""

from __future__ import annotations

from pathlib import Path

GOOD_BACKEND = """
import dataclasses
from typing import Any
from flowenv import Environment, hookimpl
from flowenv.environments.common_environment import CommonEnvironment
from flowenv.execution.in_process import execute_here

@dataclasses.dataclass(repr=False)
class GoodEnvironment(CommonEnvironment):
    backend = "NAME"

@hookimpl
def flowenv_environment_type():
    return GoodEnvironment

@hookimpl
def flowenv_build_spec(flow_run, process):
    return {"variables": process.variables.merge(container="flow").values}

@hookimpl
def flowenv_execute(flow_run):
    return execute_here(flow_run)
"""

GOOD_PLUGIN = """
from flowenv import hookimpl

@hookimpl
def flowenv_environment_variables():
    return {"FROM_NAME": "yes"}
"""


def install(
    site: Path,
    name: str,
    source: str,
    *,
    kind: str = "plugin",
    distribution: str = "",
    version: str = "1.0",
    requires: str = "flowenv>=0.1",
    inside: str = "",
) -> None:
    """Put a distribution with one entry point into a folder for `sys.path`.

    Args:
        site: the folder.
        name: the entry point's name; stands for `NAME` in the source.
        source: the module with the hooks.
        kind: `plugin` or `backend`.
        distribution: its name; by default made of the entry point's.
        version: its version.
        requires: what it needs.
        inside: what the entry point names in the module: `:Plugin`.
    """
    distribution = distribution or f"flowenv-{name}"
    module = distribution.replace("-", "_") + "_hooks"
    (site / f"{module}.py").write_text(source.replace("NAME", name))
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        f"Requires-Dist: {requires}\n"
    )
    (info / "entry_points.txt").write_text(f"[flowenv.{kind}s]\n{name} = {module}{inside}\n")
