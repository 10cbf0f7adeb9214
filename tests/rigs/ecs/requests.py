"""What clients asked for: reading an AWS request from WSGI, and the log of all of them."""

import io
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

_CREDENTIAL = re.compile(r"([^/=\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")

# S3 says what it wants by method and path; only what this project's payloads need is told apart.
_S3_OBJECT = {
    "GET": "GetObject",
    "PUT": "PutObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
}
_S3_BUCKET = {"GET": "ListObjects", "PUT": "CreateBucket", "HEAD": "HeadBucket"}


@dataclass(frozen=True)
class ApiCall:
    """One call of an AWS API, as it arrived."""

    service: str
    operation: str
    region: str
    access_key_id: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class LoggedRequest:
    """One call and what became of it.

    `status` is the HTTP status, or None where the answer was lost on the way; `error` is the AWS
    error code, or None.
    """

    service: str
    operation: str
    region: str
    access_key_id: str
    parameters: Mapping[str, Any]
    status: int | None
    error: str | None


def read_body(environ: dict[str, Any]) -> bytes:
    """The request's body; leaves `environ` readable for the next application."""
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    body: bytes = stream.read(int(length)) if length else b""
    if not length and environ.get("wsgi.input_terminated"):
        body = stream.read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    if environ["REQUEST_METHOD"] == "PUT":
        # urllib calls every body a form, and moto would read it as one instead of storing it.
        environ["CONTENT_TYPE"] = environ.get("CONTENT_TYPE", "").replace(
            "application/x-www-form-urlencoded", "application/octet-stream"
        )
    return body


def parse_call(environ: Mapping[str, Any], body: bytes) -> ApiCall:
    """Find out which operation of which service a request asks for."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    scope = environ.get("HTTP_AUTHORIZATION") or query.get("X-Amz-Credential", "")
    match = _CREDENTIAL.search(unquote(scope))
    access_key_id, region, service = match.groups() if match else ("", "", "s3")
    target = environ.get("HTTP_X_AMZ_TARGET")
    form = dict(parse_qsl(body.decode(errors="replace"))) if not match and not target else {}
    if "Action" in form:
        # AssumeRoleWithWebIdentity, which has no key to be signed with yet
        service, operation, parameters = "sts", form.pop("Action"), form
    elif target:
        operation, parameters = target.rpartition(".")[2], json.loads(body or b"{}")
    elif service == "s3":
        operation, parameters = _s3_operation(environ, query)
    else:
        parameters = query | dict(parse_qsl(body.decode(errors="replace")))
        operation = parameters.pop("Action", environ.get("PATH_INFO", ""))
    return ApiCall(service, operation, region, access_key_id, parameters)


def _s3_operation(environ: Mapping[str, Any], query: dict[str, str]) -> tuple[str, dict[str, Any]]:
    bucket, _, key = environ.get("PATH_INFO", "/").lstrip("/").partition("/")
    method = environ["REQUEST_METHOD"]
    parameters: dict[str, Any] = {"Bucket": bucket, "Key": key, **query}
    if key:
        return _S3_OBJECT.get(method, method), parameters
    if not bucket:
        return "ListBuckets", parameters
    if method == "POST" and "delete" in query:
        return "DeleteObjects", parameters
    return _S3_BUCKET.get(method, method), parameters


class RequestLog:
    """Every call that reached the rig, oldest first.

    Example: `assert rig.requests.count("RunTask") == 1`.
    """

    def __init__(self) -> None:
        self._entries: list[LoggedRequest] = []
        self._lock = threading.Lock()
        self._paused = False

    def add(self, call: ApiCall, status: int | None, error: str | None) -> None:
        """Note a call. `status` None says that its answer was lost."""
        entry = LoggedRequest(
            call.service,
            call.operation,
            call.region,
            call.access_key_id,
            call.parameters,
            status,
            error,
        )
        with self._lock:
            if not self._paused:
                self._entries.append(entry)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Note nothing for a while (the rig's own preparations)."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def of(self, operation: str, service: str | None = None) -> list[LoggedRequest]:
        """The calls of one operation, oldest first."""
        return [
            entry
            for entry in self
            if entry.operation == operation and service in (None, entry.service)
        ]

    def count(self, operation: str | None = None, service: str | None = None) -> int:
        """How many calls there were: of one operation, of one service, or in all."""
        return sum(
            operation in (None, entry.operation) and service in (None, entry.service)
            for entry in self
        )

    def counts(self) -> Counter[str]:
        """How often each operation was called."""
        return Counter(entry.operation for entry in self)

    def clear(self) -> None:
        """Forget the calls so far."""
        with self._lock:
            self._entries.clear()

    def __iter__(self) -> Iterator[LoggedRequest]:
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)
