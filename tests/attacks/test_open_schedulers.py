"""Nobody else on the machine can use the Dask cluster of a flow."""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

import pytest

distributed = pytest.importorskip("distributed")
from flowenv import DaskExecutor, Flow  # noqa: E402
from flowenv.executors.dask_cluster.local_cluster import closed  # noqa: E402
from flowenv.executors.opening import open_executor  # noqa: E402
from flowenv_dask_cloud import DaskCloudProviderEnvironment  # noqa: E402

SMALL = {"n_workers": 1, "threads_per_worker": 1}


def unverified() -> ssl.SSLContext:
    """TLS as a stranger speaks it: with any server, and without a certificate that it knows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def speak(address: str, context: ssl.SSLContext | None) -> bytes:
    """What somebody without the cluster's certificate is told there, once they have spoken."""
    place = urlsplit(address)
    assert place.hostname
    assert place.port
    try:
        with contextlib.ExitStack() as stack:
            line = stack.enter_context(socket.create_connection((place.hostname, place.port), 10))
            if context:
                line = stack.enter_context(context.wrap_socket(line))
            line.sendall(b"\0" * 64)
            return line.recv(64)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_a_stranger_can_not_connect_to_a_local_cluster() -> None:
    with open_executor(DaskExecutor(cluster_kwargs=SMALL)) as pool:
        assert pool.submit(sum, [1, 2]).result(20) == 3
        client = distributed.get_client()
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        [worker] = client.scheduler_info()["workers"]
        assert worker.startswith("tls://127.0.0.1:")
        for place in (address, worker):
            assert speak(place, None) == b""
            assert speak(place, unverified()) == b""
        assert pool.submit(sum, [1, 2]).result(20) == 3


@pytest.mark.slow  # processes that all import Dask
def test_neither_to_one_that_a_provider_makes_for_a_run_here() -> None:
    def look() -> list[bytes]:
        client = distributed.get_client()
        places = [client.scheduler.address, *client.scheduler_info()["workers"]]
        assert len(places) == 2
        assert all(place.startswith("tls://") for place in places)
        return [speak(place, context) for place in places for context in (None, unverified())]

    environment = DaskCloudProviderEnvironment("distributed.LocalCluster", **SMALL)
    assert environment.execute(Flow(look, name="look")).result() == [b""] * 4


def test_its_dashboard_is_on_the_loopback_address_only() -> None:
    with open_executor(DaskExecutor(cluster_kwargs=SMALL)):
        link = distributed.get_client().dashboard_link
        assert link.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "settings", [{"security": False}, {"protocol": "tcp://"}, {"processes": False}]
)
def test_what_the_user_sets_stays(settings: dict[str, object]) -> None:
    assert closed(settings) == settings


def test_threads_in_this_process_listen_nowhere() -> None:
    with open_executor(DaskExecutor(cluster_kwargs={**SMALL, "processes": False})):
        # it isn't closed here: what it has set goes when the executor closes it
        assert distributed.get_client().scheduler.address.startswith("inproc://")
