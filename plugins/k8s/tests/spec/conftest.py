from __future__ import annotations

import pytest

from flowenv.plugin import configuration


@pytest.fixture(autouse=True)
def flowenv_is_in_the_image(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written down would change with every line of flowenv that travels."""
    monkeypatch.setenv("FLOWENV_RUNTIME", "image")
    configuration.cache_clear()


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", "tok-123")
    return "tok-123"
