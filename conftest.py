"""What is so for every test of the repository."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from flowenv import redaction

# before anything else, also for the processes that tests start: the journal of whoever runs the
# tests is none of their business
_STATE = tempfile.mkdtemp(prefix="flowenv-state-")
os.environ["XDG_STATE_HOME"] = _STATE


def pytest_sessionfinish() -> None:
    """Remove what the tests' runs have left in their own state folder."""
    shutil.rmtree(_STATE, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """One test's password may be a word of another's log."""
    redaction.forget()
    yield
    redaction.forget()
