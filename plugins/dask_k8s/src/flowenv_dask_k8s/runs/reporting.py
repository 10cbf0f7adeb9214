"""What a run's log says of its cluster: the dashboard, the workers, the scheduler's own log."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

from flowenv_dask_k8s.cluster.interface import ClusterPlan, RunCluster
from flowenv_dask_k8s.cluster.pods.scheduler_child import is_compiled

_log = logging.getLogger("flowenv.dask_k8s")

_LOOK = 0.5
"""Seconds between two questions to the scheduler how many workers it has."""
_END = 2.0
"""Seconds for a thread to end."""

K8S_LOGGERS = ("dask_kubernetes", "kr8s", "distributed.deploy")
"""What `log_k8s_errors` shows: dask-kubernetes, its client of Kubernetes, cluster managers."""


def raise_loggers(*names: str) -> None:
    """Have these libraries log everything where flowenv logs.

    Refused requests, expired credentials and watches that break are debug messages there.
    """
    own = logging.getLogger("flowenv")
    for name in names:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        for handler in own.handlers:
            if handler not in logger.handlers:
                logger.addHandler(handler)
        logger.propagate = logger.propagate and not own.handlers


@contextlib.contextmanager
def shown_here() -> Iterator[None]:
    """Show flowenv's lines while the block lasts, where nobody has configured logging.

    A flow that runs outside, in a notebook, say, has no log of a run in which they would stand.
    """
    own = logging.getLogger("flowenv")
    if own.hasHandlers():
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = own.level
    own.addHandler(handler)
    own.setLevel(level or logging.INFO)
    try:
        yield
    finally:
        own.setLevel(level)
        own.removeHandler(handler)


def report_bytecode() -> None:
    """Say it if the image has no bytecode of Dask, which takes longest of what a start takes."""
    if not is_compiled("distributed"):
        _log.info(
            "The image has no bytecode of Dask, so that scheduler and workers compile it when they "
            "start. pip leaves it there; uv does with UV_COMPILE_BYTECODE=1."
        )


def report_dashboard(cluster: RunCluster, plan: ClusterPlan, client: Any) -> None:
    """Say where Dask's dashboard is, if it shows anything.

    Args:
        cluster: the run's cluster.
        plan: where it is.
        client: a client of it.
    """
    if not cluster.has_dashboard(client):
        _log.info("The scheduler has no dashboard: its image has no bokeh (pip install bokeh).")
        return
    _log.info("Dask dashboard: %s", cluster.dask.dashboard_link)
    if plan.is_inside:
        port = cluster.forwarded.rpartition(" ")[2]
        _log.info(
            "From your machine: kubectl port-forward -n %s %s, then http://localhost:%s/status",
            plan.namespace,
            cluster.forwarded,
            port,
        )


@contextlib.contextmanager
def report_workers(client: Any) -> Iterator[None]:
    """Say it when workers join or leave, for as long as the block lasts.

    Not when they leave because the process is told to stop: they are told at the same time.

    Args:
        client: a connected `distributed.Client`.
    """
    over, is_stopped = threading.Event(), threading.Event()
    with _thread(lambda: _watch_workers(client, over, is_stopped), "report-dask-workers"):
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Exception):
                is_stopped.set()
            raise
        finally:
            over.set()


def _watch_workers(client: Any, over: threading.Event, is_stopped: threading.Event) -> None:
    known = _count(client)
    if known is not None:
        _log.info("The cluster has %s.", _workers(known))
    is_over, fewer = False, None
    while not is_over:
        is_over = over.wait(_LOOK)
        now = None if is_stopped.is_set() else _count(client)
        if now is None or now == known:
            continue
        if known is not None and now < known and now != fewer and not is_over:
            fewer = now  # told at the next look, if the process hasn't been told to stop then
            continue
        had = "" if known is None else f", had {known}"
        _log.info("The cluster has %s%s.", _workers(now), had)
        known = now


def _count(client: Any) -> int | None:
    """How many workers the scheduler has; None if it can't be asked."""
    try:
        # not client.scheduler_info, whose answers are shared with the flow
        return int(client.sync(client.scheduler.identity, n_workers=0)["n_workers"])
    except Exception as error:  # the flow itself will notice a lost scheduler
        _log.debug("The scheduler can't be asked for its workers: %r", error)
        return None


def _workers(count: int) -> str:
    return f"{count} worker" if count == 1 else f"{count} workers"


@contextlib.contextmanager
def _thread(work: Any, name: str) -> Iterator[None]:
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(_END)
