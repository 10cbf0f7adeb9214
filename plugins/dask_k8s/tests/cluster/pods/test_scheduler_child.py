"""The scheduler as a child process: what it gets of the flow's."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from flowenv_dask_k8s.cluster.pods.scheduler_child import without_bytecode


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("/distributed.py", ("PYTHONDONTWRITEBYTECODE",)),
        ("/proc/distributed.py", ()),
        (None, ()),
    ],
)
def test_bytecode_is_left_where_it_goes_with_the_container(
    module: str | None, left_out: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModuleSpec("distributed", None, origin=module) if module else None
    monkeypatch.setattr(importlib.util, "find_spec", {"distributed": spec}.get)

    assert without_bytecode() == left_out
