"""What is so for every test of the repository."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest

from flowenv import redaction

# before anything else, also for the processes that tests start: the journal of whoever runs the
# tests is none of their business
_STATE = tempfile.mkdtemp(prefix="flowenv-state-")
os.environ["XDG_STATE_HOME"] = _STATE

# images of Python set it; then each process that tests start, and there are thousands, would
# compile all that it imports, and pytest all tests for each of its workers
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# nohup and background jobs ignore some signals, and so would each process that tests start: those
# that are interrupted would go on for ever
for _number, _handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


def pytest_sessionfinish() -> None:
    """Remove what the tests' runs have left in their own state folder."""
    shutil.rmtree(_STATE, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def aws_models_read_once() -> None:
    """boto3 reads its megabytes of service models anew for each session; tests make hundreds."""
    if loaders := sys.modules.get("botocore.loaders"):
        read = loaders.JSONFileLoader().load_file
        loaders.JSONFileLoader.load_file = staticmethod(functools.cache(read))


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """One test's password may be a word of another's log."""
    redaction.forget()
    yield
    redaction.forget()
