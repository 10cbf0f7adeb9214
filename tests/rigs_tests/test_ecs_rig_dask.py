"""dask-cloudprovider's real FargateCluster works on the ECS rig."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.ecs import Account, EcsRig, Image
from rigs.ecs.contents import contents

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("ecs_rig_dask_program.py")

# RunTask's overrides always carry the commands `dask-scheduler …` and `dask-worker …`, which
# distributed no longer installs. An entry point stays when the command is overridden: this one
# makes `dask scheduler …` of it, which then is the container's first process.
TODAYS_COMMAND = ["/bin/sh", "-c", 'exec dask "${0#dask-}" "$@"']


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EcsRig]:
    scripts = tmp_path_factory.mktemp("old-names")
    for name in ("scheduler", "worker"):
        script = scripts / f"dask-{name}"
        script.write_text(f'#!/bin/sh\nexec dask {name} "$@"\n')
        script.chmod(0o755)
    today = Image.of_interpreter()
    path = f"{scripts}:{today.environment['PATH']}"
    images = {"dask:today": today, "dask:old-names": Image({**today.environment, "PATH": path})}
    with EcsRig(images, stop_timeout=5, aws_managed_policies=True) as rig:
        yield rig


def run_program(rig: EcsRig, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **rig.environment()}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), what, json.dumps(arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def register(rig: EcsRig, account: Account, role: str) -> str:
    """A definition of ours for Dask's scheduler or worker."""
    container = {
        "name": f"dask-{role}",
        "image": "dask:today",
        "entryPoint": TODAYS_COMMAND,
        "logConfiguration": account.log_configuration(),
    }
    answer = rig.client("ecs").register_task_definition(
        family=f"our-{role}",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="1024",
        memory="2048",
        executionRoleArn=account.execution_role_arn,
        containerDefinitions=[container],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def end_of_all_tasks(rig: EcsRig) -> list[int | None]:
    """Wait until no task is left; returns the exit codes."""
    return [
        container.exit_code
        for task in rig.tasks.visible()
        for container in rig.tasks.wait(task.arn).containers
    ]


def test_a_cluster_on_definitions_of_ours_computes_adapts_and_leaves_nothing(
    rig: EcsRig,
) -> None:
    account = rig.prepare()
    arguments = {
        "cluster_arn": account.cluster_arn,
        "execution_role_arn": account.execution_role_arn,
        "task_role_arn": account.task_role_arn,
        "cloudwatch_logs_group": account.log_group,
        "subnets": account.subnets,
        "security_groups": [account.security_group],
        "scheduler_task_definition_arn": register(rig, account, "scheduler"),
        "worker_task_definition_arn": register(rig, account, "worker"),
        "worker_cpu": 1024,
        "worker_mem": 2048,
    }
    before = contents(rig)

    result = run_program(rig, "compute", arguments)

    assert result == {"squares": [0, 1, 4, 9, 16], "workers": 2}
    assert end_of_all_tasks(rig) == [0, 0, 0]
    assert contents(rig) == before


def test_a_cluster_that_makes_its_own_resources_leaves_them_behind(rig: EcsRig) -> None:
    before = contents(rig)

    result = run_program(
        rig, "open", {"image": "dask:old-names", "scheduler_cpu": 256, "scheduler_mem": 512}
    )

    end_of_all_tasks(rig)
    left = {name.rpartition("/")[2] for name in contents(rig) - before}
    [group] = [name for name in left if name.endswith("-security-group")]
    name = group.removesuffix("-security-group")
    assert result["scheduler"].startswith("tcp://127.")
    assert left == {
        name,  # the ECS cluster
        f"{name}-execution-role",
        f"{name}-task-role",
        f"{name}-security-group",
        f"{name}-scheduler:1",
        f"{name}-worker:1",
    }
