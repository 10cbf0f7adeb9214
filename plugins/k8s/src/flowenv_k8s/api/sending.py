"""Requests to an API server: tried again where that can help, refused in our words."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

from flowenv.errors import FlowenvError, PlatformUnreachable
from flowenv.plugin import Retries, TryAgain
from flowenv_k8s.api.kubeconfig import Source
from flowenv_k8s.api.refusals import NotSent, Refused, Request
from flowenv_k8s.api.session import Session, Stream, TooLarge, whole

_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_UNCONNECTED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
_CONNECTIONS = 3
"""How often a request is tried when there is no answer."""
_PASSING = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses after which the same request may succeed."""

_OTHERS: list[Session | None] = []
"""Sessions of the process that this one was forked from."""


class Requests:
    """Sends requests by a session, which is another one once its credentials have expired.

    Args:
        where: where the connection's settings come from.
        retries: when requests are tried again.

    """

    def __init__(self, where: Source, retries: Retries) -> None:
        self._where, self._retries = where, retries
        self._lock = threading.Lock()
        self._session: Session | None = Session(where)

    @property
    def session(self) -> Session:
        """The session of now.

        Raises:
            FlowenvError: if a forked process can't make its own.
        """
        if (found := self._session) is None:
            with self._lock:
                found = self._session = self._session or Session(self._where)
        return found

    def after_fork(self) -> None:
        """Leave the connections to the process that they come from."""
        self._lock = threading.Lock()
        # not let go of: closing takes locks that threads may have held, which aren't here
        _OTHERS.append(self._session)
        self._session = None

    def json(
        self,
        request: Request,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        raw: tuple[int, ...] = (),
    ) -> dict[str, Any]:
        """What the API server answers.

        Args:
            request: what is asked for, as errors name it.
            method: HTTP's.
            path: where.
            query: parameters; empty ones are left out.
            body: what is sent.
            content_type: of the body.
            raw: HTTP statuses that are raised as `Refused` itself.

        Raises:
            PlatformUnreachable: if there is no answer, or none of an API server's.
            FlowenvError: if it is refused.
        """
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        _, text = self._send(
            request, method, _url(path, query or {}), data=data, content_type=content_type, raw=raw
        )
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.odd(request, "its answer is no JSON that can be read") from error
        if not isinstance(found, dict):
            raise self.odd(request, "its answer is no object")
        return found

    def stream(
        self,
        request: Request,
        query: Mapping[str, str],
        *,
        raw: tuple[int, ...] = (),
        idle: float | None = None,
    ) -> Stream:
        """Open a stream, as `Client.stream` has it."""
        path = request.resource.path(request.namespace, request.name, request.subresource)
        timeout = urllib3.Timeout(connect=10, read=idle)
        answer, _ = self._send(
            request, "GET", _url(path, query), raw=raw, timeout=timeout, live=True
        )
        return Stream(answer)

    def _send(
        self,
        request: Request,
        method: str,
        url: str,
        *,
        data: bytes | None = None,
        content_type: str = "",
        raw: tuple[int, ...] = (),
        timeout: urllib3.Timeout = _TIMEOUT,
        live: bool = False,
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        may_have_arrived = False

        def attempt() -> tuple[urllib3.BaseHTTPResponse, bytes]:
            nonlocal may_have_arrived
            session = self.session
            try:
                answer = session.send(method, url, data, content_type, timeout, live)
                text = b"" if live and answer.status < 300 else whole(answer)
            except urllib3.exceptions.HTTPError as error:
                may_have_arrived |= not isinstance(error, _UNCONNECTED)
                unreachable = self._unreachable(request, error, may_have_arrived)
                raise TryAgain(unreachable, tries=_CONNECTIONS) from error
            except TooLarge as error:
                raise self.odd(request, str(error)) from error
            may_have_arrived = True
            if answer.status < 300:
                return answer, text
            refused = Refused(request, answer.status, text)
            if answer.status == 401:
                raise TryAgain(refused, renew=lambda: self._refresh(session))
            if answer.status in _PASSING:
                raise TryAgain(refused, after=answer.headers.get("Retry-After"))
            raise refused

        try:
            return self._retries.call(attempt)
        except Refused as refused:
            if refused.code in raw:
                raise
            raise refused.error() from refused

    def _refresh(self, used: Session) -> None:
        """Load the credentials again, unless another thread just has."""
        with self._lock:
            if self._session is used:
                self._session = Session(self._where)

    def odd(self, request: Request, why: str) -> FlowenvError:
        """The error for an answer that no API server gives; raise it.

        Args:
            request: what was asked.
            why: what is wrong with the answer.
        """
        return PlatformUnreachable(
            f"Something else than Kubernetes answers at {self.session.host} ({request}): {why}.",
            hint="Is a proxy or a login page in between? The connection comes from the "
            f"{self._where}. Check with `kubectl version`.",
        )

    def _unreachable(
        self, request: Request, error: Exception, may_have_arrived: bool
    ) -> FlowenvError:
        cause = getattr(error, "reason", None) or error
        return (PlatformUnreachable if may_have_arrived else NotSent)(
            f"Kubernetes at {self.session.host} doesn't answer ({request}): {cause}",
            hint=f"The connection comes from the {self._where}. Check with `kubectl version`.",
        )


def _url(path: str, query: Mapping[str, str]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path
