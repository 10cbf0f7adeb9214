"""Flows on the Fargate backend, from submission to result, in tasks that really run.

By default they run on the ECS rig. With FLOWENV_TEST_FARGATE set to a TOML file of
`FargateTaskEnvironment` settings (`image`, `cluster`, `networkConfiguration`,
`executionRoleArn`, `payload_url`, perhaps `endpoint_url`), the tests that aren't about the rig
itself run there instead. They create one family of task definitions a flow, named `flowenv-*`,
a dozen short tasks, and log streams in the log group; the definitions are deregistered at the
end, the log streams stay for as long as the group keeps them.
"""

import json
import os
import random
import subprocess
import sys
import textwrap
import tomllib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.fargate_runs import as_a_new_process, flow_in, look_often, settings_on

from flowenv import Flow, LocalDaskExecutor, attach, submit
from flowenv.errors import RunCancelled, RunFailed
from flowenv.flows.finding import find_flow
from flowenv.registry import registry
from flowenv.runs.flow_run import FlowRun
from flowenv.states import Reason, State
from flowenv_fargate import FargateTaskEnvironment
from flowenv_local import LocalEnvironment
from rigs.ecs import Account, EcsRig, Image

EXAMPLES = Path(__file__).parents[2] / "examples"
ELSEWHERE = os.environ.get("FLOWENV_TEST_FARGATE")
on_the_rig_only = pytest.mark.skipif(bool(ELSEWHERE), reason="looks into the rig")
Environment = Callable[..., FargateTaskEnvironment]


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    without_flowenv = Image.of_interpreter(str(Path(sys.base_prefix) / "bin" / "python"))
    images = {"flow:1": Image.of_interpreter(), "plain:1": without_flowenv}
    with EcsRig(images, stop_timeout=2) as rig:
        yield rig


