"""Tests of closing a LocalCluster whose workers are busy."""

import logging
import os
import signal
import threading
import time

import pytest

from flowenv.executors.dask_cluster.local_cluster import close_at_once, leave_interrupts_to_owner

from ...cli.project import eventually, is_gone

distributed = pytest.importorskip("distributed")
SMALL = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
STARTED = "started"


def work_for_ever():
    distributed.Event(STARTED).set()
    threading.Event().wait()


def work_until_the_test_ends():
    distributed.Event(STARTED).set()
    TEST_ENDS.wait()


TEST_ENDS = threading.Event()


@pytest.fixture(autouse=True)
def _let_threads_end():
    yield
    TEST_ENDS.set()


@pytest.mark.parametrize(
    ("processes", "work"), [(True, work_for_ever), (False, work_until_the_test_ends)]
)
def test_a_busy_cluster_is_closed_without_waiting_and_without_warnings(processes, work, caplog):
    caplog.set_level(logging.WARNING, "distributed")
    with distributed.LocalCluster(**SMALL, processes=processes) as cluster:
        with distributed.Client(cluster) as client:
            distributed.fire_and_forget(client.submit(work))
            assert distributed.Event(STARTED, client=client).wait(20)
        sent = time.monotonic()

        close_at_once(cluster)

        assert time.monotonic() - sent < 5
        assert cluster.status is distributed.Status.closed
    assert caplog.messages == []


def terminate(memory_limit, dask_worker):
    dask_worker.memory_manager.memory_limit = memory_limit
    os.kill(os.getpid(), signal.SIGTERM)
    return os.getpid()


@pytest.mark.slow
def test_a_terminated_worker_gives_its_owner_time_unless_it_is_short_of_memory():
    two = {**SMALL, "n_workers": 2, "silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(**two) as cluster, distributed.Client(cluster) as client:
        leave_interrupts_to_owner(client)
        short, free = client.scheduler_info()["workers"]
        with pytest.raises(OSError, match=r"[Cc]onnect|closed"):
            client.run(terminate, 1, workers=[short])
        (pid,) = client.run(terminate, 0, workers=[free]).values()
        eventually(lambda: is_gone(pid), "the worker's end")
