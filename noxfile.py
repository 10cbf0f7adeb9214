"""What developers and CI run: `nox` runs what CI runs, `nox -l` lists everything.

Distributions are found by their folders, so a new plugin is tested, checked, built and
installed without a change here.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import nox

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
DIST = ROOT / "dist"

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "no" if os.environ.get("CI") else "yes"
nox.options.error_on_external_run = True
# the quick ones first, so that a slip shows soon; the tests last, so that their line is the last
nox.options.sessions = ["lint", "types", "dist", "isolation", "docs", "tests"]


# -- what CI runs ----------------------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """Check style with ruff and who imports whom; `nox -s lint -- --fix` mends what it can."""
    install(session, *group("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    sources = os.pathsep.join(str(folder / "src") for folder in distributions())
    session.run("lint-imports", env={"PYTHONPATH": sources})


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy --strict: the distributions, the examples, the rigs, the tools."""
    install_workspace(session, *group("types"), *group("docs"))
    sources = [str(folder / "src") for folder in distributions()]
    session.run("mypy", *sources, "examples", "tests/rigs", "docs", "noxfile.py", "toxfile.py")


@nox.session
def dist(session: nox.Session) -> None:
    """Build all distributions into dist/, check them, run an example and make plugins with them."""
    install(session, *group("dist"))
    wheels = build(session, DIST)
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    fresh = Path(session.create_tmp()).resolve() / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    session.run("python", "-m", "venv", str(fresh))
    python = str(fresh / "bin" / "python")
    local = [str(wheels[name]) for name in ("flowenv", "flowenv-local")]
    constraints = ["-c", str(CONSTRAINTS)]
    session.run(python, "-m", "pip", "install", "-q", *constraints, *local, external=True)
    session.chdir(session.create_tmp())  # away from the sources
    example = ROOT / "examples" / "image_check" / "image_check.py"
    flowenv = str(fresh / "bin" / "flowenv")
    session.run(flowenv, "run", str(example), "-p", "pattern=flowenv*", external=True)
    for kind in ("backend", "hooks"):
        follow_new_plugin(session, flowenv, kind)


