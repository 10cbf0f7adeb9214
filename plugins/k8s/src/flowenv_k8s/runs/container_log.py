"""A container's log, live, each line once, through streams that are cut.

The kubelet closes streams after hours, and a resumed one begins at a whole second. So lines
are asked for with their timestamps, and those that were seen already are dropped.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator

from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Request
from flowenv_k8s.api.resources import PODS

SILENCE = 3600.0
"""Seconds without a line after which a stream is opened anew, in case it died unnoticed."""


class ContainerLog:
    """The log of one container, read as far as it is known and resumed from there.

    Args:
        client: the connection.
        namespace: the pod's namespace.
        pod: its name.
        container: the container's name.
    """

    def __init__(self, client: Client, namespace: str, pod: str, container: str) -> None:
        self._client = client
        self._request = Request("get", PODS, namespace, pod, "log")
        self._container = container
        self._last = -1
        self._seen_at_last = 0

    def read(self, *, follow: bool) -> Iterator[str]:
        """The lines that are new, without line ends.

        Args:
            follow: go on until the API server ends the stream. A last line without an end
                is held back then, since more of it may come.

        Raises:
            ConnectionError: if the stream was cut; read again for the rest.
            Refused: with code 400 if the container hasn't started, 404 if the pod is gone.
            FlowenvError: if it is refused.
        """
        query = {"container": self._container, "timestamps": "true"}
        if follow:
            query["follow"] = "true"
        if self._last >= 0:
            query["sinceTime"] = _whole_second(self._last)
        stream = self._client.stream(
            self._request, query, raw=(400, 404), idle=SILENCE if follow else 60.0
        )
        repeated = self._seen_at_last
        for line in stream.lines():
            if follow and not line.endswith(b"\n"):
                return
            stamp, text = _parted(line)
            if stamp is None:
                yield text
                continue
            if stamp < self._last or (stamp == self._last and repeated > 0):
                repeated -= stamp == self._last
                continue
            if stamp > self._last:
                self._last, self._seen_at_last = stamp, 0
            self._seen_at_last += 1
            yield text


def _parted(line: bytes) -> tuple[int | None, str]:
    """A line's timestamp in nanoseconds, and its text."""
    text = line.decode(errors="replace").removesuffix("\n").removesuffix("\r")
    stamp, _, rest = text.partition(" ")
    try:
        return _nanoseconds(stamp), rest
    except ValueError:
        return None, text


def _nanoseconds(stamp: str) -> int:
    whole, dot, rest = stamp.partition(".")
    if not dot:
        return _second(stamp) * 10**9
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return _second(whole + rest[digits:]) * 10**9 + int(rest[:digits].ljust(9, "0")[:9])


@functools.lru_cache(maxsize=256)
def _second(stamp: str) -> int:
    if len(stamp) < 20:
        raise ValueError(stamp)
    return int(datetime.datetime.fromisoformat(stamp).timestamp())


def _whole_second(nanoseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(nanoseconds // 10**9, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
