"""A Dask scheduler that isn't there, or dies while a flow runs."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import textwrap
import threading

import dask
import pytest

from flowenv import DaskExecutor, Flow, get_executor
from flowenv.errors import PlatformUnreachable, SettingError
from flowenv.states import Reason

pytest.importorskip("distributed")

NOBODY = "tcp://127.0.0.1:1"


def test_a_scheduler_that_is_not_there_is_an_error_that_says_where_and_why():
    executor = DaskExecutor(NOBODY, client_kwargs={"timeout": "200 ms"})
    words = rf"scheduler at {NOBODY} can't be reached: .*0\.2 s.* Does it run"
    with pytest.raises(PlatformUnreachable, match=words) as caught:
        Flow(lambda: 1).run(executor=executor)
    assert caught.value.reason is Reason.NETWORK
    assert caught.value.__cause__ is None  # Dask's frames say nothing more


def test_a_scheduler_that_is_long_in_coming_is_spoken_of(caplog, monkeypatch):
    monkeypatch.setattr("flowenv.executors.dask_cluster.connection._PATIENCE", 0.05)
    executor = DaskExecutor(NOBODY, client_kwargs={"timeout": "300 ms"})
    with pytest.raises(PlatformUnreachable):
        Flow(lambda: 1).run(executor=executor)
    assert f"Waiting for the Dask scheduler at {NOBODY}, at most 0.3 s." in caplog.text


def test_a_scheduler_that_is_there_is_not_spoken_of(mortal, caplog):
    Flow(lambda: 1).run(executor=DaskExecutor(mortal[0]))
    assert "Waiting" not in caplog.text


def test_another_patch_version_there_is_no_table_to_read(mortal, monkeypatch):
    from distributed import client, versions

    right = versions.get_versions

    def another_patch(packages=None):
        found = right(packages)
        found["packages"]["python"] = f"3.{sys.version_info.minor}.99.final.0"
        return found

    monkeypatch.setattr(client.version_module, "get_versions", another_patch)
    Flow(lambda: 1).run(executor=DaskExecutor(mortal[0]))  # a warning would be an error


def test_what_is_no_address_is_an_error_of_the_settings():
    with pytest.raises(SettingError, match=r"'odd://x:1' is no address .*known schemes"):
        Flow(lambda: 1).run(executor=DaskExecutor("odd://x:1"))


@pytest.fixture
def mortal():
    """A scheduler as a process that a flow can kill: its address, and the process."""
    program = """
        import asyncio
        from distributed import Scheduler

        async def main():
            async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
                print(scheduler.address, flush=True)
                await scheduler.finished()

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip(), process
        process.kill()


def waiting_for_dask():
    """Wait for a result that can't come, as there are no workers."""
    return get_executor().submit(abs, -1).result()


def computing_with_dask():
    return dask.delayed(abs)(-1).compute()


@pytest.mark.parametrize("work", [waiting_for_dask, computing_with_dask])
def test_a_scheduler_that_dies_while_the_flow_runs_is_why_the_run_crashed(mortal, work):
    address, process = mortal

    def flow():
        threading.Timer(0.2, process.kill).start()
        return work()

    words = rf"connection to the Dask scheduler at {address} was lost"
    with pytest.raises(PlatformUnreachable, match=words) as caught:
        Flow(flow).run(executor=DaskExecutor(address))
    assert caught.value.reason is Reason.LOST
    assert isinstance(caught.value.__cause__, concurrent.futures.CancelledError)


def test_what_the_flow_itself_raises_without_a_scheduler_is_its_own(mortal):
    address, process = mortal

    def fail():
        process.kill()
        with pytest.raises(concurrent.futures.CancelledError):
            waiting_for_dask()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Flow(fail).run(executor=DaskExecutor(address))


def test_a_flow_that_needs_no_scheduler_any_more_completes(mortal, capfd):
    address, process = mortal

    def flow():
        future = get_executor().submit(abs, -1)
        process.kill()
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()
        return 5

    assert Flow(flow).run(executor=DaskExecutor(address)) == 5
    assert "Traceback" not in capfd.readouterr().err
