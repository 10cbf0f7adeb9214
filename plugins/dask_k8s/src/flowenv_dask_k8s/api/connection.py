"""A connection to a Dask scheduler, and what its errors mean."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

from flowenv.plugin import connected, silenced

_log = logging.getLogger("flowenv.dask_k8s")


@contextlib.contextmanager
def dask_client(cluster: Any) -> Iterator[Any]:
    """A Dask client of a cluster, closed at the end."""
    from distributed import Client

    client = Client(cluster, set_as_default=False)
    try:
        yield client
    finally:
        # one that looks for a scheduler that is gone would tell of it at length
        with contextlib.nullcontext() if client.status == "running" else silenced():
            client.close()


def scheduler_id(cluster: Any, timeout: float) -> str | None:
    """The id of the scheduler that answers, which no other one has; None if none does.

    Args:
        cluster: a KubeCluster.
        timeout: seconds that it may take.
    """
    try:
        asked = cluster.scheduler_comm.identity
        return str(cluster.sync(asked, n_workers=0, callback_timeout=timeout)["id"])
    except Exception as error:  # whatever comes of a connection that is no more
        _log.debug("The scheduler doesn't answer: %r", error)
        return None


def run_on_scheduler(
    address: str, security: Any, timeout: float, function: Any, *arguments: Any
) -> Any:
    """What a function gives that a scheduler runs.

    Args:
        address: the scheduler's.
        security: the run's certificates, a `distributed.Security`; None without.
        timeout: seconds that connecting may take.
        function: what it runs; it must have it, too.
        *arguments: the function's.
    """
    settings = {"security": security, "timeout": timeout, "set_as_default": False}
    with connected(address, settings) as client:
        return client.run_on_scheduler(function, *arguments)


def is_cut_off(error: BaseException, *, answers: bool) -> bool:
    """Whether an error may come of a connection to the scheduler that broke.

    Args:
        error: what the flow, or what is around it, raised.
        answers: whether the scheduler answers now; then only what Dask says itself counts.
    """
    from distributed.comm.core import CommClosedError

    if isinstance(error, CommClosedError) or "scheduler-connection-lost" in str(error):
        return True
    # concurrent.futures' futures don't carry Dask's words
    return not answers and isinstance(error, CancelledError | OSError)


def is_killed_worker(error: BaseException) -> bool:
    """Whether Dask gave a task up because the workers that ran it died."""
    from distributed import KilledWorker

    return isinstance(error, KilledWorker)


def answers(host: str, port: int, security: Any, timeout: float) -> bool:
    """Whether somebody listens there who has a certificate of the run, and takes ours.

    Args:
        host: where.
        port: where.
        security: the run's certificates, a `distributed.Security`.
        timeout: seconds that it may take.
    """
    context: ssl.SSLContext = security.get_connection_args("client")["ssl_context"]
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except OSError as error:  # ssl.SSLError is one
        _log.debug("%s:%s doesn't answer: %s", host, port, error)
        return False
