"""What environments that make a Dask cluster share: waiting, feeding, keeping awake."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from flowenv.errors import PlatformError
from flowenv.executors.dask_cluster.upkeep import keep_awake, wait_for_workers
from flowenv.states import Reason


class Client:
    """A client of a scheduler that is only an object."""

    def __init__(self, *workers: int, idle_timeout: float | None = None) -> None:
        self.scheduler = SimpleNamespace(idle_timeout=idle_timeout, idle_since=1.0)
        self._workers = list(workers)

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        now = self._workers.pop(0) if len(self._workers) > 1 else self._workers[0]
        return {"workers": dict.fromkeys(range(now))}

    def run_on_scheduler(self, function: Callable[..., Any]) -> Any:
        return function(dask_scheduler=self.scheduler)


def soon(happened: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 60
    while not happened() and time.monotonic() < deadline:
        threading.Event().wait(0.001)
    return bool(happened())


def test_it_waits_until_enough_workers_have_joined() -> None:
    client = Client(0, 1, 2)

    wait_for_workers(client, timeout=60, count=2)

    assert client._workers == [2]


def test_workers_that_dont_come_in_time_are_a_deadline() -> None:
    with pytest.raises(PlatformError, match="1 of 2 workers joined") as raised:
        wait_for_workers(Client(1), timeout=0.01, count=2)
    assert raised.value.reason is Reason.DEADLINE


def test_the_wait_ends_when_it_is_known_that_no_worker_will_come() -> None:
    with pytest.raises(PlatformError, match="the image can't be pulled"):
        wait_for_workers(Client(0), timeout=600, while_waiting=lambda: "the image can't be pulled")


def test_a_living_flow_keeps_its_scheduler_from_the_idle_timeout() -> None:
    client = Client(idle_timeout=0.01)

    with keep_awake(client):
        for moment in (2.0, 3.0):
            client.scheduler.idle_since = moment
            assert soon(lambda: client.scheduler.idle_since is None)

    assert soon(lambda: "keep-dask-awake" not in [t.name for t in threading.enumerate()])


def test_a_scheduler_without_idle_timeout_is_left_alone() -> None:
    client = Client()

    with keep_awake(client):
        assert "keep-dask-awake" not in [thread.name for thread in threading.enumerate()]

    assert client.scheduler.idle_since == 1.0
