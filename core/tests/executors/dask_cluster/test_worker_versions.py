"""Workers with other versions than the flow's that join while it runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client, LocalCluster, versions

from flowenv.executors.dask import run_on
from flowenv.executors.dask_cluster.worker_versions import OTHER_VERSIONS

from .without_dashboard import WITHOUT_DASHBOARD


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """One that is in this process, with one worker."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        **WITHOUT_DASHBOARD,
    ) as made:
        yield made


def wait_until(holds: Any, what: str) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        threading.Event().wait(0.01)


@pytest.mark.filterwarnings("ignore:Mismatched versions")  # Dask's own word on it
def test_a_worker_with_another_version_ends_before_anything_runs_there(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    right = versions._version_cached
    with Client(cluster) as client, run_on(client, is_own=True) as pool:
        [first] = client.scheduler_info()["workers"]
        monkeypatch.setattr(os, "_exit", ended.append)
        monkeypatch.setattr(
            versions, "_version_cached", lambda name: "1999.1.0" if name == "dask" else right(name)
        )
        futures = [pool.submit(where, n) for n in range(20)]
        cluster.scale(2)
        wait_until(lambda: ended, "its end")
        ran = {future.result(60) for future in futures}
        monkeypatch.undo()

        assert (ended, ran) == ([OTHER_VERSIONS], {first})
        assert list(client.scheduler_info()["workers"]) == [first]
    assert "this worker has Python 3." in capfd.readouterr().err


def where(_: int) -> str:
    """The worker that this runs on."""
    from distributed import get_worker

    threading.Event().wait(0.01)
    return str(get_worker().address)
