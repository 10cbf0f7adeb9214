"""What is so for every test of the repository."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowenv import redaction


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """One test's password may be a word of another's log."""
    redaction.forget()
    yield
    redaction.forget()
