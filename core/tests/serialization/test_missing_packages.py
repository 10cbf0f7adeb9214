"""A value is read where what it is made with isn't installed."""

from __future__ import annotations

import sys

import pytest

from flowenv import contract
from flowenv.errors import PayloadError
from flowenv.serialization.arrays import read_array
from flowenv.serialization.frames import read_frame


@pytest.mark.parametrize(
    ("module", "read", "document"),
    [
        ("pyarrow", read_frame, {"$frame": "pandas", "value": ""}),
        ("numpy", read_array, {"$array": ""}),
    ],
)
def test_where_it_is_missing_is_said(module, read, document, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delenv(contract.PAYLOAD, raising=False)
    with pytest.raises(PayloadError, match="isn't installed here") as here:
        read(document)
    assert f"pip install '{module}" in here.value.hint

    monkeypatch.setenv(contract.PAYLOAD, "/payload")
    with pytest.raises(PayloadError, match="isn't installed in the flow's image") as there:
        read(document)
    assert "what the flow requires" in there.value.hint
