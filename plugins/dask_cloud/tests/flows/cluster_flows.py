"""Flows for the tests of Dask clusters; loaded from this file, as `flowenv run` does."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

from distributed import get_client

from flowenv import flow, get_executor
from flowenv.testing.flows import digests


def square(number: int) -> int:
    return number * number


def divide(number: int) -> float:
    return 1 / number


def wait_for_ever(_: int) -> None:
    threading.Event().wait()


@flow
def total(numbers: int = 5) -> dict[str, Any]:
    """Squares on the cluster, and how many workers it has afterwards."""
    squares = sum(get_executor().map(square, range(numbers)))
    return {"total": squares, "workers": len(get_client().scheduler_info()["workers"])}


@flow
def fail(workers: int = 1) -> None:
    """Fails on a worker; `workers` is for `on_execute`."""
    list(get_executor().map(divide, [0]))


@flow
def connection() -> dict[str, Any]:
    """How the cluster is reached, and what its parts see of a run."""
    client = get_client()
    return {
        "scheduler": client.scheduler_info()["address"],
        "variables": client.run_on_scheduler(lambda: dict(os.environ)),
        "workers": list(client.run(lambda: dict(os.environ)).values()),
    }


@flow
def variable_digests(names: list[str]) -> dict[str, Any]:
    """What the scheduler and a worker have in these variables, as digests."""
    return {
        "worker": get_executor().submit(digests, names).result(),
        "scheduler": get_client().run_on_scheduler(digests, names),
    }


@flow
def never_ends(started: str) -> None:
    """Says in a file that it runs, then keeps a worker busy for ever."""
    future = get_executor().submit(wait_for_ever, 0)
    Path(started).write_text("running")
    future.result()


@flow
def lose_scheduler(cloud: str) -> None:
    """Kill the scheduler's machine while there is work on the cluster."""
    future = get_executor().submit(wait_for_ever, 0)
    [machine] = Path(cloud).glob("*-scheduler.machine")
    os.killpg(int(machine.read_text()), signal.SIGKILL)
    future.result()


def one_worker_instead(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
    """An `on_execute` that resizes the cluster."""
    provider_kwargs["n_workers"] = 1
