"""A scheduler's dashboard: there for whoever looks at it, and not loaded before."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
from distributed import Scheduler
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from flowenv_dask_k8s.api.dashboard import offer_dashboard


class Client:
    """A client of a scheduler of this process."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def run_on_scheduler(self, function: Callable[..., Any]) -> Any:
        return function(dask_scheduler=self._scheduler)


def with_scheduler(look: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        address = "127.0.0.1:0"
        async with Scheduler(
            host="127.0.0.1", port=0, dashboard=False, dashboard_address=address
        ) as made:
            return await look(made)

    return asyncio.run(run())


def test_it_is_loaded_when_somebody_looks_at_it() -> None:
    async def look(scheduler: Any) -> tuple[bool, list[str], list[str]]:
        offered = offer_dashboard(Client(scheduler))
        url = f"http://127.0.0.1:{scheduler.http_server.port}"
        client = AsyncHTTPClient()
        before = [type(one).__name__ for one in scheduler.http_application.applications]
        pages = ("/health", "/status", "/", "/tasks", "/health")
        answers = await asyncio.gather(*(client.fetch(url + page) for page in pages))
        after = [type(one).__name__ for one in scheduler.http_application.applications]
        bodies = [one.body.decode() for one in answers]
        assert bodies[0] == bodies[-1] == "ok"
        assert all("Bokeh.safely" in body for body in bodies[1:-1]), bodies
        return offered, before, after

    assert with_scheduler(look) == (True, ["Application"], ["DaskBokehTornado"])


def test_without_bokeh_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    async def look(scheduler: Any) -> bool:
        offered = offer_dashboard(Client(scheduler))
        with pytest.raises(HTTPClientError, match="404"):
            await AsyncHTTPClient().fetch(f"http://127.0.0.1:{scheduler.http_server.port}/status")
        return offered

    assert with_scheduler(look) is False
