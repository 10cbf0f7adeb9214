"""dask-cloudprovider's real FargateCluster, on the ECS rig, through `flowenv run`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.ecs import EcsRig, Image

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "model_selection" / "model_selection.py"
FLOWS = ROOT / "plugins" / "dask_cloud" / "tests" / "flows"
FLOWENV = str(Path(sys.executable).parent / "flowenv")
SETTINGS = {
    "provider_class": "dask_cloudprovider.aws.FargateCluster",
    "scheduler_cpu": 256,
    "scheduler_mem": 512,
    "worker_cpu": 1024,
    "worker_mem": 2048,
    "n_workers": 1,
    "fargate_use_private_ip": "true",
}


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    images = {"dask:today": Image.of_interpreter()}
    with EcsRig(images, stop_timeout=2, aws_managed_policies=True) as rig:
        rig.client("ecs").put_account_setting(name="taskLongArnFormat", value="enabled")
        yield rig


@pytest.fixture
def account(rig: EcsRig, tmp_path: Path) -> Iterator[EcsRig]:
    """The account; at the end of the test nothing of the run may be left but its logs."""
    before = resources(rig)
    yield rig
    assert [task.arn for task in rig.tasks.visible() if task.status != "STOPPED"] == []
    assert resources(rig) == before


def resources(rig: EcsRig) -> set[str]:
    """What there is in the account that somebody has to remove one day."""
    ecs, iam, ec2 = rig.client("ecs"), rig.client("iam"), rig.client("ec2")
    clusters = ecs.list_clusters()["clusterArns"]
    described = ecs.describe_clusters(clusters=clusters)["clusters"] if clusters else []
    return {
        *(one["clusterArn"] for one in described if one["status"] == "ACTIVE"),
        *ecs.list_task_definitions()["taskDefinitionArns"],
        *(role["Arn"] for role in iam.list_roles()["Roles"]),
        *(group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]),
    }


def log_streams(rig: EcsRig) -> list[str]:
    logs = rig.client("logs")
    streams = logs.describe_log_streams(logGroupName="dask-ecs")["logStreams"]
    return [stream["logStreamName"] for stream in streams]


def command(*arguments: str, **settings: object) -> list[str]:
    options = [f"-s{name}={value}" for name, value in {**SETTINGS, **settings}.items()]
    return [FLOWENV, *arguments, "--env=dask_cloud", *options]


def environment(rig: EcsRig) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(FLOWS),
        "HOME": "/nonexistent",
        **rig.environment(),
    }


def flowenv(rig: EcsRig, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments, **settings),
        env=environment(rig),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_parallel_example_unchanged_resized_by_on_execute_although_an_answer_is_lost(
    account: EcsRig,
) -> None:
    account.faults.inject("answer_lost", operation="RunTask", times=1)
    before = len(account.tasks.visible())

    done = flowenv(
        account,
        *("run", str(EXAMPLE), "-presolution=2", "-pfolds=2", "-pimages=200", "-ojson"),
        **{
            "metadata.image": "dask:today",
            "n_workers": 3,
            "on_execute": "cluster_flows.one_worker_instead",
        },
    )

    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["result"]["candidates"] == 4
    assert len(account.tasks.visible()) - before == 2  # a scheduler and a worker
    assert "is open, without encryption or authentication" in done.stderr
    assert "Dask dashboard: http://127." in done.stderr
    assert [name for name in log_streams(account) if answer["run_id"] in name]


def test_a_failing_flow_exits_with_1_and_its_own_traceback(account: EcsRig) -> None:
    done = flowenv(
        account, "run", f"{FLOWS}/cluster_flows.py:fail", **{"metadata.image": "dask:today"}
    )

    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "in divide" in done.stderr


def test_an_image_that_isnt_there_is_said_in_the_platforms_words(account: EcsRig) -> None:
    done = flowenv(
        account, "run", f"{FLOWS}/cluster_flows.py:total", **{"metadata.image": "dask:none"}
    )

    assert done.returncode == 3
    assert "crashed (image_pull)" in done.stderr
    assert "CannotPullContainerError" in done.stderr


@pytest.mark.parametrize(("state", "number"), [("PENDING", signal.SIGTERM), (None, signal.SIGINT)])
def test_an_interrupt_leaves_nothing_behind(
    state: Any, number: signal.Signals, account: EcsRig, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    run = subprocess.Popen(
        command(
            *("run", f"{FLOWS}/cluster_flows.py:never_ends", f"-pstarted={started}"),
            **{"metadata.image": "dask:today"},
        ),
        env=environment(account),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr
    if state:
        with account.hold(state):
            said = wait_for_line(run, f"task is {state}")
            run.send_signal(number)
            said += run.communicate(timeout=150)[1]
    else:
        said = wait_for_line(run, "Running: ")
        run.send_signal(number)
        said += run.communicate(timeout=150)[1]

    assert run.returncode == 130, said
    assert "Traceback" not in said


def wait_for_line(run: subprocess.Popen[str], text: str) -> str:
    """What the run says up to a line with the text."""
    assert run.stderr
    said = ""
    for line in run.stderr:
        said += line
        if text in line:
            return said
    raise AssertionError(said)


def test_sweep_from_another_process_removes_what_runs_made_and_nothing_else(rig: EcsRig) -> None:
    ecs, iam = rig.client("ecs"), rig.client("iam")
    dead, tags = "11111111-2222-3333-4444-555555555555", {"flowenv-dask:run-id": "RUN"}
    as_tags = [{"key": key, "value": dead} for key in tags]
    ecs.create_cluster(clusterName="dask-flowenv-111111112222", tags=as_tags)
    iam.create_role(
        RoleName="dask-flowenv-111111112222-task-role",
        AssumeRolePolicyDocument="{}",
        Tags=[{"Key": key, "Value": dead} for key in tags],
    )
    ecs.create_cluster(
        clusterName="dask-somebody", tags=[{"key": "createdBy", "value": "dask-cloudprovider"}]
    )
    provider = {"provider_class": SETTINGS["provider_class"]}
    options = [FLOWENV, "sweep", "--env=dask_cloud", "--older-than=0s", "-ojson"]
    options += [f"-s{name}={value}" for name, value in provider.items()]

    listed, removed, again = (
        json.loads(
            subprocess.run(
                [*options, *more],
                env=environment(rig),
                capture_output=True,
                text=True,
                timeout=150,
                check=True,
            ).stdout
        )
        for more in ([], ["--yes"], [])
    )

    ours = {(one["kind"], one["run_id"]) for one in listed if one["run_id"] == dead}
    assert ours == {("ECS cluster", dead), ("IAM role", dead)}
    assert not any(one["removed"] for one in listed)
    assert all(one["removed"] for one in removed)
    assert again == []
    left = resources(rig)
    assert any(name.endswith("/dask-somebody") for name in left)
    assert not any("flowenv-111111112222" in name for name in left)
    ecs.delete_cluster(cluster="dask-somebody")
