"""The kit's verdict is of the backend, not of what its author has installed and configured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from plugin_authors.neighbours import install

POLICY = """
from flowenv import RunRefused, hookimpl

@hookimpl
def flowenv_modify_spec():
    raise RunRefused("Not on this machine.")
"""
KIT = """
from flowenv.testing import BackendConformance
from flowenv_local import LocalEnvironment

class TestConformance(BackendConformance):
    idempotent = False
    carries_variables = False
    tells_crashes = False

    def make_environment(self, **settings):
        return LocalEnvironment(**settings)
"""


def test_an_installed_policy_a_configuration_and_variables_fail_no_check(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site, "policy", POLICY)
    (tmp_path / "flowenv.toml").write_text(
        'required_plugins = ["policy"]\n[env]\nPREFECT__CLOUD__GRAPHQL = "x"\n'
    )
    (tmp_path / "test_kit.py").write_text(KIT)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    variables = {"PYTHONPATH": str(site), "FLOWENV_REQUIRED_PLUGINS": "policy"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_kit.py"],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "failed" not in done.stdout


SUBPROCESS = """
from flowenv.testing import BackendConformance
from flowenv_subprocess import SubprocessEnvironment

class TestConformance(BackendConformance):
    def make_environment(self, **settings):
        return SubprocessEnvironment(directory="runs", **settings)
"""


def test_the_kits_runs_are_in_no_journal_of_the_authors(tmp_path: Path) -> None:
    (tmp_path / "test_kit.py").write_text(SUBPROCESS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    only = ("-k", "test_a_sweep_says_whose_things_are")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *only, "test_kit.py"],
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "FLOWENV_JOURNAL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout[-3000:]
    assert not (tmp_path / "state").exists()
