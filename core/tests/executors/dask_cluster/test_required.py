"""Where nothing is installed for workers, they have what the flow requires, or it is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from distributed import Client, LocalCluster

from flowenv.errors import PlatformError
from flowenv.executors.dask_cluster.required import check_requirements
from flowenv.states import Reason

from .without_dashboard import WITHOUT_DASHBOARD


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=0, processes=False, **WITHOUT_DASHBOARD) as cluster:
        yield cluster


@pytest.mark.parametrize("workers", [0, 1], ids=["the scheduler", "a worker"])
def test_what_is_missing_is_listed(cluster: LocalCluster, workers: int) -> None:
    cluster.scale(workers)
    with Client(cluster) as client:
        client.wait_for_workers(workers) if workers else None
        check_requirements(client, ())
        check_requirements(client, ["dask", "nothing; python_version < '3'"])
        with pytest.raises(PlatformError, match=r": no-such>=1, dask<1 \(there is 20") as caught:
            check_requirements(client, ["distributed>=2", "no-such>=1", "dask<1"])
    assert caught.value.reason is Reason.CONFIGURATION
    assert "use an image that has it" in caught.value.hint
