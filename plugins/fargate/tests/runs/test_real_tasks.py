"""What really runs in a task, whatever a definition or an override says of its command."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from flowenv import Flow
from flowenv.errors import RunCrashed, SpecError
from flowenv.plugin import Reason, State
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import EcsRig

Make = Callable[..., FargateTaskEnvironment]


@pytest.fixture
def make(working_settings: dict[str, Any]) -> Make:
    def make_environment(**settings: Any) -> FargateTaskEnvironment:
        given = {**working_settings, **settings}
        return FargateTaskEnvironment(**{n: v for n, v in given.items() if v is not None})

    return make_environment


@pytest.mark.parametrize(
    "settings",
    [
        {"containerDefinitions": [{"name": "main", "entryPoint": ["sh", "-c"]}]},
        {"containerDefinitions": [{"name": "main", "command": ["true"]}]},
        {
            "containerDefinitions": [{"name": "main"}],
            "overrides": {"containerOverrides": [{"name": "main", "command": ["true"]}]},
        },
    ],
    ids=["entry point", "command", "override's command"],
)
def test_the_flow_runs_whatever_command_the_users_container_has(
    settings: dict[str, Any], make: Make, small_flow: Flow[..., Any]
) -> None:
    assert make(**settings).execute(small_flow).result(60) == 3


@pytest.fixture
def register(running_rig: EcsRig, working_settings: dict[str, Any]) -> Callable[..., str]:
    """Register a definition as somebody else would; keyword arguments are the container's."""

    def register_definition(family: str, **container: Any) -> str:
        logs = {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": "/flows",
                "awslogs-region": running_rig.region,
                "awslogs-stream-prefix": "theirs",
            },
        }
        with running_rig.requests.paused():
            logs_client = running_rig.client("logs")
            with contextlib.suppress(logs_client.exceptions.ResourceAlreadyExistsException):
                logs_client.create_log_group(logGroupName="/flows")
            running_rig.client("ecs").register_task_definition(
                family=family,
                networkMode="awsvpc",
                requiresCompatibilities=["FARGATE"],
                cpu="256",
                memory="512",
                executionRoleArn=working_settings["executionRoleArn"],
                containerDefinitions=[
                    {"name": "app", "image": "flow:1", "logConfiguration": logs, **container}
                ],
            )
        return family

    return register_definition


def test_an_existing_definition_that_would_swallow_the_command_is_refused_with_both(
    running_rig: EcsRig, make: Make, register: Callable[..., str], small_flow: Flow[..., Any]
) -> None:
    existing = register("swallowing", entryPoint=["sh", "-c"])
    before = running_rig.requests.count("RunTask")

    with pytest.raises(SpecError, match=r"'sh', '-c'.*load_and_run_flow"):
        make(taskDefinition=existing, executionRoleArn=None).execute(small_flow)
    assert running_rig.requests.count("RunTask") == before


def test_a_family_of_somebody_else_that_would_swallow_the_command_is_refused(
    make: Make, register: Callable[..., str], small_flow: Flow[..., Any]
) -> None:
    family = register("swallowing-too", entryPoint=["sh", "-c"])

    with pytest.raises(SpecError, match="entry point"):
        make(family=family, cpu="256").execute(small_flow)


def test_a_process_that_leaves_by_os_exit_is_crashed(
    make: Make, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    flow = write_flow("import os\n\n@flow\ndef leaving():\n    os._exit(0)\n")
    run = make().execute(flow)
    status = run.wait(60)

    assert (status.state, status.reason) == (State.CRASHED, Reason.EXITED)
    with pytest.raises(RunCrashed, match="exit code 0"):
        run.result()
