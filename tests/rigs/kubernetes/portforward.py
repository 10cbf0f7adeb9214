"""Port-forward: a connection to a pod inside a websocket."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.status import bad_request

_PROTOCOLS = ("v4.channel.k8s.io", "portforward.k8s.io")
_DATA, _ERROR = b"\x00", b"\x01"
_CHUNK = 65536


async def serve_port_forward(
    cluster: Cluster, http_request: web.Request, pod: Manifest
) -> web.WebSocketResponse:
    """Answer a request to forward one port of a pod.

    Each message begins with a byte that names its channel: 0 for data, 1 for errors. The first
    message on each names the port.

    Raises:
        ApiError: 400, no port is given.
    """
    asked = http_request.query.get("ports") or http_request.query.get("port")
    if not asked or not asked.isdigit():
        raise bad_request("you must specify at least one port, and it must be a number")
    port = int(asked)
    socket = web.WebSocketResponse(protocols=_PROTOCOLS)
    await socket.prepare(http_request)
    for channel in (_DATA, _ERROR):
        await socket.send_bytes(channel + port.to_bytes(2, "little"))
    address = (pod.get("status") or {}).get("podIP", "")
    try:
        reader, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        words = f"failed to connect to localhost:{port} inside namespace: {error}"
        await socket.send_bytes(_ERROR + words.encode())
        await socket.close()
        return socket
    sending = asyncio.create_task(_send_to_client(cluster, reader, socket))
    try:
        async for message in socket:
            if message.type == WSMsgType.BINARY and message.data[:1] == _DATA:
                await cluster.answers.wait()
                writer.write(message.data[1:])
                await writer.drain()
    except ConnectionError:
        pass  # the pod has gone
    finally:
        sending.cancel()
        writer.close()
    return socket


async def _send_to_client(
    cluster: Cluster, reader: asyncio.StreamReader, socket: web.WebSocketResponse
) -> None:
    try:
        while data := await reader.read(_CHUNK):
            await cluster.answers.wait()
            await socket.send_bytes(_DATA + data)
        await socket.close()
    except ConnectionError:
        pass  # either side has gone
