"""What developers and CI run: `nox` runs what CI runs, `nox -l` lists everything.

Distributions are found by their folders, so a new plugin is tested, checked, built and
installed without a change here.
"""

from __future__ import annotations

import datetime
import difflib
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import nox

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
BOOTSTRAP = ROOT / "requirements.txt"
DIST = ROOT / "dist"
BUILT: dict[str, Path] = {}
"""The wheels in it, by their distributions' names, when this call of nox has built them."""

TOOLS = {"nox", "uv"}
"""What has to be there to run this file."""

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"  # pip takes no hashes beside folders
nox.options.reuse_venv = "no" if os.environ.get("CI") else "yes"
nox.options.error_on_external_run = True
# the quick ones first, so that a slip shows soon; the tests last, so that their line is the last
nox.options.sessions = ["lint", "types", "dist", "isolation", "tests"]


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
    wheels = build(session)
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    fresh = Path(session.create_tmp()).resolve() / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    session.run("python", "-m", "venv", str(fresh))
    python = str(fresh / "bin" / "python")
    local = [str(wheels[name]) for name in ("flowenv", "flowenv-local")]
    session.chdir(session.create_tmp())  # away from the sources
    asked = {*asked_of_others([ROOT / "core"]), *built_with(ROOT / "core")}
    session.env.update(download(session, python, asked))
    session.run(python, "-m", "pip", "install", "-q", *local, external=True)
    example = ROOT / "examples" / "image_check" / "image_check.py"
    flowenv = str(fresh / "bin" / "flowenv")
    session.run(flowenv, "run", str(example), "-p", "pattern=flowenv*", external=True)
    for kind in ("backend", "hooks"):
        follow_new_plugin(session, flowenv, kind)


