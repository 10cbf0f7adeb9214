"""The connection to a Dask scheduler: made within a time, and what its loss means for a flow."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flowenv.errors import PlatformUnreachable, SettingError
from flowenv.states import Reason

_log = logging.getLogger("flowenv.dask")

_PATIENCE = 2.0
"""Seconds without a connection after which a line says what is waited for."""
_GOODBYE = 10.0
"""Seconds for a client to say goodbye to a scheduler that may not answer."""


@contextlib.contextmanager
def connected(
    where: Any,
    settings: Mapping[str, Any],
    *,
    why_lost: Callable[[], Iterable[str]] = tuple,
) -> Iterator[Any]:
    """A client that is connected to a scheduler, and closed at the end.

    Args:
        where: the scheduler's address, or a cluster.
        settings: what the Client gets; its `timeout` says how long the scheduler is waited
            for, else Dask's configuration does (30 s).
        why_lost: what the scheduler's platform knows when the connection is lost, without
            full stops.

    Raises:
        PlatformUnreachable: if there is no connection by then, or if the block fails because
            the connection is lost.
        SettingError: if it is no address.
    """
    from distributed import Client
    from distributed.comm import get_address_host

    address = getattr(where, "scheduler_address", where)
    seconds = _seconds(settings.get("timeout"))
    _leave_out_the_table_of_versions()
    try:
        if isinstance(where, str):  # a client that isn't made halfway leaves nothing behind
            get_address_host(where)
        with _notice(address, seconds):
            client = Client(where, **settings)
    except OSError as error:
        raise PlatformUnreachable(
            f"The Dask scheduler at {address} can't be reached: {_why(error, seconds)}.",
            hint="Does it run, is the address right, and can this machine reach it?",
            reason=Reason.NETWORK,
        ) from None
    except ValueError as error:
        raise SettingError(f"{address!r} is no address of a Dask scheduler: {error}.") from None
    try:
        yield client
    except Exception as error:
        if client.status == "running" or not _is_of_dask(error):
            raise
        why = "".join(f" {one}." for one in why_lost())
        raise PlatformUnreachable(
            f"The connection to the Dask scheduler at {address} was lost while the flow ran.{why}",
            hint="Look at the scheduler's log: did it end, or run out of memory?",
            reason=Reason.LOST,
        ) from error
    finally:
        # a client that looks for a scheduler that is gone would tell of it at length
        quietly = contextlib.nullcontext() if client.status == "running" else silenced()
        with quietly, contextlib.suppress(OSError, TimeoutError):
            client.close(timeout=_GOODBYE)


def _leave_out_the_table_of_versions() -> None:
    """`check_versions` says which differences matter; patch versions and numpy's don't."""
    import warnings

    from distributed.versions import VersionMismatchWarning

    warnings.filterwarnings("ignore", category=VersionMismatchWarning)


def _seconds(timeout: Any) -> float:
    import dask

    timeout = timeout or dask.config.get("distributed.comm.timeouts.connect")
    return float(dask.utils.parse_timedelta(timeout, "s"))


@contextlib.contextmanager
def _notice(address: str, seconds: float) -> Iterator[None]:
    """Say what is waited for, if it takes a while."""
    text = "Waiting for the Dask scheduler at %s, at most %g s."
    timer = threading.Timer(_PATIENCE, _log.warning, (text, address, seconds))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _why(error: BaseException | None, seconds: float) -> str:
    """What the network said the last time; what Dask raises says only that the time is over."""
    while error:
        if text := getattr(error, "strerror", None):
            return f"{text} (tried for {seconds:g} s)"
        error = error.__cause__
    return f"no connection within {seconds:g} s"


def _is_of_dask(error: Exception) -> bool:
    """True for a cancelled future and for Dask's own errors; others are the flow's."""
    is_cancelled = isinstance(error, concurrent.futures.CancelledError)
    return is_cancelled or type(error).__module__.partition(".")[0] == "distributed"


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep Dask from warning of what is expected when something is closed abruptly."""
    # these two have levels of their own, as Dask's configuration sets them
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
