"""The rig as a command: ``python -m rigs.kubernetes``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3
import yaml

from rigs.kubernetes.__main__ import main
from rigs.kubernetes.manifests import config_map

TESTS = Path(__file__).parents[1]


def test_help_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "print the path of a kubeconfig" in capsys.readouterr().out


def test_it_prints_a_kubeconfig_makes_the_namespace_and_ends_at_a_signal(tmp_path: Path) -> None:
    manifest = tmp_path / "objects.yaml"
    manifest.write_text(yaml.safe_dump(config_map("mine", key="value")))
    kubeconfig = tmp_path / "kubeconfig"
    options = ["--kubeconfig", str(kubeconfig), "--apply", str(manifest), "--scripted"]
    options += ["--namespace", "team"]
    rig = subprocess.Popen(
        [sys.executable, "-m", "rigs.kubernetes", *options],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with rig:
        assert rig.stdout is not None
        assert rig.stdout.readline().strip() == str(kubeconfig)
        server = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        url = f"{server}/api/v1/namespaces/team"
        assert urllib3.request("GET", url).status == 200
        found = urllib3.request("GET", f"{url}/configmaps/mine").json()
        assert found["data"] == {"key": "value"}
        rig.send_signal(signal.SIGTERM)
        assert rig.wait(20) == 0


def test_no_container_inherits_a_mask_that_blocks_signals() -> None:
    rig = subprocess.Popen(
        [sys.executable, "-m", "rigs.kubernetes", "--scripted"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with rig:
        assert rig.stdout is not None
        rig.stdout.readline()
        status = Path(f"/proc/{rig.pid}/status").read_text()
        (blocked,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigBlk")]
        rig.send_signal(signal.SIGINT)
        assert rig.wait(20) == 0
    assert int(blocked, 16) == 0
