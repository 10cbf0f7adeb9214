"""`flowenv run` on Dask clusters, stopped by real signals: nothing stays behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigs import WITHOUT_BOKEH

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
        settings = {"n_workers": 1, **settings}
        arguments = [f"-s{name}={value}" for name, value in settings.items()]
        command = [FLOWENV, "run", f"{FLOWS}:never_ends", "--env=dask_cloud", *arguments]
        parameters = [f"-sprovider_class={provider}", f"-pstarted={tmp_path}/on"]
        path = os.pathsep.join([str(ROOT / "tests"), WITHOUT_BOKEH])
        environment = {**os.environ, "PYTHONPATH": path, "MARK": str(tmp_path)}
        environment["TMPDIR"] = str(tmp_path)
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


def ended(run: Run, folder: Path) -> None:
    """Wait for the end of an interrupted run; checks how it ended, and that nothing is left."""
    _, said = run.communicate(timeout=120)
    assert run.returncode == INTERRUPTED, said
    assert "Traceback" not in said
    # multiprocessing's own watcher ends a moment after the process that it watches
    deadline = time.monotonic() + 60
    while processes_of(folder):
        assert time.monotonic() < deadline, processes_of(folder)
        time.sleep(0.02)
    assert list(folder.glob("*.machine")) == []


def folders_of_workers(folder: Path) -> list[Path]:
    """The temporary folders of workers; the next worker removes what killed ones have left."""
    return [path for path in folder.glob("dask-scratch-space/*") if path.is_dir()]


LOCAL: dict[str, object] = {"provider": "distributed.LocalCluster"}
TLS: dict[str, object] = {
    "provider": "rigs.machines.LocalMachineCluster",
    "directory": ".",
    "worker_class": "dask.distributed.Worker",  # a machine needs no second process
}
PLAIN: dict[str, object] = {**TLS, "security": "false"}
ADAPTIVE: dict[str, object] = {
    "n_workers": 0,
    "adaptive_min_workers": 1,
    "adaptive_max_workers": 2,
}
every_provider = pytest.mark.parametrize(
    "settings",
    [
        # at a terminal, and with workers that never come up, it is tested below
        pytest.param(LOCAL, id="local-fixed", marks=pytest.mark.slow),
        pytest.param({**LOCAL, **ADAPTIVE}, id="local-adaptive"),
        pytest.param(PLAIN, id="machines-fixed"),
        pytest.param({**PLAIN, **ADAPTIVE}, id="machines-adaptive", marks=pytest.mark.slow),
        pytest.param(TLS, id="machines-tls-fixed", marks=pytest.mark.slow),
        pytest.param({**TLS, **ADAPTIVE}, id="machines-tls-adaptive"),
    ],
)


@every_provider
def test_while_the_cluster_starts(
    settings: dict[str, object], start: Callable[..., Run], tmp_path: Path
) -> None:
    # the machine that is just being made: the first one, or the one that adapting asked for
    role = "worker" if "adaptive_min_workers" in settings else "scheduler"
    hold = tmp_path / f"hold-{role}"
    hold.touch()
    run = start(**settings)
    if settings["provider"] == LOCAL["provider"]:
        wait_until(lambda: len(processes_of(tmp_path)) > 1, run)
    else:
        wait_until(lambda: list(tmp_path.glob(f"*-{role}*.machine")), run)

    run.send_signal(signal.SIGINT)
    hold.unlink()  # the provider's call ends only after the signal

    ended(run, tmp_path)


@every_provider
def test_while_the_flow_runs(
    settings: dict[str, object], start: Callable[..., Run], tmp_path: Path
) -> None:
    run = start(**settings)
    wait_until((tmp_path / "on").exists, run)

    run.send_signal(signal.SIGTERM)

    ended(run, tmp_path)
    assert folders_of_workers(tmp_path) == []


def test_while_the_worker_of_a_fixed_cluster_is_being_made(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    hold = tmp_path / "hold-worker"
    hold.touch()
    run = start(**TLS)
    wait_until(lambda: list(tmp_path.glob("*-worker*.machine")), run)

    run.send_signal(signal.SIGTERM)
    hold.unlink()

    ended(run, tmp_path)


def test_a_second_interrupt_leaves_at_once_and_says_what_is_left(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "hold-scheduler").touch()
    run = start(**PLAIN)
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


def test_ctrl_c_at_a_terminal_which_worker_processes_get_too(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    run = start(**LOCAL)
    wait_until((tmp_path / "on").exists, run)

    os.killpg(run.pid, signal.SIGINT)

    ended(run, tmp_path)
    assert folders_of_workers(tmp_path) == []


def test_workers_that_never_come_up_are_not_waited_for(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    hang, hangs = tmp_path / "hang.py", tmp_path / "hangs"
    hang.write_text(f"import threading; open('{hangs}', 'x'); threading.Event().wait()")
    run = start(**LOCAL, preload=hang)
    wait_until(hangs.exists, run)

    run.send_signal(signal.SIGINT)
    sent = time.monotonic()

    ended(run, tmp_path)
    assert time.monotonic() < sent + 30
