"""Where the API server listens: it can go away, and come back at the same ports."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass

from aiohttp import web

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.faults import Fault


@dataclass
class _Port:
    number: int
    context: ssl.SSLContext | None
    server: asyncio.Server | None = None


class Listening:
    """The ports of the API server, one for HTTP and one for HTTPS.

    Carries out the fault ``api_down``: all connections are cut, new ones are refused. A server
    that is back doesn't know what happened before: watches that start from then get a 410.
    And ``api_silent``: what is there goes on where it was, late.

    Args:
        cluster: where faults come from.
        runner: what answers.
    """

    def __init__(self, cluster: Cluster, runner: web.AppRunner) -> None:
        self._cluster = cluster
        self._runner = runner
        self._ports: list[_Port] = []
        cluster.faults.listen("outage", self._fault_changed)

    async def open(self, number: int = 0, context: ssl.SSLContext | None = None) -> int:
        """Listen at a port, at any that is free for 0; return its number."""
        listener = _listener(number)
        port = _Port(listener.getsockname()[1], context)
        self._ports.append(port)
        await self._serve(port, listener)
        return port.number

    def close(self) -> None:
        """Refuse new connections and cut those that are there."""
        for port in self._ports:
            if port.server is not None:
                port.server.close()
                port.server = None
        connections = self._runner.server.connections if self._runner.server else []
        for connection in connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _serve(self, port: _Port, listener: socket.socket) -> None:
        assert self._runner.server is not None
        port.server = await self._cluster.loop.create_server(
            self._runner.server, sock=listener, ssl=port.context, backlog=128
        )

    def _fault_changed(self, fault: Fault, injected: bool) -> None:
        if fault.kind.name == "api_silent":
            self._go_silent(injected)
        if fault.kind.name != "api_down":
            return
        if injected:
            fault.strike()
            self.close()
            return
        self._cluster.store.forget_history()
        for port in self._ports:
            # from here on a client that connects waits to be heard
            listener = _listener(port.number)
            self._cluster.spawn(self._serve(port, listener))

    def _go_silent(self, injected: bool) -> None:
        if injected:
            self._cluster.answers.clear()
        elif not self._cluster.faults.has("api_silent"):
            self._cluster.answers.set()


def _listener(number: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", number), backlog=128)
