"""SIGTERM at any moment: callbacks run, what is open is closed, the outcome is Cancelled."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from flowenv import DaskExecutor, LocalDaskExecutor, Reason, State
from flowenv.flows.finding import find_flow
from flowenv.submission.lifecycle import prepare

from ..containers import Container, is_alive, wait_until
from ..flow_files import write
from ..plugging import ToyEnvironment

FLOWS = """
    import asyncio, os, threading
    from pathlib import Path
    from flowenv import flow

    def left(folder):
        Path(folder, "on-exit").write_text("called")

    @flow
    def endless(folder):
        Path(folder, "started").touch()
        threading.Event().wait(600)

    @flow
    def made_an_error(folder):
        try:
            Path(folder, "started").touch()
            threading.Event().wait(600)
        except KeyboardInterrupt:
            raise ValueError("Invalid matrix") from None

    @flow
    async def endless_async(folder):
        try:
            Path(folder, "started").touch()
            await asyncio.Event().wait()
        finally:
            Path(folder, "async-finally").touch()

    @flow
    def endless_dask(folder):
        from dask import delayed
        from flowenv import get_executor

        @delayed
        def work():
            Path(folder, "started").write_text(str(os.getpid()))
            threading.Event().wait(600)

        work().compute()

    @flow
    def endless_clean_up(folder):
        try:
            Path(folder, "started").touch()
            threading.Event().wait(600)
        finally:
            Path(folder, "cleaning").touch()
            while not Path(folder, "go-on").exists():
                threading.Event().wait(0.01)
            Path(folder, "cleaned").touch()
"""


@pytest.fixture
def start(toy, tmp_path):
    """Start one of the flows in a container."""

    def start(name, variables=None, **settings):
        write(tmp_path / "here" / "endless_flows.py", FLOWS)
        flow = find_flow(str(tmp_path / "here" / f"endless_flows.py:{name}"))
        folder = str(tmp_path)
        import endless_flows

        environment = ToyEnvironment(on_exit=make_on_exit(endless_flows.left, folder), **settings)
        run = prepare(flow, environment=environment, parameters={"folder": folder}).flow_run
        return Container(tmp_path, run, variables=variables)

    return start


def make_on_exit(left, folder):
    return lambda: left(folder)


def assert_stopped(ended, tmp_path):
    assert ended.exit_code == 143
    assert (ended.outcome.state, ended.outcome.reason) == (State.CRASHED, Reason.STOPPED)
    assert (tmp_path / "on-exit").read_text() == "called"


def test_a_waiting_flow_is_stopped(start, tmp_path):
    assert_stopped(start("endless").terminate_when(tmp_path / "started"), tmp_path)


def test_a_flow_is_stopped_whatever_a_library_makes_of_the_interrupt(start, tmp_path):
    ended = start("made_an_error").terminate_when(tmp_path / "started")
    assert_stopped(ended, tmp_path)
    assert "ValueError: Invalid matrix" in ended.stderr


def test_an_async_flow_is_stopped(start, tmp_path):
    ended = start("endless_async").terminate_when(tmp_path / "started")
    assert_stopped(ended, tmp_path)
    assert (tmp_path / "async-finally").exists()


def test_processes_of_an_executor_end_with_the_flow(start, tmp_path):
    container = start("endless_dask", executor=LocalDaskExecutor("processes", num_workers=1))
    ended = container.terminate_when(tmp_path / "started")
    assert_stopped(ended, tmp_path)
    worker = int((tmp_path / "started").read_text())
    wait_until(lambda: not is_alive(worker))


def test_a_cluster_is_closed_with_the_flow(start, tmp_path):
    executor = DaskExecutor(cluster_kwargs={"n_workers": 1, "dashboard_address": "127.0.0.1:0"})
    ended = start("endless_dask", executor=executor).terminate_when(tmp_path / "started")
    assert_stopped(ended, tmp_path)
    worker = int((tmp_path / "started").read_text())
    wait_until(lambda: not is_alive(worker))


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_break_the_clean_up(start, tmp_path, again):
    container = start("endless_clean_up")
    container.wait_for(tmp_path / "started")
    container.process.send_signal(signal.SIGTERM)
    container.wait_for(tmp_path / "cleaning")
    container.process.send_signal(again)
    (tmp_path / "go-on").touch()
    assert_stopped(container.wait(), tmp_path)
    assert (tmp_path / "cleaned").exists()


def test_ctrl_c_cancels(start, tmp_path):
    container = start("endless")
    container.wait_for(tmp_path / "started")
    container.process.send_signal(signal.SIGINT)
    ended = container.wait()
    assert (ended.exit_code, ended.outcome.state) == (143, State.CANCELLED)
    assert (tmp_path / "on-exit").read_text() == "called"


SIGNALS_ITSELF = """
    import os, signal
    from flowenv import flow

    class AtTheEnd:
        def __reduce__(self): raise TypeError

    @flow
    def last_moment():
        return AtTheEnd()

    os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_while_the_flow_is_loaded_is_an_outcome_too(toy, tmp_path):
    path = write(tmp_path / "here" / "loading.py", SIGNALS_ITSELF.replace("    os.kill", "    #"))
    run = prepare(find_flow(str(path)), environment=ToyEnvironment()).flow_run
    write(path, SIGNALS_ITSELF)
    ended = Container(tmp_path, run).wait()
    assert (ended.exit_code, ended.outcome.reason) == (143, Reason.STOPPED)


