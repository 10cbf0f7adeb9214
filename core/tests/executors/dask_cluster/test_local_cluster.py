"""Tests of closing a LocalCluster whose workers are busy."""

import logging
import threading
import time

import pytest

from flowenv.executors.dask_cluster.local_cluster import close_at_once

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
