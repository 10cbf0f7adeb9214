"""The log of a scheduler in a pod of its own, in the run's log."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import OUTAGES, Patience
from flowenv_k8s.plugin import Client, ContainerLog, Refused

_log = logging.getLogger("flowenv.dask_k8s")
_scheduler_log = logging.getLogger("flowenv.dask_k8s.scheduler")


@contextlib.contextmanager
def relay_log(client: Client, pod: Mapping[str, Any]) -> Iterator[None]:
    """Put the scheduler's log into the run's, line by line, for as long as the block lasts.

    Args:
        client: the connection.
        pod: the scheduler's.
    """
    metadata, container = pod["metadata"], pod["spec"]["containers"][0]["name"]

    def relay() -> None:
        log, patience = (
            ContainerLog(client, metadata["namespace"], metadata["name"], container),
            Patience(),
        )
        has_news = True
        while has_news and not patience.is_over:
            try:
                has_news = False
                for line in log.follow():
                    has_news = True
                    _scheduler_log.info("%s", line)
                patience.succeeded()
            except OUTAGES as error:
                has_news = True  # maybe: it can't be read now
                time.sleep(patience.failed(error))
            except (Refused, FlowenvError) as error:
                _log.debug("No log of the scheduler: %s", error)

    # it ends with the scheduler, which outlives this block
    threading.Thread(target=relay, name="relay-scheduler-log", daemon=True).start()
    yield
