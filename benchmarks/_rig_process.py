"""A rig in a process of its own, so that what is measured is not its work."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Pipe = multiprocessing.connection.Connection
Ask = Callable[[Any], Any]


@contextmanager
def answering(serve: Callable[..., None], *given: object) -> Iterator[tuple[Ask, Any]]:
    """Have a rig answer questions while the block lasts.

    Args:
        serve: called in the other process with a pipe. It sends something once the rig is up, then
            the answer to each question, until that is `end`.
        given: what else it is called with.

    Yields:
        What asks, and what the rig sent first.
    """
    context = multiprocessing.get_context("spawn")
    ours, other = context.Pipe()
    server = context.Process(target=serve, args=(other, *given))
    server.start()
    other.close()

    def ask(what: Any) -> Any:
        ours.send(what)
        return ours.recv()

    try:
        yield ask, ours.recv()
    finally:
        ours.send("end")
        server.join()


@contextmanager
def kubernetes(serve: Callable[[Pipe, str], None]) -> Iterator[tuple[Ask, Path]]:
    """The same for a Kubernetes rig, which the current context then points to.

    Args:
        serve: called with a pipe, and the path where the rig's kubeconfig goes.

    Yields:
        What asks, and a folder, which this process's journal and cache are in.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "kubeconfig")
        os.environ.update(KUBECONFIG=path, XDG_STATE_HOME=folder, XDG_CACHE_HOME=folder)
        with answering(serve, path) as (ask, _):
            yield ask, Path(folder)
