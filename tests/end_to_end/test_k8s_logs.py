"""Logs of flows on Kubernetes, through the command line: complete, whatever happens on the way.

On the Kubernetes rig; on a real cluster when `FLOWENV_TEST_KUBECONFIG` and `FLOWENV_TEST_IMAGE`
are set.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from on_kubernetes.cluster_under_test import (
    IMAGE,
    KUBECONFIG,
    PATIENCE,
    ClusterUnderTest,
    cluster_under_test,
)
from on_kubernetes.proxy import Proxy
from rigs.kubernetes import Image, KubernetesRig

BEGINNING_MISSING = (
    "[flowenv] The beginning of the log is missing: Kubernetes serves only the newest file of a "
    "log, and has begun a new one since."
)
FLOWS = Path(__file__).with_name("log_flows.py")
MANY = 50_000 if KUBECONFIG else 2_000
LINES = 60_000 if KUBECONFIG else 15_000
WRITING = 36.0 if KUBECONFIG else 3.0
"""Seconds in which a flow writes so many lines of 1 kB."""
OUTAGE = 14.0 if KUBECONFIG else 5.0
"""Seconds; long enough to be spoken of."""


@pytest.fixture(scope="module")
def rig() -> Iterator[KubernetesRig | None]:
    if KUBECONFIG:
        yield None
        return
    with KubernetesRig(images={IMAGE: Image()}, log_file_bytes=3_000_000) as made:
        yield made


@pytest.fixture
def cluster(
    rig: KubernetesRig | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterUnderTest]:
    with cluster_under_test(rig, tmp_path, monkeypatch) as made:
        (tmp_path / "flowenv.toml").write_text(f'environment = "k8s"\nimage = "{IMAGE}"\n')
        yield made


@pytest.fixture
def proxy(cluster: ClusterUnderTest, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy before the API server; `Command` goes through it."""
    with Proxy.before(cluster.kubeconfig, tmp_path / "proxied") as made:
        yield made


