from __future__ import annotations

import pytest

from flowenv.remote import outages
from flowenv.remote.retries import Retries


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that was cut can be had again at once here, so nobody has to wait long for it."""
    monkeypatch.setattr(outages, "_PAUSES", Retries(first=0.01, longest=0.05))