@pytest.fixture(scope="module")
def account(rig: EcsRig) -> Account:
    return rig.prepare()


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Settings of an environment that works: on the rig, or where the variable says."""
    if ELSEWHERE:
        found = tomllib.loads(Path(ELSEWHERE).read_text())
        names = ("image", "payload_url")
        found["metadata"] = {name: found.pop(name) for name in names if name in found}
        yield found
        for leftover in (
            registry.registry()
            .hooks("fargate")
            .hook.flowenv_sweep(
                environment=FargateTaskEnvironment(**found), older_than=0.0, delete=True
            )
        ):
            print("removed:", leftover.kind, leftover.name, leftover.problem)
        return
    rig = request.getfixturevalue("rig")
    account = request.getfixturevalue("account")
    yield settings_on(rig, account, "payloads", payload_url="s3://payloads/flows")


@pytest.fixture(autouse=True)
def clean_slate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    if not ELSEWHERE:
        look_often(monkeypatch)
    with as_a_new_process():
        yield


@pytest.fixture
def environment(settings: dict[str, Any]) -> Environment:
    """Make an environment; keyword arguments win, those of metadata are added."""

    def make(**changes: Any) -> FargateTaskEnvironment:
        metadata = {**settings["metadata"], **changes.pop("metadata", {})}
        return FargateTaskEnvironment(**{**settings, **changes, "metadata": metadata})

    return make


@pytest.fixture
def write_flow(tmp_path: Path) -> Callable[[str], Flow[..., Any]]:
    return lambda source: flow_in(tmp_path, source)


def wait_for_line(run: FlowRun, line: str) -> None:
    for found in run.logs(follow=True):
        if found == line:
            return
    raise AssertionError(f"the run has ended without the line {line!r}: {run.refresh()}")


@pytest.mark.parametrize(
    ("name", "parameters", "executor"),
    [
        ("image_check", {"pattern": "plugg*"}, None),
        (
            "model_selection",
            {"resolution": 2, "folds": 2, "images": 300},
            LocalDaskExecutor("threads"),
        ),
        ("penguins", {"output": Path("penguins-out")}, None),
    ],
)
def test_an_example_gives_the_same_result_as_in_the_local_process(
    name: str, parameters: dict[str, Any], executor: Any, environment: Environment
) -> None:
    flow = find_flow(str(EXAMPLES / name / f"{name}.py"))
    expected = LocalEnvironment(executor=executor).execute(flow, **parameters).result()
    run = environment(executor=executor).execute(flow, **parameters)

    assert run.result(120) == expected


def test_what_a_flow_prints_is_in_the_log_and_its_exception_in_the_outcome(
    environment: Environment, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    flow = write_flow(
        """
        @flow
        def failing():
            print("about to fail")
            raise KeyError("penguin")
        """
    )
    run = environment().execute(flow)

    assert "about to fail" in list(run.logs(follow=True))
    with pytest.raises(RunFailed, match="KeyError: 'penguin'"):
        run.result(60)


def test_a_cancelled_flow_cleans_up(
    environment: Environment, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    flow = write_flow(
        """
        import time

        @flow
        def endless():
            try:
                print("up", flush=True)
                time.sleep(600)
            finally:
                print("cleaned up", flush=True)
        """
    )
    run = environment().execute(flow)
    wait_for_line(run, "up")

    assert run.cancel().state is State.CANCELLED
    assert "cleaned up" in list(run.logs())
    with pytest.raises(RunCancelled):
        run.result()


@on_the_rig_only
def test_a_secret_reaches_the_flow_by_its_arn_and_is_nowhere_else(
    rig: EcsRig,
    environment: Environment,
    write_flow: Callable[[str], Flow[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = rig.client("secretsmanager")
    arn = secrets.create_secret(Name=f"token-{uuid.uuid4()}", SecretString="s3cr3t")["ARN"]
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", arn)
    flow = write_flow(
        """
        import os

        @flow
        def authorised():
            return os.environ["PREFECT__CLOUD__AUTH_TOKEN"] == "s3cr3t"
        """
    )
    rig.requests.clear()

    assert environment().execute(flow).result(60) is True
    sent = [entry.parameters for entry in rig.requests if entry.service == "ecs"]
    assert arn in str(sent)
    assert "s3cr3t" not in str(sent)


def test_result_and_files_travel_in_the_log_and_nobody_is_shown_them(
    environment: Environment, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    flow = write_flow(
        """
        import random
        from flowenv import output_dir

        @flow
        def noise(size: int) -> dict:
            (output_dir() / "plot.png").write_bytes(random.Random(2).randbytes(size))
            for number in range(300):
                print("line", number)
            return {(1, "key"): random.Random(1).randbytes(size)}
        """
    )
    run = environment().execute(flow, size=700_000)
    expected = {(1, "key"): random.Random(1).randbytes(700_000)}

    assert run.result(120) == expected
    attached = attach(run.reference, run.environment)
    assert dict(attached.files(60)) == {"plot.png": random.Random(2).randbytes(700_000)}
    assert attached.result(60) == expected
    shown = [line for line in attached.logs() if "INFO flowenv" not in line]
    assert shown == [f"line {number}" for number in range(300)]


@on_the_rig_only
def test_a_sidecar_runs_beside_the_flow_and_ends_with_it(
    rig: EcsRig, environment: Environment, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    side = {"name": "side", "image": "flow:1", "command": ["sleep", "600"]}
    flow = write_flow("@flow\ndef one():\n    return 1\n")
    run = environment(containerDefinitions=[{"name": "main"}, side]).execute(flow)

    assert run.result(60) == 1
    task = rig.tasks.wait(run.reference)
    assert {one.name: one.exit_code for one in task.containers} == {"main": 0, "side": 137}


@on_the_rig_only
def test_an_image_without_flowenv_says_what_it_lacks(
    environment: Environment, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    flow = write_flow("@flow\ndef one():\n    return 1\n")
    status = environment(metadata={"image": "plain:1"}, runtime="image").execute(flow).wait(60)

    assert (status.state, status.reason) == (State.CRASHED, Reason.START_ERROR)
    assert "Dockerfile" in status.hint


def test_another_process_picks_the_run_up(
    environment: Environment,
    settings: dict[str, Any],
    write_flow: Callable[[str], Flow[..., Any]],
    tmp_path: Path,
) -> None:
    flow = write_flow("@flow\ndef add(a: int, b: int):\n    return a + b\n")
    run = environment().execute(flow, a=1, b=2)
    program = """
        import json, sys, flowenv
        from flowenv_fargate import FargateTaskEnvironment
        settings, reference = json.load(sys.stdin)
        run = flowenv.attach(reference, FargateTaskEnvironment(**settings))
        print(json.dumps([run.id, run.flow_name, run.result(60)]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        input=json.dumps([settings, run.reference]),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert json.loads(done.stdout) == [run.id, "add", 3]


def test_the_command_line_runs_lists_and_sees_a_run(
    settings: dict[str, Any], write_flow: Callable[[str], Flow[..., Any]], tmp_path: Path
) -> None:
    label = f"label-{uuid.uuid4().hex[:8]}"
    write_flow("@flow\ndef add(a: int, b: int = 2):\n    return a + b\n")
    lines = [f"{name} = {_toml(value)}" for name, value in settings.items()]
    configured = ["[environments.cloud]", 'type = "fargate"', f'labels = ["{label}"]', *lines]
    tmp_path.joinpath("flowenv.toml").write_text("\n".join(configured))

    def command(*arguments: str) -> str:
        tool = str(Path(sys.executable).parent / "flowenv")
        done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed = command("run", "flows.py", "--env", "cloud", "-p", "a=40")
    listed = json.loads(command("runs", "--env", "cloud", "--label", label, "-o", "json"))

    assert "42" in printed
    assert [one["state"] for one in listed] == ["Completed"]
    status = json.loads(command("status", listed[0]["reference"], "--env", "cloud", "-o", "json"))
    assert status["state"] == "Completed"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)


@on_the_rig_only
def test_ten_runs_share_one_definition_and_leave_no_payload(
    rig: EcsRig, environment: Environment, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    flow = write_flow("@flow\ndef double(number: int):\n    return 2 * number\n")
    rig.requests.clear()
    runs = [
        submit(flow, environment=environment(family="ten"), parameters={"number": number})
        for number in range(10)
    ]

    assert [run.result(120) for run in runs] == [2 * number for number in range(10)]
    assert rig.requests.count("RegisterTaskDefinition") == 1
    assert rig.requests.count("RunTask") == 10
    stored = rig.client("s3").list_objects_v2(Bucket="payloads").get("Contents", [])
    left = [entry["Key"] for entry in stored]
    assert [key for key in left if "/runtimes/" not in key] == []
    assert len(left) <= 1  # flowenv itself, which the runs to come share


@on_the_rig_only
def test_a_run_whose_memory_is_used_up_says_so(
    rig: EcsRig, environment: Environment, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    flow = write_flow("import time\n\n@flow\ndef greedy():\n    time.sleep(600)\n")
    with rig.faults.inject("oom_kill"):
        status = environment().execute(flow).wait(60)

    assert (status.state, status.reason) == (State.CRASHED, Reason.OOM_KILLED)
