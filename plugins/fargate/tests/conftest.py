"""A clean slate for each test, and specs that are built without any network."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow, registry
from flowenv.configuration import configuration
from flowenv.lifecycle import Prepared, prepare
from flowenv.targets import load_target
from flowenv_fargate import FargateTaskEnvironment, board, client, logs, pacing

RUN_ID = "11111111-2222-3333-4444-555555555555"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
ROLE = "arn:aws:iam::123456789012:role/execution"
VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "REGION_NAME"),
    *("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"),
    *("PREFECT__CLOUD__AUTH_TOKEN", "FLOWENV_IMAGE", "FLOWENV_PAYLOAD_URL", "FLOWENV_CONFIG"),
)


@pytest.fixture(autouse=True)
def clean_slate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No credentials, configuration or clients of anybody else; and no long waits."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pacing, "FIRST_WAIT", 0.002)
    monkeypatch.setattr(pacing, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(board, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(board, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(logs, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(logs, "DRAIN_SECONDS", 2.0)
    _forget()
    yield
    _forget()


def _forget() -> None:
    configuration.cache_clear()
    registry.reset()
    client.forget()


@pytest.fixture
def write_flow(tmp_path: Path) -> Callable[[str], Flow[..., Any]]:
    """Write a flow's file, and load the flow as `flowenv run` loads it."""

    def write(source: str) -> Flow[..., Any]:
        path = tmp_path / "flows.py"
        path.write_text("from flowenv import flow\n\n" + source)
        return load_target(str(path))

    return write


@pytest.fixture
def small_flow(write_flow: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    return write_flow("@flow\ndef add(a: int = 1, b: int = 2):\n    return a + b\n")


@pytest.fixture
def prepared(small_flow: Flow[..., Any]) -> Callable[..., Prepared]:
    """Prepare a run of a small flow with a known id; nothing is sent."""

    def prepare_run(environment: FargateTaskEnvironment, **options: Any) -> Prepared:
        flow = options.pop("flow", small_flow)
        result = prepare(flow, environment=environment, **options)
        if not result.flow_run.is_draft:
            result.flow_run.id = RUN_ID
        return result

    return prepare_run


@pytest.fixture
def built(prepared: Callable[..., Prepared]) -> Callable[..., dict[str, Any]]:
    """The finished spec of a run on `flow:1` with subnets; keyword arguments add to that."""

    def build(**settings: Any) -> dict[str, Any]:
        options = {n: settings.pop(n) for n in ("flow", "draft", "labels") if n in settings}
        settings.setdefault("metadata", {"image": "flow:1"})
        if "taskDefinition" not in settings or "family" in settings:
            settings.setdefault("networkConfiguration", NETWORK)
        return prepared(FargateTaskEnvironment(**settings), **options).spec

    return build