class Command:
    """`flowenv` in a process of its own, whose lines are read as they come.

    Args:
        folder: where it is run; a kubeconfig `proxied` there is used.
        arguments: its arguments.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWENV_", "PREFECT__"))}
        if (folder / "proxied").exists():
            kept["KUBECONFIG"] = str(folder / "proxied")
        self._errors = folder / "errors"
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flowenv", *arguments],
                cwd=folder,
                env=kept,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.lines: list[str] = []

    def until(self, line: str) -> None:
        """Read until a line has come."""
        assert self._process.stdout
        while not self.lines or self.lines[-1] != line:
            text = self._process.stdout.readline()
            assert text, self.errors
            self.lines.append(text.rstrip("\n"))

    def end(self) -> int:
        """Read the rest, and return the exit code."""
        assert self._process.stdout
        timer = threading.Timer(PATIENCE, self._process.kill)
        timer.start()
        with self._process.stdout as rest:
            self.lines += [line.rstrip("\n") for line in rest]
        timer.cancel()
        return self._process.wait()

    @property
    def errors(self) -> str:
        """What it said on the standard error."""
        return self._errors.read_text()


def run(folder: Path, flow: str, *options: str, **parameters: object) -> Command:
    given = [one for name, value in parameters.items() for one in ("-p", f"{name}={value}")]
    return Command(folder, "run", f"{FLOWS}:{flow}", "--env", "k8s", *options, *given)


def lines_of(command: Command, pattern: str) -> list[str]:
    return [line for line in command.lines if re.fullmatch(pattern, line)]


def test_lines_of_both_streams_are_complete_and_each_in_order(
    cluster: ClusterUnderTest, tmp_path: Path
) -> None:
    command = run(tmp_path, "both_streams", lines=MANY)
    assert command.end() == 0, command.errors
    for stream in ("out", "err"):
        found = lines_of(command, rf"{stream} \d+")
        assert found == [f"{stream} {number}" for number in range(MANY)]


def test_an_outage_while_a_flow_runs_loses_no_line_and_not_the_run(
    cluster: ClusterUnderTest, proxy: Proxy, tmp_path: Path
) -> None:
    count = int(OUTAGE * 10 + 40)  # it goes on for some seconds after the outage
    command = run(tmp_path, "ticks", count=count, seconds=0.1)
    command.until("tick 10")
    proxy.cut()
    threading.Event().wait(OUTAGE)
    proxy.restore()
    assert command.end() == 0, command.errors
    assert lines_of(command, r"tick \d+") == [f"tick {number}" for number in range(count)]
    assert "No news since" in command.errors
    assert command.lines[-1] == "Result: 'over'"


def test_a_flow_that_ends_during_an_outage_is_told_of_afterwards(
    cluster: ClusterUnderTest, proxy: Proxy, tmp_path: Path
) -> None:
    command = run(tmp_path, "ticks", count=30, seconds=0.1)
    command.until("tick 5")
    proxy.cut()
    threading.Event().wait(OUTAGE)
    proxy.restore()
    assert command.end() == 0, command.errors
    assert lines_of(command, r"tick \d+") == [f"tick {number}" for number in range(30)]


def test_a_cut_stream_shows_each_line_once(
    cluster: ClusterUnderTest, proxy: Proxy, tmp_path: Path
) -> None:
    command = run(tmp_path, "both_streams", lines=MANY)
    for number in range(5, 1_000, 200):
        command.until(f"out {number}")
        proxy.cut()
        proxy.restore()
    assert command.end() == 0, command.errors
    for stream in ("out", "err"):
        found = lines_of(command, rf"{stream} \d+")
        assert found == [f"{stream} {number}" for number in range(MANY)]


def test_a_slow_reader_gets_all_lines_though_files_of_the_log_go_by(
    cluster: ClusterUnderTest, tmp_path: Path
) -> None:
    command = run(tmp_path, "much", lines=LINES, seconds=WRITING, wait=0)
    command.until(f"0 {'y' * 990}")
    threading.Event().wait(WRITING * 1.2)
    assert command.end() == 0, command.errors
    found = lines_of(command, r"\d+ y+")
    assert [int(line.split()[0]) for line in found] == list(range(LINES))


def test_a_log_whose_first_lines_are_gone_says_so(
    cluster: ClusterUnderTest, tmp_path: Path
) -> None:
    # a new file is begun every ten seconds; the last one may have none of the lines
    command = run(tmp_path, "much", lines=LINES, seconds=WRITING, wait=1)
    assert command.end() == 0, command.errors
    (reference,) = re.findall(r"Submitted (\S+)", command.errors)
    later = Command(tmp_path, "logs", reference, "--env", "k8s")
    assert later.end() == 0, later.errors
    numbers = [int(line.split()[0]) for line in lines_of(later, r"\d+ y+")]
    assert numbers == list(range(LINES - len(numbers), LINES))
    assert len(numbers) < LINES
    assert later.lines[0] == BEGINNING_MISSING


def test_a_line_of_20_megabytes_comes_whole_and_soon(
    cluster: ClusterUnderTest, tmp_path: Path
) -> None:
    command = run(tmp_path, "one_line", size=20_000_000)
    assert command.end() == 0, command.errors
    assert [len(line) for line in lines_of(command, "x+")] == [20_000_000]


@pytest.mark.slow  # Kubernetes is slow to restart; quickly in the plugin's tests of its logs
def test_each_attempt_of_a_container_that_is_started_again_is_followed(
    cluster: ClusterUnderTest, tmp_path: Path
) -> None:
    template = {"restartPolicy": "OnFailure", "containers": [{"image": IMAGE}]}
    spec = {"backoffLimit": 1, "template": {"spec": template}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": spec}
    (tmp_path / "job.json").write_text(json.dumps(job))
    command = run(tmp_path, "fail_after", "--set", "job_spec_file=job.json", lines=3)
    assert command.end() == 1, command.errors
    assert "ailed: ValueError: after 3 lines" in command.errors
    lines = lines_of(command, r"line \d+")
    assert lines[:3] == ["line 0", "line 1", "line 2"]
    # the Job stops the second one as soon as it hears of it
    assert "[flowenv] Lines may be missing" in "".join(command.lines) or lines[3:4] == ["line 0"]
