"""`flowenv explain`: the layer behind each variable, and what each plugin has changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flowenv_subprocess")

FLOW = """
from flowenv import flow

@flow
def report():
    return 1
"""
CONFIGURATION = """
[env]
REGION = "by configuration"
PREFECT__LOGGING__EXTRA_LOGGERS = "['mine']"
PREFECT__CLOUD__GRAPHQL = "https://configured.example"
"""
ENV_FILE = """
REGION=by file
LC_ALL=C
"""
PLUGIN = """
from flowenv import Secret, hookimpl

@hookimpl
def flowenv_environment_variables(target):
    return {
        "TEAM": "forecasting",
        "REGION": "by plugin",
        "PREFECT__CLOUD__GRAPHQL": None,
        "API_KEY": Secret("s3cr3t-value"),
    }

@hookimpl
def flowenv_modify_spec(spec):
    spec["command"][0] = "/bin/bash"
    spec["variables"]["TRACE"] = Secret("s3cr3t-trace")
    del spec["variables"]["TEAM"]
"""
IDLE = """
from flowenv import hookimpl

@hookimpl
def flowenv_modify_spec(spec):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "report.py": FLOW,
        "flowenv.toml": CONFIGURATION,
        "variables.env": ENV_FILE,
        "acme.py": PLUGIN,
        "idle.py": IDLE,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def explain(folder: Path, *options: str, columns: int = 100) -> str:
    code = "import sys; from flowenv.cli import main; sys.argv[0] = 'flowenv'; main()"
    where = ["--env", "subprocess", "-s", "env_file=variables.env", "--plugin", "acme.py"]
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLOWENV", "PREFECT"))}
    done = subprocess.run(
        [sys.executable, "-c", code, "explain", "report.py", *where, *options],
        cwd=folder,
        env={**kept, "COLUMNS": str(columns), "FLOWENV_SECRET_AUTH_TOKEN": "s3cr3t-token"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def data(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(explain(folder, "-o", "json"))
    return found


@pytest.fixture
def variables(data: dict[str, Any]) -> dict[str, Any]:
    (container,) = data["containers"]
    assert (container["container"], container["target"]) == ("flow", "flow")
    return {one["name"]: one for one in [*container["variables"], *container["removed"]]}


def test_the_layer_that_set_a_variable_is_named(variables: dict[str, Any]) -> None:
    layers = {
        "TEAM": "plugin acme.py",
        "LC_ALL": "spec file",
        "PREFECT__CONTEXT__FLOW_RUN_ID": "contract",
        "PREFECT__CLOUD__SEND_FLOW_RUN_LOGS": "contract logging",
    }
    assert {name: variables[name]["layer"] for name in layers} == layers


def test_what_the_backend_sets_itself_is_shown_with_its_layer(variables: dict[str, Any]) -> None:
    assert variables["FLOWENV_PAYLOAD"]["value"] == "payload.json"
    assert (
        variables["FLOWENV_PAYLOAD"]["layer"] == variables["FLOWENV_OUTCOME"]["layer"] == "flowenv"
    )


def test_what_a_variable_replaced_is_shown_last_first(variables: dict[str, Any]) -> None:
    assert variables["REGION"]["value"] == "by plugin"
    assert variables["REGION"]["replaced"] == [
        {"layer": "spec file", "value": "by file"},
        {"layer": "configuration", "value": "by configuration"},
    ]


def test_configuration_of_a_contract_variable_is_the_contracts_value(
    variables: dict[str, Any],
) -> None:
    assert variables["PREFECT__LOGGING__EXTRA_LOGGERS"]["value"] == "['mine']"


def test_a_removed_variable_says_who_removed_it(variables: dict[str, Any]) -> None:
    removed = variables["PREFECT__CLOUD__GRAPHQL"]
    assert removed["removed"] is True
    assert removed["layer"] == "plugin acme.py"
    assert removed["replaced"] == [{"layer": "contract", "value": "https://configured.example"}]


def test_each_change_of_a_plugin_to_the_spec_is_shown(data: dict[str, Any]) -> None:
    (change,) = data["changes"]
    assert change["plugin"] == "plugin acme.py"
    assert change["differences"] == [
        {"path": "command[0]", "before": "/bin/sh", "after": "/bin/bash"},
        {"path": "variables.TEAM", "before": "forecasting", "after": None},
        {"path": "variables.TRACE", "before": None, "after": "***"},
    ]


def test_a_plugin_that_changes_nothing_says_so(folder: Path) -> None:
    assert "plugin idle.py changed nothing" in explain(folder, "--plugin", "idle.py")


@pytest.mark.parametrize("output", ["text", "json"])
def test_secrets_are_masked(folder: Path, output: str) -> None:
    text = explain(folder, "-o", output)
    assert "s3cr3t" not in text
    assert text.count("***") >= 3


@pytest.mark.parametrize("columns", [100, 120])
def test_the_text_fits_the_terminal(folder: Path, columns: int) -> None:
    (folder / "variables.env").write_text(f"LONG={'x' * 300}\n")
    text = explain(folder, columns=columns)
    assert "xxx…" in text
    assert max(len(line) for line in text.splitlines()) <= columns


def test_the_text_shows_what_was_replaced_below(folder: Path) -> None:
    words = [line.split() for line in explain(folder).splitlines()]
    at = words.index(["REGION", "by", "plugin", "plugin", "acme.py"])
    assert words[at + 1] == ["was", "by", "file", "spec", "file"]
    assert words[at + 2] == ["was", "by", "configuration", "configuration"]
    assert ["PREFECT__CLOUD__GRAPHQL", "(removed)", "plugin", "acme.py"] in words


def test_nothing_is_made_where_runs_would_be(folder: Path) -> None:
    explain(folder, "-s", f"directory={folder / 'runs'}")
    assert not (folder / "runs").exists()
