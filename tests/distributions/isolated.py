"""Run in an environment that has only some of the wheels: does it work, is it no more than that?

`tox` calls it with the requirements that the environment was made of. It needs nothing but what
it checks, so it is no pytest file. Exits with 1 and says why if something is wrong.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import flowenv

MOST_DISTRIBUTIONS_FOR_THE_CORE = 8

VENDORS = {
    "boto3": {"fargate"},
    "dask": {"dask_k8s", "dask_cloud"},
    "dask_cloudprovider": {"dask_cloud"},
    "dask_kubernetes": {"dask_k8s"},
    "distributed": {"dask_k8s", "dask_cloud"},
    "kubernetes": {"k8s", "dask_k8s"},
}
"""A platform's library, and the backends that bring it."""

NETWORK = '{"awsvpcConfiguration": {"subnets": ["subnet-1"]}}'
SETTINGS = {
    "dask_cloud": ["-s", "provider_class=distributed.LocalCluster"],  # needs no provider's extra
    "fargate": ["-s", f"networkConfiguration={NETWORK}"],
}
"""What an environment can't be made without."""

EXAMPLE = Path(__file__).parents[2] / "examples" / "image_check" / "image_check.py"


def main(requirements: Path) -> int:
    """Check the environment of those requirements, and print what is wrong with it."""
    name, wheels = requirements.stem, requirements.read_text().split()
    ours = {Path(wheel).name.partition("-")[0] for wheel in wheels if wheel.endswith(".whl")}
    backends = {module.removeprefix("flowenv_") for module in ours - {"flowenv"}}
    problems = [
        *wrong_place(),
        *wrong_plugins(backends),
        *foreign_vendors(backends),
        *vendors_imported_too_early(ours),
        *(too_many_distributions() if name == "core" else ()),
        *(problem for backend in sorted(backends) for problem in idle_backend(backend)),
        *flow_that_fails(),
    ]
    for problem in problems:
        print(f"{name}: {problem}", file=sys.stderr)
    count = len(list(importlib.metadata.distributions()))
    print(f"{name}: {count} distributions, backends: {', '.join(sorted(backends)) or 'none'}")
    return 1 if problems else 0


def wrong_place() -> Iterator[str]:
    """flowenv must come from its wheel, not from the sources."""
    if not Path(flowenv.__file__).is_relative_to(sys.prefix):
        yield f"flowenv is imported from {flowenv.__file__}"


def wrong_plugins(backends: set[str]) -> Iterator[str]:
    """`flowenv plugins` lists this environment's backends and no others."""
    listed = json.loads(command("plugins", "-o", "json"))
    found = {plugin["name"] for plugin in listed}
    if found != backends:
        yield f"flowenv plugins lists {sorted(found)}, not {sorted(backends)}"


def foreign_vendors(backends: set[str]) -> Iterator[str]:
    """A platform's library is there if, and only if, a backend here needs it."""
    for library, users in VENDORS.items():
        there = importlib.util.find_spec(library) is not None
        if there and not users & backends:
            yield f"{library} can be imported, and no backend here needs it"
        if not there and users & backends:
            yield f"{library} is missing"


def vendors_imported_too_early(modules: set[str]) -> Iterator[str]:
    """Importing a backend's package must not import its platform's library."""
    for module in sorted(modules):
        code = f"import sys, {module}; print(*sys.modules)"
        python = [sys.executable, "-I", "-c", code]
        done = subprocess.run(python, text=True, capture_output=True, check=False)
        if done.returncode:
            yield f"import {module} failed: {done.stderr.strip()}"
        if early := sorted(set(VENDORS) & set(done.stdout.split())):
            yield f"import {module} imports {', '.join(early)}"


def too_many_distributions() -> Iterator[str]:
    """The core stays thin."""
    names = sorted(one.name for one in importlib.metadata.distributions())
    if len(names) > MOST_DISTRIBUTIONS_FOR_THE_CORE:
        yield f"the core installs {len(names)} distributions: {', '.join(names)}"


def idle_backend(backend: str) -> Iterator[str]:
    """Each backend builds a spec for an example; nothing is sent."""
    arguments = ["--env", backend, *SETTINGS.get(backend, [])]
    try:
        command("spec", str(EXAMPLE), *arguments, "-o", "json")
    except subprocess.CalledProcessError as error:
        yield f"flowenv spec --env {backend} failed: {error.stderr.strip()}"


def flow_that_fails() -> Iterator[str]:
    """The example runs: in this process, which needs no backend at all."""
    sys.path.insert(0, str(EXAMPLE.parent))
    example = importlib.import_module(EXAMPLE.stem)
    answer = example.check_image.run(pattern="flowenv*")
    if answer["files"] == 0 or answer["damaged"]:
        yield f"the example gives {answer}"


def command(*arguments: str) -> str:
    """The output of a `flowenv` command."""
    flowenv_command = Path(sys.executable).parent / "flowenv"
    environment = {**os.environ, "FLOWENV_IMAGE": "registry.example/flow:1"}
    return subprocess.run(
        [flowenv_command, *arguments], check=True, text=True, capture_output=True, env=environment
    ).stdout


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
