"""What is so for every test of the repository."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

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


settings.register_profile(
    "flowenv",
    deadline=None,  # a shared machine has slow moments
    derandomize="NOX_CURRENT_SESSION" in os.environ,  # CI says the same of the same code
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("flowenv")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: processes that share the files end at the same time."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def pytest_sessionfinish() -> None:
    """Remove what the tests' runs have left in their own state folder."""
    shutil.rmtree(_STATE, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def aws_clients_made_once() -> None:
    """botocore reads megabytes and makes a class for each client; tests make hundreds of them."""
    if client := sys.modules.get("botocore.client"):
        session, creator = sys.modules["botocore.session"], client.ClientCreator
        session.create_loader = functools.cache(session.create_loader)
        for name in ("_load_service_model", "_create_client_class"):
            setattr(creator, name, _once_a_service(getattr(creator, name)))


def _once_a_service(make: Callable[..., Any]) -> Callable[..., Any]:
    made: dict[str, Any] = {}

    @functools.wraps(make)
    def once(creator: Any, service: str, *rest: Any, **more: Any) -> Any:
        if service not in made:
            made[service] = make(creator, service, *rest, **more)
        return made[service]

    return once


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> Iterator[None]:
    """One test's password may be a word of another's log."""
    redaction.forget()
    yield
    redaction.forget()
