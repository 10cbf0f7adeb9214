"""`flowenv new-plugin` writes distributions that build, install and pass their own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowenv import origin
from flowenv.cli.app import app
from flowenv.cli.commands.new_plugin import next_steps, write_plugin

WITHOUT_DASK = """
[[tool.mypy.overrides]]
module = ["dask.*", "distributed.*"]
follow_imports = "skip"
"""
"""An author's environment has no Dask; here mypy would read it all, for most of a minute."""


def call(*command: str, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def flowenv(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from flowenv.cli import main; sys.argv[0] = 'flowenv'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=["backend", "hooks"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Path]:
    """A new plugin, built as a wheel and unpacked as an installer would."""
    kind: str = request.param
    written = flowenv("new-plugin", "red-box", "--kind", kind, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    project, site = tmp_path / "flowenv-red-box", tmp_path / "site"
    call("hatchling", "build", "-t", "wheel", cwd=project)
    (wheel,) = (project / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    return kind, project, site


def test_a_new_plugin_is_listed(installed: tuple[str, Path, Path]) -> None:
    # that it passes its own tests is seen where the distributions are built, with all that
    # `flowenv new-plugin` says to do
    kind, project, site = installed
    listed = flowenv("plugins", "--load", "-o", "json", cwd=project, PYTHONPATH=str(site))
    (mine,) = [one for one in json.loads(listed.stdout) if one["name"] == "red_box"]
    assert mine["kind"] == {"backend": "backend", "hooks": "plugin"}[kind]
    assert mine["error"] is None
    assert mine["hooks"]


@pytest.mark.parametrize("kind", ["backend", "hooks"])
@pytest.mark.parametrize("name", ["x", "my-cluster-of-clusters"])
def test_what_is_written_has_no_lint(tmp_path: Path, kind: str, name: str) -> None:
    project = tmp_path / "project"
    write_plugin(name.replace("-", "_"), kind, project)
    call("ruff", "check", "--no-cache", cwd=project)
    call("ruff", "format", "--check", "--no-cache", cwd=project)


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("mypy"))


@pytest.mark.parametrize("kind", ["backend", "hooks"])
def test_what_is_written_has_strict_types(tmp_path: Path, kind: str, mypy_cache: str) -> None:
    project = tmp_path / "project"
    write_plugin("my_cluster", kind, project)
    with (project / "pyproject.toml").open("a") as file:
        file.write(WITHOUT_DASK)
    # the core's own source is checked elsewhere
    options = ["--follow-imports=silent", f"--cache-dir={mypy_cache}"]
    call("mypy", *options, "src", "tests", cwd=project)


def test_the_next_steps_install_flowenv_before_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = '{"url": "file:///src/core", "dir_info": {}}'
    monkeypatch.setattr(origin, "_direct_url", lambda: where)
    assert next_steps(Path("my plugin")) == [
        "cd 'my plugin'",
        "python3 -m venv .venv && . .venv/bin/activate",
        "pip install 'flowenv[testing] @ file:///src/core'",
        "pip install -e '.[test]'",
        "pytest",
        "flowenv plugins --load",
    ]


def test_a_name_that_cannot_be_a_module_is_refused(tmp_path: Path) -> None:
    done = flowenv("new-plugin", "2Fast", cwd=tmp_path)
    assert done.returncode == 2
    assert "'2Fast' is no name for a plugin" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["flowenv-acme2", "flowenv_acme2", "acme2"])
def test_a_distributions_name_is_a_name_for_its_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["new-plugin", name, "--kind", "hooks"])
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["flowenv-acme2"]
    assert 'acme2 = "flowenv_acme2.hooks"' in Path("flowenv-acme2/pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["flowenv-2fast", "flowenv-k8s"])
def test_what_is_left_of_a_distributions_name_is_checked_too(name: str) -> None:
    done = CliRunner().invoke(app, ["new-plugin", name])
    assert done.exit_code == 2, done.output


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    done = flowenv("new-plugin", "red-box", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "isn't empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
