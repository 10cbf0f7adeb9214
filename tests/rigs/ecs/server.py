"""The HTTP server: faults, the rig's own answers and, for all else, moto."""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from .api import EcsApi
from .errors import Answer, AwsError, error_answer, json_answer
from .faults import Fault, Faults
from .ingestion import Ingestion
from .metadata import Metadata
from .moto_backend import Moto
from .requests import ApiCall, RequestLog, parse_call, read_body
from .s3 import Address, Routing, localise

logger = logging.getLogger(__name__)
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Server:
    """Serves a WSGI application on a port of the loopback interface, a thread a request."""

    def __init__(self, port: int) -> None:
        self._application: Gateway | None = None
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", port, self._call, threaded=True, request_handler=_QuietHandler
        )
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def start(self, application: "Gateway") -> None:
        """Begin to answer."""
        self._application = application
        self._thread.start()

    def stop(self) -> None:
        """Answer no more, and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _call(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        assert self._application is not None
        return self._application(environ, start_response)


class _QuietHandler(MotoRequestHandler):
    """Logs nothing; `rig.requests` has it all."""

    def log_request(self, *_arguments: object) -> None:
        """Say nothing."""


class Gateway:
    """The WSGI application in front of moto."""

    def __init__(
        self,
        moto: Moto,
        ecs: EcsApi,
        faults: Faults,
        log: RequestLog,
        metadata: Metadata,
        ingestion: Ingestion,
        routing: Routing,
    ) -> None:
        self._moto = moto
        self._ingestion = ingestion
        self._routing = routing
        self._ecs = ecs
        self._operations = ecs.operations()
        self._instead: Mapping[str, Callable[[ApiCall, Fault], dict[str, Any]]] = {
            "capacity": ecs.refuse_for_capacity,
            "missing": ecs.deny_tasks,
        }
        self._faults = faults
        self._log = log
        self._metadata = metadata

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = read_body(environ)
        if environ["PATH_INFO"].startswith("/_rig/"):
            return _send(self._metadata.answer(environ), start_response)
        address = localise(environ)
        call = parse_call(environ, body)
        fault = self._faults.strike_call(call)
        answer = self._answer(call, fault, environ, address)
        lost = fault is not None and fault.kind.when == "answer"
        self._log.add(call, None if lost else answer.status, answer.error_code)
        if lost:
            _drop_connection(environ)
            return []
        return _send(answer, start_response)

    def _answer(
        self, call: ApiCall, fault: Fault | None, environ: dict[str, Any], address: Address | None
    ) -> Answer:
        try:
            if fault and fault.kind.when == "call":
                if fault.kind.error:
                    raise fault.kind.error(call)
                if fault.kind.answer:
                    return fault.kind.answer(fault)
                return json_answer(self._instead[fault.kind.name](call, fault))
            if call.service == "ecs" and call.operation in self._operations:
                return json_answer(self._operations[call.operation](call))
            if call.service == "s3":
                refusal = self._routing.refuse(environ, call, address)
                if refusal:
                    return refusal
            if call.service == "logs":
                self._ingestion.deliver()
            return self._moto.answer(environ)
        except AwsError as error:
            return error_answer(error, call.service)
        except Exception as error:
            logger.exception("the rig failed in %s.%s", call.service, call.operation)
            return error_answer(AwsError("ServerException", f"(rig) {error!r}", 500), call.service)


def _send(answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
    headers = list(answer.headers)
    if not any(name.lower() == "content-length" for name, _ in headers):
        headers.append(("Content-Length", str(len(answer.body))))
    start_response(f"{answer.status} Status", headers)
    return [answer.body]


def _drop_connection(environ: Mapping[str, Any]) -> None:
    """Close the connection without a word; werkzeug treats the rest as a client that left."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("the fault answer_lost dropped the connection")
