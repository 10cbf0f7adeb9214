"""Probes: whether a container has started, is alive and is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
            return await asyncio.wait_for(self._try(), max(timeout, 1.0))
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


class ProbeLoop:
    """Tries a probe again and again, and says when its verdict changes.

    Args:
        probe: what is tried.
        manifest: period and thresholds.
        longest_period: upper bound to the period and the initial delay, in seconds.
        verdict: called with True or False, and the reason, each time thresholds are reached.
    """

    def __init__(
        self,
        probe: Probe,
        manifest: Manifest,
        longest_period: float,
        verdict: Callable[[bool, str], None],
    ) -> None:
        self._probe = probe
        self._delay = min(float(manifest.get("initialDelaySeconds") or 0), longest_period)
        self._period = min(float(manifest.get("periodSeconds") or 10), longest_period)
        self._success = int(manifest.get("successThreshold") or 1)
        self._failure = int(manifest.get("failureThreshold") or 3)
        self._verdict = verdict

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.sleep(self._delay)
        good = bad = 0
        while True:
            wrong = await self._probe.passes()
            good, bad = (good + 1, 0) if wrong is None else (0, bad + 1)
            if good >= self._success or bad >= self._failure:
                self._verdict(wrong is None, wrong or "")
            await asyncio.sleep(self._period)

    async def until_success(self) -> None:
        """Go on until it succeeds; a verdict of failure is told."""
        await asyncio.sleep(self._delay)
        bad = 0
        while (wrong := await self._probe.passes()) is not None:
            bad += 1
            if bad == self._failure:
                self._verdict(False, wrong)
            await asyncio.sleep(self._period)
        self._verdict(True, "")
