"""Flows that look at their own Dask cluster. They run in pods of the rig."""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Client, Event, Security, get_client

from flowenv import flow, get_executor

PATIENCE = 120.0


def wait_until(holds: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        threading.Event().wait(0.1)


def workers(client: Client) -> set[str]:
    return set(client.scheduler_info(n_workers=-1)["workers"])


def wait_for_event(number: int, name: str) -> int:
    Event(name).wait()
    return number


@flow
def total(numbers: int = 10) -> int:
    return sum(get_executor().map(abs, range(numbers)))


@flow
def ends_when_told(until: str) -> int:
    """Wait for a file, without any work on the cluster; then use it once."""
    print("waiting for a word", flush=True)
    wait_until(Path(until).exists, "the file")
    return sum(get_executor().map(abs, range(10)))


@flow
def works_until_told(until: str) -> int:
    """Have tasks on the cluster while its connection is cut, in this process, outside of it."""
    client = get_client()
    futures = client.map(wait_for_event, range(10), name="told")
    wait_until(lambda: workers(client), "a worker")
    print("working", flush=True)
    wait_until(Path(until).exists, "the file")
    Event("told").set()
    return sum(client.gather(futures))


@flow
def adapts() -> list[int]:
    """Have work for two workers, then for one."""
    client, name, seen = get_client(), "go", []
    futures = client.map(wait_for_event, range(80), name=name)
    wait_until(lambda: len(workers(client)) == 2, "a second worker")
    seen.append(len(workers(client)))
    Event(name).set()
    client.gather(futures)
    del futures
    wait_until(lambda: len(workers(client)) == 1, "one worker again")
    return [*seen, len(workers(client))]


@flow
def fail() -> float:
    return 1 / get_executor().submit(int).result()


@flow
def wait_for_ever() -> None:
    print("waiting", flush=True)
    threading.Event().wait()


@flow
def outlives_its_worker() -> int:
    """Wait on the cluster until another worker than the first is there."""
    client = get_client()
    first = workers(client)
    futures = client.map(wait_for_event, range(4), name="replaced")
    print("waiting for another worker", flush=True)
    wait_until(lambda: workers(client) - first, "another worker")
    Event("replaced").set()
    return sum(client.gather(futures))


@flow
def thinks(seconds: float, eats: bool = False) -> None:
    """Compute in plain Python for longer than the idle timeout, use the cluster, never end.

    It may eat memory then, until it is killed: a container's first process can't kill itself.
    """
    threading.Event().wait(seconds)
    assert get_executor().submit(abs, -3).result() == 3
    print(f"the cluster is still there, process {os.getpid()}", flush=True)
    eaten = []
    while eats:
        eaten.append(bytearray(10_000_000))
    threading.Event().wait()


@flow
def variables(names: list[str]) -> dict[str, dict[str, str | None]]:
    """What these variables are for the flow, the scheduler and a worker."""

    def look(names: list[str]) -> dict[str, str | None]:
        return {name: os.environ.get(name) for name in names}

    client = get_client()
    return {
        "flow": look(names),
        "scheduler": client.run_on_scheduler(look, names),
        "worker": client.submit(look, names).result(),
    }


@flow
def fingerprints(variable: str, until: str) -> dict[str, str]:
    """What tells a variable's value without showing it, in all three; ends when a file is there."""

    def look(name: str) -> str:
        return hashlib.sha256(os.environ[name].encode()).hexdigest()

    client = get_client()
    found = {
        "flow": look(variable),
        "scheduler": client.run_on_scheduler(look, variable),
        "worker": client.submit(look, variable).result(),
    }
    print("looked", flush=True)
    wait_until(Path(until).exists, "the file")
    return found


@flow
def scheduler() -> str:
    """Which scheduler this is."""
    print("the flow runs", flush=True)
    return str(get_client().scheduler_info()["id"])


@flow
def dies_at_first(note: str) -> list[str]:
    """Be killed, and then tell the first scheduler from the second."""
    now, path = str(get_client().scheduler_info()["id"]), Path(note)
    if not path.exists():
        path.write_text(now)
        os.kill(os.getpid(), signal.SIGKILL)
    return [path.read_text(), now]


@flow
def needs_its_scheduler() -> None:
    """Wait for work on the cluster that nobody does."""
    client = get_client()
    futures = client.map(wait_for_event, range(4), name="never")
    print(f"waiting for the cluster, scheduler {client.run_on_scheduler(os.getpid)}", flush=True)
    client.gather(futures)


@flow
def fails_by_itself() -> None:
    raise ValueError("the flow's own")


@flow
def has_token() -> dict[str, bool]:
    """Who of the three could act as the service account."""

    def look() -> bool:
        return Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()

    client = get_client()
    return {
        "flow": look(),
        "scheduler": client.run_on_scheduler(look),
        "worker": client.submit(look).result(),
    }


@flow
def eats_memory() -> int:
    """Need more memory on a worker than it may have."""

    def eat(_: int) -> int:
        eaten = []
        while True:
            eaten.append(bytearray(5_000_000))
            time.sleep(0.01)

    return int(get_client().submit(eat, 1).result())


@flow
def loses_workers_to_the_kernel() -> None:
    """Have workers killed as the kernel does it where memory runs out."""

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    get_client().submit(kill).result()


@flow
def loses_its_scheduler() -> None:
    """Wait for work on the cluster, and kill the scheduler meanwhile."""
    client = get_client()
    future = client.submit(wait_for_event, 1, "never")
    os.kill(client.run_on_scheduler(os.getpid), signal.SIGKILL)
    future.result()


@flow
def waits_with_work() -> None:
    """Say who this is, and wait for work on the cluster that nobody does."""
    client = get_client()
    futures = client.map(wait_for_event, range(4), name="never")
    wait_until(lambda: workers(client), "a worker")
    print(f"waiting with work, process {os.getpid()}", flush=True)
    client.gather(futures)


@flow
def tries_without_a_certificate() -> list[str]:
    """Talk to the scheduler and a worker as somebody who isn't of the run; who answers."""
    client: Any = get_client()
    answered = list[str]()
    [worker] = workers(client) or [""]
    for address in (str(client.scheduler.address), worker):
        for other in (address.replace("tls://", "tcp://"), address):
            security = Security(require_encryption=False)
            if other.startswith("tls"):
                security = Security.temporary()  # of somebody else's making
            try:
                Client(other, security=security, timeout=3, set_as_default=False).close()
            except (OSError, TypeError):
                continue
            answered.append(other)
    return answered
