"""`flowenv run` on Dask clusters, stopped by real signals: nothing stays behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOWS = ROOT / "plugins" / "dask_cloud" / "tests" / "flows" / "cluster_flows.py"
FLOWENV = Path(sys.executable).parent / "flowenv"
INTERRUPTED = 130
Run = subprocess.Popen[str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts `flowenv run` of the flow that never ends; ends it after the test."""
    started: list[Run] = []

    def run(provider: str, **settings: object) -> Run:
        arguments = [f"-s{name}={value}" for name, value in settings.items()]
        command = [FLOWENV, "run", f"{FLOWS}:never_ends", "--env=dask_cloud", *arguments]
        parameters = [f"-sprovider_class={provider}", "-sn_workers=1", f"-pstarted={tmp_path}/on"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "MARK": str(tmp_path)}
        started.append(
            subprocess.Popen(
                [*command, *parameters],
                env=environment,
                cwd=tmp_path,
                text=True,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )
        return started[-1]

    yield run
    for one in started:
        one.kill()
        one.wait()
        if one.stderr:
            one.stderr.close()


def wait_until(done: Callable[[], object], run: Run) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def processes_of(mark: Path) -> list[str]:
    """The command lines of processes that inherited the run's environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def ended(run: Run) -> str:
    """What an interrupted run has said; checks how it ended."""
    _, said = run.communicate(timeout=120)
    assert run.returncode == INTERRUPTED, said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_a_machine_is_being_made_it_is_finished_and_then_destroyed(
    number: signal.Signals, start: Callable[..., Run], tmp_path: Path
) -> None:
    role = "scheduler" if number == signal.SIGINT else "worker"
    hold = tmp_path / f"hold-{role}"
    hold.touch()
    run = start("rigs.machines.LocalMachineCluster", directory=tmp_path, security="false")
    wait_until(lambda: list(tmp_path.glob(f"*-{role}*.machine")), run)

    run.send_signal(number)
    hold.unlink()  # the provider's call ends only after the signal

    ended(run)
    assert list(tmp_path.glob("*.machine")) == []


def test_while_the_flow_runs_on_machines(start: Callable[..., Run], tmp_path: Path) -> None:
    run = start("rigs.machines.LocalMachineCluster", directory=tmp_path)
    wait_until((tmp_path / "on").exists, run)

    run.send_signal(signal.SIGTERM)

    ended(run)
    assert list(tmp_path.glob("*.machine")) == []


def test_a_second_interrupt_leaves_at_once_and_says_what_is_left(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "hold-scheduler").touch()
    run = start("rigs.machines.LocalMachineCluster", directory=tmp_path, security="false")
    wait_until(lambda: list(tmp_path.glob("*.machine")), run)
    [machine] = tmp_path.glob("*.machine")

    run.send_signal(signal.SIGINT)
    first = time.monotonic()
    # an interrupt within a second is taken for the first one's echo
    wait_until(lambda: time.monotonic() > first + 1.5, run)
    run.send_signal(signal.SIGINT)

    _, said = run.communicate(timeout=120)
    assert run.returncode == INTERRUPTED
    assert f"machine {machine.stem} left behind: Interrupted again" in said


def test_while_a_local_cluster_starts(start: Callable[..., Run], tmp_path: Path) -> None:
    run = start("distributed.LocalCluster")
    wait_until(lambda: len(processes_of(tmp_path)) > 1, run)

    run.send_signal(signal.SIGINT)

    ended(run)
    assert processes_of(tmp_path) == []


def test_while_the_flow_runs_on_a_local_cluster(start: Callable[..., Run], tmp_path: Path) -> None:
    run = start("distributed.LocalCluster")
    wait_until((tmp_path / "on").exists, run)

    run.send_signal(signal.SIGINT)

    ended(run)
    assert processes_of(tmp_path) == []
