"""A clean slate for each test, and specs that are built without any network."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowenv
from flowenv import Flow
from flowenv.container.incoming_payload import read_payload
from flowenv.container.unpacking import expanded
from flowenv.flows.finding import find_flow
from flowenv.plugin import FlowRun, Outcome, Retries, State, configuration, contract
from flowenv.registry import registry
from flowenv.results.record.seal import proof_of
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.api import client
from flowenv_fargate.runs import account as known
from flowenv_fargate.runs import cloudwatch, tasks
from rigs.ecs import Account, EcsRig, Image, Script, ScriptedRunner, Task

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
    monkeypatch.setattr(client, "RETRIES", Retries(client.RETRIES.tries, 0.002, 0.01))
    monkeypatch.setattr(tasks, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(tasks, "CALLS_PER_SECOND", 1000.0)
    monkeypatch.setattr(tasks, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(cloudwatch, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(cloudwatch, "DRAIN_SECONDS", 0.5)
    monkeypatch.setattr(cloudwatch, "LATE_SECONDS", 0.5)
    _forget()
    yield
    _forget()


def _forget() -> None:
    configuration.cache_clear()
    registry.reset()
    known.forget()


@pytest.fixture
def write_flow(tmp_path: Path) -> Callable[[str], Flow[..., Any]]:
    """Write a flow's file, and load the flow as `flowenv run` loads it."""

    def write(source: str) -> Flow[..., Any]:
        path = tmp_path / "flows.py"
        path.write_text("from flowenv import flow\n\n" + source)
        return find_flow(str(path))

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


# -- an AWS on loopback whose tasks move one step each time they are described ------------


class Scripts:
    """What becomes of the rig's tasks: by default their flow returns 3."""

    def __init__(self) -> None:
        self.chosen: Script | None = None
        self.outcome = Outcome("", State.COMPLETED, result=3, has_result=True)

    def of(self, task: Task) -> Script:
        """The script of a task; its last line is its run's record."""
        if self.chosen is not None:
            return self.chosen
        run_id = task.started_by.removeprefix("flowenv/")
        proof = _proof_of(task)
        record = dataclasses.replace(self.outcome, run_id=run_id, proof=proof).to_line()
        code = {State.COMPLETED: 0, State.FAILED: 1}.get(self.outcome.state, 3)
        return Script(exit_code=code, lines=["hello", record])


def _proof_of(task: Task) -> str:
    """What the flow's process can prove, as it has read its payload."""
    overrides = task.overrides.get("containerOverrides") or []
    entries = [entry for one in overrides for entry in one.get("environment") or []]
    payload = {entry["name"]: entry["value"] for entry in entries}.get(contract.PAYLOAD, "")
    return proof_of(expanded(read_payload(payload))) if payload.startswith("data:") else ""


@pytest.fixture(scope="session")
def shared_scripts() -> Scripts:
    return Scripts()


@pytest.fixture(scope="session")
def shared_rig(shared_scripts: Scripts) -> Iterator[EcsRig]:
    runner = ScriptedRunner(shared_scripts.of, advance_when_described=True)
    with EcsRig({"flow:1": Image(), "flow:2": Image()}, runner=runner) as rig:
        yield rig


@pytest.fixture(scope="session")
def account(shared_rig: EcsRig) -> Account:
    return shared_rig.prepare()


@pytest.fixture
def rig(shared_rig: EcsRig, account: Account) -> Iterator[EcsRig]:
    """The rig without faults and requests of other tests."""
    shared_rig.faults.clear()
    shared_rig.requests.clear()
    shared_rig.tasks.forget_stopped()
    yield shared_rig
    shared_rig.faults.clear()


@pytest.fixture
def scripts(shared_scripts: Scripts) -> Iterator[Scripts]:
    shared_scripts.__init__()  # type: ignore[misc]
    yield shared_scripts
    shared_scripts.__init__()  # type: ignore[misc]


@pytest.fixture
def on_rig(rig: EcsRig, account: Account) -> Callable[..., FargateTaskEnvironment]:
    """Make an environment on the rig; keyword arguments add to what works, None removes."""

    def make(**settings: Any) -> FargateTaskEnvironment:
        working = {
            "aws_access_key_id": "AKIARIG",
            "aws_secret_access_key": "rig",
            "region_name": rig.region,
            "endpoint_url": rig.url,
            "metadata": {"image": "flow:1"},
            "cluster": account.cluster,
            "networkConfiguration": account.network_configuration,
            "executionRoleArn": account.execution_role_arn,
            **settings,
        }
        return FargateTaskEnvironment(**{n: v for n, v in working.items() if v is not None})

    return make


@pytest.fixture
def submit(small_flow: Flow[..., Any]) -> Callable[..., FlowRun]:
    """Submit the small flow."""

    def submit_flow(environment: FargateTaskEnvironment, **options: Any) -> FlowRun:
        return flowenv.submit(small_flow, environment=environment, **options)

    return submit_flow


# -- an AWS on loopback whose tasks are processes -----------------------------------------


@pytest.fixture(scope="session")
def running_rig() -> Iterator[EcsRig]:
    with EcsRig({"flow:1": Image.of_interpreter()}, stop_timeout=1) as rig:
        yield rig


@pytest.fixture(scope="session")
def working_settings(running_rig: EcsRig) -> dict[str, Any]:
    account = running_rig.prepare()
    return {
        "aws_access_key_id": "AKIARIG",
        "aws_secret_access_key": "rig",
        "region_name": running_rig.region,
        "endpoint_url": running_rig.url,
        "metadata": {"image": "flow:1"},
        "cluster": account.cluster,
        "networkConfiguration": account.network_configuration,
        "executionRoleArn": account.execution_role_arn,
    }


@pytest.fixture
def family() -> str:
    """A family that no other test has."""
    return f"family-{uuid.uuid4().hex[:8]}"
