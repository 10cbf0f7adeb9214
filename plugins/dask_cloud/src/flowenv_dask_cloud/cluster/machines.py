"""Virtual machines of Dask's scheduler and workers that can be ended while they are made."""

from __future__ import annotations

import asyncio
from typing import Any

from flowenv_dask_cloud.cluster.dask_objects import answers
from flowenv_dask_cloud.cluster.members import Member, Watch

_MAKING = 60.0
"""Seconds that a machine which is being made may take before it is ended nevertheless."""
_BETWEEN = 0.1
"""Seconds between two looks at the scheduler's port."""


def watched_machine(cls: type[Any], watch: Watch) -> type[Any]:
    """A machine's class whose making an interrupt doesn't tear apart.

    A call to the provider runs in a thread: cancelled, it would go on, and nobody would
    know of the machine. So it is waited for, and then the machine is destroyed.
    """

    class Machine(Member, cls):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            watch.made.append(self)

        async def create_vm(self) -> Any:
            self._making = asyncio.ensure_future(super().create_vm())
            return await asyncio.shield(self._making)

        async def wait_for_scheduler(self) -> None:
            # dask-cloudprovider's own blocks the event loop while a packet gets no answer
            address = self.external_address or self.address
            self.cluster._log(f"Waiting for the scheduler at {address}")
            while not await answers(address):
                await asyncio.sleep(_BETWEEN)

        async def _end(self, **kwargs: Any) -> None:
            assert self._making
            await asyncio.wait({self._making}, timeout=_MAKING)
            await super(Member, self).close(**kwargs)

    Machine.__name__ = Machine.__qualname__ = cls.__name__
    return Machine