@nox.session
def isolation(session: nox.Session) -> None:
    """Core alone, core and one backend, all together, each in an environment of its own.

    Newest dependencies by default; `nox -s isolation -- oldest` takes the lower bounds.
    Further arguments name environments, such as `core` or `k8s`.
    """
    install(session, *group("dist"), *group("isolation"))
    folder = Path(session.create_tmp()).resolve()
    wheels = build(session, folder / "wheels")
    write_isolated_requirements(folder / "requirements", wheels)
    oldest = "oldest" in session.posargs
    chosen = [name for name in session.posargs if name != "oldest"]
    names = chosen or ["core", *(folder.name for folder in distributions()[1:]), "all"]
    session.run(
        "tox",
        "run",
        "--recreate",  # a wheel built anew has the same name
        "-e",
        ",".join(names),
        env={
            "FLOWENV_REQUIREMENTS": str(folder / "requirements"),
            "FLOWENV_RESOLUTION": "lowest-direct" if oldest else "highest",
        },
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation and run its examples; `-- serve` shows it, `-- write` fills it."""
    install_workspace(session, *group("docs"), *group("tests"), *examples())
    if "serve" in session.posargs:
        session.run("mkdocs", "serve")
        return
    if "write" in session.posargs:
        session.run("python", "docs/generate.py")
        return
    session.run("mkdocs", "build", "--strict", "--quiet", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("pytest", "tests/docs", "-n2", "--dist=worksteal")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, quick ones first; arguments go to pytest: `nox -s tests -- -k merge`."""
    install_workspace(session, *group("tests"), *examples())
    run = ["pytest", "-n2", "--dist=worksteal"]
    if session.posargs:
        session.run(*run, *session.posargs)
        return
    for chosen in ("not slow", "slow"):
        session.run(*run, "--ignore=tests/docs", "-m", chosen)  # the session `docs` runs those


# -- on request ------------------------------------------------------------------------------


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Run an example flow: `nox -s demo -- examples/model_selection/model_selection.py`."""
    locally = [ROOT / "core", ROOT / "plugins" / "local"]
    install(session, *editable(locally, extras=False), *examples())
    session.run("flowenv", "run", *(session.posargs or ["examples/penguins/penguins.py"]))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks and print them as a table."""
    install_workspace(session, *group("tests"))
    for script in sorted((ROOT / "benchmarks").glob("[!_]*.py")):
        session.run("python", str(script), *session.posargs)


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Run the end-to-end tests of runs on Kubernetes on the cluster of FLOWENV_TEST_KUBECONFIG.

    FLOWENV_TEST_IMAGE names an image with flowenv, its plugins and what the examples import. The
    Dask operator must be installed; `nox -s e2e -- -k "not dask"` does without.
    """
    if "FLOWENV_TEST_KUBECONFIG" not in os.environ:
        session.error("Set FLOWENV_TEST_KUBECONFIG to the kubeconfig of a cluster for tests.")
    install_workspace(session, *group("tests"), *examples())
    folder = ROOT / "tests" / "end_to_end"
    session.run(
        "pytest",
        *map(str, sorted(folder.glob("test_k8s_*.py"))),
        str(folder / "dask_k8s"),
        *("-m", "slow or not slow"),
        *session.posargs,
    )


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run the tests and report which lines and branches they miss."""
    install_workspace(session, *group("tests"), *examples())
    arguments = session.posargs or ["--ignore=tests/docs", "-m", "slow or not slow"]
    session.run("pytest", "-n2", "--cov", "--cov-report=term-missing:skip-covered", *arguments)


@nox.session(default=False)
def constraints(session: nox.Session) -> None:
    """Write constraints.txt anew for what is asked for now; `-- --upgrade` takes the newest."""
    session.install("uv")
    listed = Path(session.create_tmp()).resolve() / "requirements.in"
    listed.write_text("\n".join(sorted(asked_of_others())) + "\n")
    examples = str(ROOT / "examples" / "requirements.txt")
    bare = ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    # one file for all Python versions, with markers where they differ
    anywhere = ["--universal", "--python-version=3.11", "--fork-strategy=fewest"]
    target = f"--output-file={CONSTRAINTS}"
    command = ["uv", "pip", "compile", "--quiet", "--no-sources", target, *anywhere, *bare]
    session.run(*command, *session.posargs, str(listed), examples)


@nox.session(default=False, venv_backend="none")
def changelog(session: nox.Session) -> None:
    """Show what changelog.d/ gives; `nox -s changelog -- 0.2.0` moves it to CHANGELOG.md."""
    fragments = sorted(path for path in (ROOT / "changelog.d").glob("*.md"))
    entries = sorted(" ".join(path.read_text("utf-8").split()) for path in fragments)
    listed = "".join(f"- {entry}\n" for entry in entries)
    if not session.posargs:
        print(listed, end="")
        return
    path = ROOT / "CHANGELOG.md"
    head, found, older = path.read_text("utf-8").partition("\n## ")
    today = datetime.datetime.now(datetime.UTC).date()
    path.write_text(f"{head}\n## {session.posargs[0]} ({today})\n\n{listed}{found}{older}")
    for fragment in fragments:
        fragment.unlink()


# -- how ---------------------------------------------------------------------------------------


def distributions() -> list[Path]:
    """The folders of all distributions, the core first."""
    plugins = sorted(path.parent for path in ROOT.glob("plugins/[!_]*/pyproject.toml"))
    return [ROOT / "core", *plugins]


def pyproject(folder: Path) -> dict[str, Any]:
    """A folder's pyproject.toml."""
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))


def project(folder: Path) -> dict[str, Any]:
    """The `[project]` table of a distribution."""
    return dict(pyproject(folder)["project"])


def group(name: str) -> tuple[str, ...]:
    """The requirements of one of the root's dependency groups."""
    return nox.project.dependency_groups(pyproject(ROOT), name)


def asked_of_others() -> set[str]:
    """What the tools and all distributions with their extras ask for, except each other."""
    asked = {"nox", "uv"}.union(*(group(name) for name in pyproject(ROOT)["dependency-groups"]))
    projects = [project(folder) for folder in distributions()]
    for one in projects:
        extras = one.get("optional-dependencies", {}).values()
        asked.update(one.get("dependencies", []), *extras)
    ours = {one["name"] for one in projects}
    return {requirement for requirement in asked if name_of(requirement) not in ours}


