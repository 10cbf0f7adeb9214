"""Each contract of `[tool.importlinter]` breaks where it should: on a copy of the sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTED = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
CONTRACTS = {one["id"]: one["name"] for one in LINTED["contracts"]}


@dataclass(frozen=True)
class Break:
    """Lines that are added to a module, and the contracts that they break."""

    module: str
    lines: str
    broken: set[str]


FOR_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import "

NO_CIRCLES = "backends-no-circles"

BREAKS = [
    Break("flowenv.a_new_room", "", {"core-layers"}),
    # an import upwards mostly closes a circle, too
    Break("flowenv.contract", "import flowenv.runs.identity", {"core-layers", "core-no-circles"}),
    Break(
        "flowenv.reports.page", "import flowenv.batches.batch", {"core-layers", "core-no-circles"}
    ),
    Break("flowenv.secret", f"{FOR_TYPES}flowenv.testing", {"core-layers", "core-no-circles"}),
    Break("flowenv.registry.discovery", "import flowenv.registry.registry", {"core-no-circles"}),
    Break(
        "flowenv.registry.discovery", f"{FOR_TYPES}flowenv.registry.registry", {"core-no-circles"}
    ),
    Break("flowenv_local.hooks", "import flowenv.contract.process", {"core-doors"}),
    Break("flowenv_local.hooks", f"{FOR_TYPES}flowenv.contract.process", {"core-doors"}),
    Break("flowenv.cli.commands.run", "import flowenv_local", {"core-alone"}),
    Break("flowenv_fargate.spec.build", "import flowenv_k8s.plugin", {"backends-apart"}),
    Break("flowenv_dask_k8s.hooks", "import flowenv_k8s.runs.sweep", {"backends-apart"}),
    Break("flowenv_dask_cloud.hooks", f"{FOR_TYPES}flowenv_fargate", {"backends-apart"}),
    Break("flowenv_k8s.spec.names", "import flowenv_k8s.spec.job", {NO_CIRCLES}),
    Break(
        "flowenv_fargate.spec.definition.sizes", "import flowenv_fargate.spec.build", {NO_CIRCLES}
    ),
    Break("flowenv_k8s.runs.sweep", "import kubernetes", {"vendor-kubernetes"}),
    Break("flowenv_dask_k8s.api", "import urllib3", {"vendor-kubernetes"}),
    Break("flowenv.submission.lifecycle", "import kubernetes", {"vendor-kubernetes"}),
    Break("flowenv_dask_k8s.doctor", "import dask_kubernetes", {"vendor-dask-kubernetes"}),
    Break("flowenv_fargate.runs.sweep", "import boto3", {"vendor-aws"}),
    Break("flowenv_dask_cloud.runs.sweep", "import botocore", {"vendor-aws"}),
    Break("flowenv_dask_cloud.spec.build", "import dask_cloudprovider", {"vendor-unused"}),
    Break("flowenv.flows.calling", "import distributed", {"vendor-dask"}),
    Break("flowenv_dask_k8s.runs.sweep", f"{FOR_TYPES}dask", {"vendor-dask"}),
    Break("flowenv_k8s.a_new_room", "", {"k8s-layers"}),
    Break("flowenv_k8s.runs.a_new_module", "", {"k8s-runs-layers"}),
    Break("flowenv_dask_k8s.a_new_room", "", {"dask_k8s-layers"}),
    Break("flowenv_dask_k8s.cluster.a_new_module", "", {"dask_k8s-cluster"}),
    Break("flowenv_fargate.a_new_room", "", {"fargate-layers"}),
    Break("flowenv_dask_cloud.a_new_room", "", {"dask_cloud-layers"}),
    Break("flowenv_local.a_new_room", "", {"local-layers"}),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All distributions' sources and the contracts, as import-linter finds them."""
    folder = tmp_path_factory.mktemp("house")
    for source in [ROOT / "core" / "src", *ROOT.glob("plugins/[!_]*/src")]:
        shutil.copytree(
            source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken_contracts(folder: Path) -> set[str]:
    """What `lint-imports` says of the sources in a folder."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE))
    assert set(verdicts) == set(CONTRACTS.values()), done.stdout + done.stderr
    found = {one for one, name in CONTRACTS.items() if verdicts[name] == "BROKEN"}
    assert done.returncode == bool(found)
    return found


@pytest.fixture
def broken(copied: Path, request: pytest.FixtureRequest) -> Iterator[set[str]]:
    """The contracts that are broken once the lines stand in the copy."""
    one: Break = request.param
    path = copied / Path(*one.module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{one.lines}\n", "utf-8")
    yield broken_contracts(copied)
    if before is None:
        path.unlink()
    else:
        path.write_text(before, "utf-8")


def test_the_sources_keep_every_contract(copied: Path) -> None:
    assert broken_contracts(copied) == set()


@pytest.mark.parametrize(
    ("broken", "one"),
    [(one, one) for one in BREAKS],
    ids=[f"{one.module}: {one.lines or 'is not listed'}" for one in BREAKS],
    indirect=["broken"],
)
def test_an_import_against_a_contract_breaks_it(broken: set[str], one: Break) -> None:
    assert broken == one.broken


def test_every_contract_is_broken_here_once() -> None:
    assert set().union(*(one.broken for one in BREAKS)) == set(CONTRACTS)
