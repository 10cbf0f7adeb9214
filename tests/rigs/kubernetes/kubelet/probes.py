"""Probes: whether a container has started, is alive and is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from rigs.kubernetes.objects import Manifest

Execute = Callable[[list[str]], Awaitable[int]]
"""Runs a command in the container and returns its exit code."""


class Probe:
    """One probe of a container.

    Args:
        manifest: the probe, as in the container's manifest.
        container: the container's manifest, for its named ports.
        address: the pod's address.
        execute: runs a command in the container.
    """

    def __init__(
        self, manifest: Manifest, container: Manifest, address: str, execute: Execute
    ) -> None:
        self._manifest = manifest
        self._container = container
        self._address = address
        self._execute = execute

    async def passes(self) -> str | None:
        """Try once; return None for success, else what went wrong."""
        timeout = float(self._manifest.get("timeoutSeconds") or 1)
        try:
            # not wait_for, which before Python 3.12 may lose a cancellation: a container that ends
            # makes its probe fail in the very moment in which the probes are to end
            async with asyncio.timeout(max(timeout, 1.0)):
                return await self._try()
        except TimeoutError:
            return "context deadline exceeded"
        except (OSError, aiohttp.ClientError) as error:
            return str(error)

    async def _try(self) -> str | None:
        if request := self._manifest.get("httpGet"):
            return await self._http(request)
        if connection := self._manifest.get("tcpSocket"):
            host = connection.get("host") or self._address
            _, writer = await asyncio.open_connection(host, self._port(connection["port"]))
            writer.close()
            return None
        if command := self._manifest.get("exec"):
            code = await self._execute(list(command["command"]))
            return None if code == 0 else f"command exited with code {code}"
        return None

    async def _http(self, request: Manifest) -> str | None:
        host = request.get("host") or self._address
        scheme = str(request.get("scheme") or "HTTP").lower()
        url = f"{scheme}://{host}:{self._port(request['port'])}{request.get('path') or '/'}"
        async with aiohttp.ClientSession() as session:
            async with session.get(url, ssl=False) as response:
                good = 200 <= response.status < 400
                return None if good else f"HTTP probe failed with statuscode: {response.status}"

    def _port(self, port: Any) -> int:
        if isinstance(port, int) or str(port).isdigit():
            return int(port)
        ports = self._container.get("ports") or []
        return next(int(item["containerPort"]) for item in ports if item.get("name") == port)


@dataclass(frozen=True)
class Verdict:
    """What a probe has found, once its threshold is reached."""

    kind: str
    """``startup``, ``readiness`` or ``liveness``."""
    good: bool
    why: str = ""


class ContainerProbes:
    """The probes of one run of a container, tried until it ends.

    Args:
        container: the container's manifest.
        address: the pod's address.
        longest_period: upper bound to periods and initial delays, in seconds.
        execute: runs a command in the container.
        tell: called with each verdict; a container without a startup probe has started at once.
    """

    def __init__(
        self,
        container: Manifest,
        address: str,
        longest_period: float,
        execute: Execute,
        tell: Callable[[Verdict], None],
    ) -> None:
        self._container = container
        self._address = address
        self._longest_period = longest_period
        self._execute = execute
        self._tell = tell

    async def run(self) -> None:
        """Try the startup probe until it succeeds, then the others for ever."""
        if "startupProbe" in self._container:
            await self._try("startup", once=True)
        else:
            self._tell(Verdict("startup", good=True))
        others = [kind for kind in ("readiness", "liveness") if f"{kind}Probe" in self._container]
        await asyncio.gather(*(self._try(kind) for kind in others))

    async def _try(self, kind: str, *, once: bool = False) -> None:
        """Try one probe again and again; ``once`` ends with its first success."""
        manifest = self._container[f"{kind}Probe"]
        probe = Probe(manifest, self._container, self._address, self._execute)
        enough_good = int(manifest.get("successThreshold") or 1)
        enough_bad = int(manifest.get("failureThreshold") or 3)
        await asyncio.sleep(self._seconds(manifest, "initialDelaySeconds", 0))
        good = bad = 0
        while True:
            wrong = await probe.passes()
            good, bad = (good + 1, 0) if wrong is None else (0, bad + 1)
            if good >= enough_good or bad >= enough_bad:
                self._tell(Verdict(kind, wrong is None, wrong or ""))
            if once and wrong is None:
                return
            await asyncio.sleep(self._seconds(manifest, "periodSeconds", 10))

    def _seconds(self, manifest: Manifest, field: str, default: float) -> float:
        return min(float(manifest.get(field) or default), self._longest_period)