@nox.session
def isolation(session: nox.Session) -> None:
    """Core alone, core and one backend, all together, each in an environment of its own.

    The versions of constraints.txt by default; `nox -s isolation -- newest` takes the newest,
    `oldest` the lower bounds. Further arguments name environments, such as `core` or `k8s`.
    """
    install(session, *group("dist"), *group("isolation"))
    folder = Path(session.create_tmp()).resolve()
    wheels = build(session)
    write_isolated_requirements(folder / "requirements", wheels)
    pinned = not {"oldest", "newest"}.intersection(session.posargs)
    chosen = [name for name in session.posargs if name not in ("oldest", "newest")]
    names = chosen or ["core", *(folder.name for folder in distributions()[1:]), "all"]
    session.run(
        "tox",
        "run",
        "--recreate",  # a wheel built anew has the same name
        "-e",
        ",".join(names),
        env={
            "FLOWENV_REQUIREMENTS": str(folder / "requirements"),
            "FLOWENV_RESOLUTION": "lowest-direct" if "oldest" in session.posargs else "highest",
            "UV_CONSTRAINT": str(CONSTRAINTS) if pinned else "",
        },
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, those of the documentation too; arguments go to pytest: `-- -k merge`."""
    install_workspace(session, *group("docs"), *group("tests"), *examples())
    if session.posargs:
        session.run("pytest", "-n2", "--dist=worksteal", *session.posargs)
        return
    # CI has two cores, and half of its time a test of a cluster waits for that. What a file's
    # tests share is made once; the files that take longest come first (conftest.py).
    how = ["-n4", "--dist=loadfile", "--no-loadscope-reorder", "-m", "slow or not slow"]
    session.run("pytest", *how)


# -- on request ------------------------------------------------------------------------------


@nox.session(default=False)
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


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Run an example flow here; `nox -s demo -- k8s` (dask_k8s, fargate, dask_cloud) on a stand-in.

    Another example's file, and further arguments of `flowenv run`, may follow.
    """
    backend = session.posargs[0] if session.posargs else ""
    stands = sorted({folder.name for folder in distributions()} - {"core", "local"})
    if backend not in stands:
        if re.fullmatch(r"\w[\w-]*", backend) and not Path(backend).exists():
            nearest = difflib.get_close_matches(backend, stands, 1)
            session.error(
                f"there is no demo {backend!r}"
                + (f" (did you mean {nearest[0]}?)" if nearest else "")
                + f": name one of {', '.join(stands)}, or a flow's file"
            )
        locally = [ROOT / "core", ROOT / "plugins" / "local"]
        install(session, *editable(locally, extras=False), *examples())
        session.run("flowenv", "run", *(session.posargs or ["examples/penguins/penguins.py"]))
        return
    install(session, *editable(distributions()), *group("rigs"), *examples())
    page = Path(session.create_tmp()).resolve() / f"{backend}.html"
    session.run(
        *("python", "-m", "rigs.demo", "--report", str(page), *session.posargs),
        env={"PYTHONPATH": str(ROOT / "tests")},
        interrupt_timeout=60,  # on Ctrl-C it cancels the run and stops the platform
    )


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Make the pictures of the README and the documentation anew; needs Chromium or Chrome.

    `nox -s pictures -- terminal` makes that of a terminal alone, which needs neither.
    """
    install_workspace(session, *group("rigs"), *examples())
    session.run(
        "python", "docs/pictures.py", *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")}
    )
    session.run("python", "docs/generate.py")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks and print them as a table."""
    install_workspace(session, *group("tests"))
    for script in sorted((ROOT / "benchmarks").glob("[!_]*.py")):
        session.run("python", str(script), *session.posargs, env={"FLOWENV_JOURNAL": "0"})


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Run the end-to-end tests of runs on Kubernetes on the cluster of FLOWENV_TEST_KUBECONFIG.

    FLOWENV_TEST_IMAGE names an image with flowenv, its plugins and what the examples import, and
    FLOWENV_TEST_BARE_IMAGE one without flowenv, where there is one, whose Python is of this minor
    version. The Dask operator must be installed; `nox -s e2e -- -k "not dask"` does without.
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
    """Write constraints.txt and requirements.txt anew; `-- --upgrade` takes the newest."""
    install(session, "uv")
    listed = Path(session.create_tmp()).resolve() / "requirements.in"
    asked = asked_of_others(distributions()) | TOOLS
    asked |= {one for name in pyproject(ROOT)["dependency-groups"] for one in group(name)}
    asked |= {one for folder in distributions() for one in built_with(folder)}
    examples = (ROOT / "examples" / "requirements.txt").read_text("utf-8")
    listed.write_text("\n".join([*sorted(asked), examples]))
    pin(session, CONSTRAINTS, listed, *session.posargs)
    listed.write_text("\n".join(sorted(TOOLS)))
    pin(session, BOOTSTRAP, listed, "-c", str(CONSTRAINTS))
    BOOTSTRAP.write_text("# What runs noxfile.py, for pip.\n" + BOOTSTRAP.read_text("utf-8"))


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


def asked_of_others(folders: list[Path]) -> set[str]:
    """What distributions with their extras ask for, except each other."""
    asked: set[str] = set()
    for one in map(project, folders):
        extras = one.get("optional-dependencies", {}).values()
        asked.update(one.get("dependencies", []), *extras)
    ours = {project(folder)["name"] for folder in distributions()}
    return {requirement for requirement in asked if name_of(requirement) not in ours}


def built_with(folder: Path) -> list[str]:
    """What a distribution is built with, also from its folder (hatchling adds `editables`)."""
    return [*pyproject(folder)["build-system"]["requires"], "editables>=0.5"]


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
    """Install what constraints.txt pins: versions and hashes, also of what builds are made with.

    uv checks each file that it takes against its hash; the folders of ours have none. What is
    there afterwards and isn't pinned is an error.
    """
    # the workspace's sources are for `uv sync`; here each folder is named
    env = {"UV_NO_SOURCES": "1", "UV_BUILD_CONSTRAINT": str(CONSTRAINTS)}
    session.install("-c", str(CONSTRAINTS), *requirements, env=env)
    command = ["uv", "pip", "list", "--exclude-editable", "--format=freeze", "--quiet"]
    listed = session.run_install(*command, silent=True, external=True)
    unknown = {name_of(line) for line in str(listed or "").splitlines()} - set(pins(CONSTRAINTS))
    if unknown:
        session.error(f"constraints.txt doesn't pin {', '.join(sorted(unknown))}.")


def pins(path: Path) -> dict[str, str]:
    """The entries of a file of pinned requirements, with their hashes, by name."""
    found: dict[str, str] = {}
    for entry in re.findall(r"^[^\s#].*(?:\n +.*)*\n", path.read_text("utf-8"), re.MULTILINE):
        name = name_of(entry)
        found[name] = found.get(name, "") + entry  # two versions, each for some Pythons
    return found


def pin(session: nox.Session, target: Path, listed: Path, *more: str) -> None:
    """Write versions and hashes of what a file lists and of what that needs, for all Pythons."""
    bare = ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    # one file for all Python versions, with markers where they differ
    anywhere = ["--universal", "--python-version=3.11", "--fork-strategy=fewest"]
    command = ["uv", "pip", "compile", "--quiet", "--no-sources", "--generate-hashes"]
    session.run(*command, f"--output-file={target}", *anywhere, *bare, *more, str(listed))


def download(session: nox.Session, python: str, asked: set[str]) -> dict[str, str]:
    """Download requirements and what they need, each checked against constraints.txt.

    Returns:
        The variables with which pip takes these files and nothing else.
    """
    folder = Path(session.create_tmp()).resolve() / "files"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    listed = folder / "requirements.txt"
    listed.write_text("\n".join(sorted(asked)))
    compiled = ["uv", "pip", "compile", "-q", "--no-header", "--no-annotate", str(listed)]
    needed = session.run(*compiled, "-c", str(CONSTRAINTS), silent=True)
    pinned = pins(CONSTRAINTS)
    listed.write_text("".join(pinned[name_of(one)] for one in str(needed).splitlines()))
    pip = [python, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
    session.run(*pip, "-d", str(folder), "-r", str(listed), external=True)
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


def install_workspace(session: nox.Session, *requirements: str) -> None:
    """Install all distributions, the examples' too, from their folders, and more."""
    ours = [*editable(distributions()), *example_plugins()]
    install(session, *ours, *requirements)


def build(session: nox.Session) -> dict[str, Path]:
    """Build a source distribution of each folder, and from it a wheel, into dist/, once a call.

    Returns:
        The wheels by the distributions' names.
    """
    if not BUILT:
        shutil.rmtree(DIST, ignore_errors=True)
        command = ["python", "-m", "build", "--installer=uv", "--outdir", str(DIST)]
        env = {"UV_CONSTRAINT": str(CONSTRAINTS)}
        for folder in distributions():
            session.run(*command, str(folder), silent=True, env=env)
            name = project(folder)["name"]
            (BUILT[name],) = DIST.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
    return BUILT


def follow_new_plugin(session: nox.Session, flowenv: str, kind: str) -> None:
    """Write a plugin, and do what `flowenv new-plugin` then says, line by line."""
    shutil.rmtree(f"flowenv-new-{kind}", ignore_errors=True)
    new = [flowenv, "new-plugin", f"new-{kind}", "--kind", kind]
    printed = str(session.run(*new, external=True, silent=True))
    steps = "\n".join(line for line in printed.splitlines() if line.startswith("  "))
    quiet = {"PIP_QUIET": "1"}
    listed = str(session.run("sh", "-ec", steps, env=quiet, external=True, silent=True))
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