SIGNALS_IN_A_CLASS = """
    import os, signal
    from flowenv import flow

    class Field:
        def __set_name__(self, owner, name):
            if "FLOWENV_PAYLOAD" in os.environ:
                os.kill(os.getpid(), signal.SIGTERM)

    class Settings:
        size = Field()

    @flow
    def work():
        pass
"""


def test_a_signal_while_a_class_is_made_is_an_outcome_too(toy, tmp_path):
    # Python 3.11 makes a RuntimeError of what comes there
    path = write(tmp_path / "signals.py", SIGNALS_IN_A_CLASS)
    run = prepare(find_flow(str(path)), environment=ToyEnvironment()).flow_run
    ended = Container(tmp_path, run).wait()
    assert (ended.exit_code, ended.outcome.reason) == (143, Reason.STOPPED)


SIGNALS_ON_IMPORT = """
    import os, signal, sys

    class WhileImported:
        def find_spec(self, name, path=None, target=None):
            if name == "{module}":
                os.kill(os.getpid(), signal.SIGTERM)

    sys.meta_path.insert(0, WhileImported())
"""


@pytest.mark.parametrize(
    "module", ["flowenv.container.run_payload", "logging", "flowenv.container.unpacking"]
)
def test_a_signal_while_flowenv_itself_is_imported_is_an_outcome_too(start, tmp_path, module):
    write(tmp_path / "site" / "sitecustomize.py", SIGNALS_ON_IMPORT.format(module=module))
    ended = start("endless", variables={"PYTHONPATH": str(tmp_path / "site")}).wait()
    assert (ended.exit_code, ended.outcome.reason) == (143, Reason.STOPPED)
    assert "Traceback" not in ended.stderr


def test_nothing_slow_is_imported_before_the_signals_are_heard():
    code = """
        import signal, sys

        before = set(sys.modules)
        signal.signal = lambda *_: sys.exit(" ".join(set(sys.modules) - before))
        import flowenv
        flowenv.load_and_run_flow()
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    known = {
        "flowenv",
        "flowenv._lazily",
        "flowenv._version",
        "flowenv.container",
        "flowenv.container.entry_point",
        "flowenv.signals",
        "flowenv.signals.terminated",
        "importlib",
        "importlib._bootstrap",
    }
    known |= {"importlib._bootstrap_external", "_imp", "warnings", "_warnings", "__future__"}
    assert set(ended.stderr.split()) <= known


def test_a_signal_that_the_starter_has_blocked_is_heard(start, tmp_path):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        container = start("endless")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    ended = container.terminate_when(tmp_path / "started")
    assert ended.outcome.reason is Reason.STOPPED
