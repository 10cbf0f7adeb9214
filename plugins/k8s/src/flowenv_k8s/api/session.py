"""One login to a cluster: settings, credentials, and the HTTP pool made from them.

For a kubeconfig, here and in `login`, the `kubernetes` package is imported: for its configuration
loading, with all ways to log in, and for its pool with TLS and proxies. Its typed API classes take
half a second to import and are left alone. In a pod nothing of it is needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import urllib3

from flowenv import __version__
from flowenv_k8s.api.kubeconfig import Source
from flowenv_k8s.api.lines import LONGEST, lines_of
from flowenv_k8s.api.login import KubeconfigLogin
from flowenv_k8s.api.pod_login import PodLogin

_LARGEST = 256 * 1024 * 1024
"""Bytes of an answer that are read; a page of 500 large objects is below it."""


class Session:
    """Settings and credentials, loaded once.

    Args:
        where: where they come from.

    Raises:
        PlatformUnreachable: if there are none.
        ConfigurationError: if the kubeconfig has no such context.
    """

    def __init__(self, where: Source) -> None:
        self._login = PodLogin() if where.in_cluster else KubeconfigLogin(where)
        self.host = self._login.host
        self._pool, self._base = _pool_for(self.host, self._login.pool)

    def send(
        self,
        method: str,
        url: str,
        data: bytes | None,
        content_type: str,
        timeout: urllib3.Timeout,
        live: bool,
    ) -> urllib3.BaseHTTPResponse:
        """Send one request; the answer's body is unread.

        Args:
            method: the HTTP method.
            url: path and query.
            data: the body.
            content_type: of the body.
            timeout: for connecting and reading.
            live: True for a stream, which needn't be JSON.

        Raises:
            urllib3.exceptions.HTTPError: if there is no answer.
        """
        headers = {"Accept": "application/json", "User-Agent": f"flowenv/{__version__}"}
        if live:
            headers["Accept"] = "*/*"
        if content_type:
            headers["Content-Type"] = content_type
        headers |= self._login.headers()
        answer: urllib3.BaseHTTPResponse = self._pool.urlopen(
            method,
            self._base + url,
            body=data,
            headers=headers,
            timeout=timeout,
            preload_content=False,
            redirect=False,
        )
        return answer

    def websocket(self, path: str) -> Any:
        """A websocket to the API server; only from outside of the cluster.

        Args:
            path: path and query.

        Raises:
            Exception: whatever the websocket's library has for what goes wrong.
        """
        if isinstance(self._login, PodLogin):
            raise NotImplementedError("A pod reaches other pods by their addresses.")
        return self._login.websocket(path)


class TooLarge(Exception):
    """An answer is larger than any of an API server's."""


def whole(answer: urllib3.BaseHTTPResponse) -> bytes:
    """An answer's body.

    Raises:
        TooLarge: if there is no end of it.
        urllib3.exceptions.HTTPError: if it breaks off.
    """
    body = answer.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        answer.close()
        raise TooLarge(f"its answer is over {_LARGEST // 1024**2} MiB")
    return body


def _pool_for(
    host: str, manager: urllib3.PoolManager
) -> tuple[urllib3.PoolManager | urllib3.HTTPConnectionPool, str]:
    """What sends requests to the only host there is, and what their paths begin with.

    To find its pool anew takes as long as a fifth of a request.
    """
    found = urllib3.util.parse_url(host)
    if manager.proxy and found.scheme == "http":
        return manager, host  # such a proxy wants whole addresses
    return manager.connection_from_url(host), found.path or ""


class Stream:
    """An open answer that one thread reads line by line, and any thread may interrupt."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        self._answer = answer

    def lines(self, longest: int = LONGEST) -> Iterator[bytes]:
        """The lines with their ends; the last one has none if the stream ended inside it.

        Args:
            longest: bytes of a line that are kept.

        Raises:
            ConnectionError: if the stream was cut or interrupted.
        """
        yield from lines_of(self.chunks(), longest)

    def chunks(self) -> Iterator[bytes]:
        """What comes, as it comes.

        Raises:
            ConnectionError: if the stream was cut or interrupted.
        """
        try:
            yield from self._answer.stream(64 * 1024)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ConnectionError(str(error)) from error
        finally:
            self._answer.close()

    def interrupt(self) -> None:
        """Make the reading thread stop: it gets a ConnectionError, or the end."""
        with contextlib.suppress(ValueError, RuntimeError, OSError):  # it has ended by itself
            self._answer.shutdown()
