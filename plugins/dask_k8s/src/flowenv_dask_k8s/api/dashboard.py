"""A scheduler's dashboard, which is loaded when somebody first looks at it.

Bokeh takes longer to import than the scheduler itself, and most runs' dashboards are never opened.
"""

from __future__ import annotations

from typing import Any


def offer_dashboard(client: Any) -> bool:
    """Have a scheduler that was started without its dashboard show it from the first look on.

    Args:
        client: a connected `distributed.Client`.

    Returns:
        False if the scheduler's image has no bokeh, so that there is none.
    """

    # functions inside a function are pickled whole: the scheduler's image may lack flowenv
    def offer(dask_scheduler: Any) -> bool:
        import asyncio
        import importlib.util

        from tornado import web

        if importlib.util.find_spec("bokeh") is None:
            return False
        pages = dask_scheduler.http_application

        async def load() -> None:
            name = "distributed.dashboard.scheduler"
            found = await asyncio.to_thread(importlib.import_module, name)
            pages.applications.remove(placeholder)
            found.connect(pages, dask_scheduler.http_server, dask_scheduler)

        loading: list[asyncio.Task[None]] = []

        class Page(web.RequestHandler):
            async def get(self) -> None:
                if not loading:
                    loading.append(asyncio.create_task(load()))
                await asyncio.shield(loading[0])
                self.redirect("/" + self.request.uri.lstrip("/"))

        placeholder = web.Application([(".*", Page)])
        pages.add_application(placeholder)
        return True

    return bool(client.run_on_scheduler(offer))