def examples() -> list[str]:
    """What the examples import."""
    return ["-r", str(ROOT / "examples" / "requirements.txt")]


def example_plugins() -> list[str]:
    """Arguments that install the distributions among the examples."""
    found = sorted(path.parent for path in ROOT.glob("examples/*/pyproject.toml"))
    return editable(found)


def editable(folders: list[Path], *, extras: bool = True) -> list[str]:
    """Arguments that install distributions from their folders, with all of their extras."""
    arguments = []
    for folder in folders:
        names = project(folder).get("optional-dependencies", {}) if extras else {}
        arguments += ["-e", f"{folder}[{','.join(names)}]" if names else str(folder)]
    return arguments


def install(session: nox.Session, *requirements: str) -> None:
    """Install with constraints.txt, so that every machine has the same versions."""
    # the workspace's sources are for `uv sync`; here each folder is named
    session.install("-c", str(CONSTRAINTS), *requirements, env={"UV_NO_SOURCES": "1"})


def install_workspace(session: nox.Session, *requirements: str) -> None:
    """Install all distributions, the examples' too, from their folders, and more."""
    ours = [*editable(distributions()), *example_plugins()]
    install(session, *ours, *requirements)


def build(session: nox.Session, target: Path) -> dict[str, Path]:
    """Build a source distribution of each folder, and from it a wheel.

    Returns:
        The wheels by the distributions' names.
    """
    shutil.rmtree(target, ignore_errors=True)
    wheels = {}
    command = ["python", "-m", "build", "--installer=uv", "--outdir", str(target)]
    for folder in distributions():
        session.run(*command, str(folder), silent=True)
        name = project(folder)["name"]
        (wheels[name],) = target.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
    return wheels


def follow_new_plugin(session: nox.Session, flowenv: str, kind: str) -> None:
    """Write a plugin, and do what `flowenv new-plugin` then says, line by line."""
    shutil.rmtree(f"flowenv-new-{kind}", ignore_errors=True)
    new = [flowenv, "new-plugin", f"new-{kind}", "--kind", kind]
    printed = str(session.run(*new, external=True, silent=True))
    steps = "\n".join(line for line in printed.splitlines() if line.startswith("  "))
    variables = {"PIP_CONSTRAINT": str(CONSTRAINTS), "PIP_QUIET": "1"}
    listed = str(session.run("sh", "-ec", steps, env=variables, external=True, silent=True))
    if not re.search(rf"^new_{kind} .* \d+$", listed, re.MULTILINE):
        session.error(f"flowenv plugins doesn't list new_{kind} with its hooks:\n{listed}")


def write_isolated_requirements(target: Path, wheels: dict[str, Path]) -> None:
    """Write what tox installs into each environment: `core.txt`, one a plugin, `all.txt`.

    What the distributions ask for is listed beside their wheels: a resolver that looks for
    the lowest versions honours the bounds of what it is asked for directly.
    """
    target.mkdir(exist_ok=True)
    projects = {project(folder)["name"]: project(folder) for folder in distributions()}
    sets = {folder.name: {project(folder)["name"]} for folder in distributions()}
    for name, members in {**sets, "all": set(wheels)}.items():
        asked = asked_by(members, projects)
        ours = {name_of(one) for one in asked if name_of(one) in projects} | members
        lines = [*(str(wheels[one]) for one in sorted(ours)), *sorted(asked)]
        (target / f"{name}.txt").write_text("\n".join(lines) + "\n")


def asked_by(names: set[str], projects: dict[str, dict[str, Any]]) -> set[str]:
    """What distributions of ours ask for, and what those of ours among it ask for."""
    asked: set[str] = set()
    waiting = [one for name in names for one in projects[name].get("dependencies", [])]
    while waiting:
        requirement = waiting.pop()
        if requirement in asked:
            continue
        asked.add(requirement)
        if found := projects.get(name_of(requirement)):
            waiting += found.get("dependencies", [])
            for extra in re.findall(r"[\w-]+", "".join(re.findall(r"\[(.*)\]", requirement))):
                waiting += found["optional-dependencies"][extra]
    return asked


def name_of(requirement: str) -> str:
    """The distribution that a requirement names."""
    return re.split(r"[\s\[<>=!~;@]", requirement, maxsplit=1)[0]
