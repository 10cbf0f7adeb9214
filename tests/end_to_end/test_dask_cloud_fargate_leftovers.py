"""What runs on a FargateCluster leave in the account: nothing, or what a sweep removes."""

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from end_to_end.dask_cloud_runs import (
    IMAGES,
    LONGEST,
    STOP_TIMEOUT,
    Shell,
    flow_named,
    override_of,
    said_until,
)

from rigs.ecs import EcsRig, Task
from rigs.ecs.contents import contents, log_streams

MADE = ["ECS cluster", "IAM role", "IAM role", "security group"]
MADE += ["task definition", "task definition"]
"""What dask-cloudprovider makes for a cluster, besides its tasks."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    """An account with things of somebody else in it, made by dask-cloudprovider without us."""
    tag = {"key": "createdBy", "value": "dask-cloudprovider"}
    with EcsRig(IMAGES, stop_timeout=STOP_TIMEOUT, aws_managed_policies=True) as rig:
        rig.client("ecs").create_cluster(clusterName="dask-else", tags=[tag])
        rig.client("iam").create_role(RoleName="dask-else-task-role", AssumeRolePolicyDocument="{}")
        rig.client("logs").create_log_group(logGroupName="dask-ecs")
        stream = {"logGroupName": "dask-ecs", "logStreamName": "dask-else/dask-scheduler/1"}
        rig.client("logs").create_log_stream(**stream)
        yield rig


@pytest.fixture
def account(rig: EcsRig) -> Iterator[EcsRig]:
    """The account; at the end of the test it has what it had, neither more nor less."""
    before = contents(rig)
    yield rig
    assert contents(rig) == before
    assert "dask-ecs/dask-else/dask-scheduler/1" in log_streams(rig)


@pytest.mark.parametrize(("state", "number"), [("PENDING", signal.SIGTERM), (None, signal.SIGINT)])
def test_an_interrupt_leaves_nothing_behind(
    state: Any, number: signal.Signals, account: EcsRig, tmp_path: Path
) -> None:
    target = (flow_named("never_ends"), f"-pstarted={tmp_path}/started")
    with ExitStack() as stack:
        if state:
            stack.enter_context(account.hold(state))
        run = stack.enter_context(Shell(account).running(*target))
        said = said_until(run, f"task is {state}" if state else "Running: ")
        run.send_signal(number)
        said += run.communicate(timeout=LONGEST)[1]

    assert run.returncode == 130, said
    assert "Traceback" not in said


def test_an_interrupt_while_an_adaptive_cluster_makes_a_worker_leaves_nothing_behind(
    account: EcsRig, tmp_path: Path
) -> None:
    shell = Shell(account, n_workers=0, adaptive_min_workers=0, adaptive_max_workers=1)
    target = (flow_named("never_ends"), f"-pstarted={tmp_path}/started")
    with shell.running(*target) as run:
        said = said_until(run, "Running: ")
        with account.hold("PENDING"):
            [scheduler] = living(account, "scheduler")
            account.tasks.wait(scheduler.arn, lambda _: bool(living(account, "worker")), LONGEST)
            run.send_signal(signal.SIGINT)
            said += run.communicate(timeout=LONGEST)[1]

    assert run.returncode == 130, said
    # a close that waited for the worker to be up would have given up
    assert "own way to close failed" not in said


def test_a_start_that_fails_says_why_and_what_it_may_not_remove_which_a_sweep_of_another_does(
    account: EcsRig,
) -> None:
    shell = Shell(account, **{"metadata.image": "dask:none"})
    deletions = ("DeleteCluster", "DeleteRole", "DeleteSecurityGroup", "DeregisterTaskDefinition")
    with ExitStack() as stack:
        for operation in deletions:
            fault = account.faults.inject("access_denied", operation=operation, times=None)
            stack.enter_context(fault)
        done = shell.run(flow_named("total"))

    assert done.returncode == 3
    assert "crashed (image_pull)" in done.stderr
    assert "CannotPullContainerError" in done.stderr
    left = re.findall(r"^(.+?) (\S+(?: \(\S+\))?) left behind: .*not authorized", done.stderr, re.M)
    assert sorted(kind for kind, _ in left) == MADE
    listed = shell.sweep()
    found = [(one["kind"], one["name"]) for one in listed if one["kind"] != "log stream"]
    assert sorted(found) == sorted(left)
    assert not any(one["removed"] for one in listed)
    assert all(one.removed for one in shell.sweep_from_here(delete=True))
    assert shell.sweep_from_here() == []


def test_a_sweep_leaves_a_living_run_alone_and_removes_all_of_one_whose_submitter_was_killed(
    account: EcsRig, tmp_path: Path
) -> None:
    shell = Shell(account)
    shell.sweep_from_here(delete=True)  # what the runs of other tests have logged
    with shell.running(flow_named("never_ends"), f"-pstarted={tmp_path}/started") as run:
        said_until(run, "Running: ")
        whole = contents(account)
        assert shell.sweep_from_here(delete=True) == []
        assert contents(account) == whole
        run.send_signal(signal.SIGKILL)
        run.wait(LONGEST)
    assert shell.sweep_from_here(delete=True) == []  # its scheduler may still be somebody's

    [scheduler] = living(account, "scheduler")
    account.client("ecs").stop_task(cluster=scheduler.cluster_arn, task=scheduler.arn)
    account.tasks.wait(scheduler.arn)

    removed = shell.sweep("--yes")
    kinds = [one["kind"] for one in removed]
    assert all(one["removed"] for one in removed)
    assert sorted(set(kinds) - {"ECS task"}) == sorted({*MADE, "log stream"})
    assert shell.sweep_from_here() == []


def living(rig: EcsRig, role: str) -> list[Task]:
    """The tasks of all runs that haven't stopped."""
    tasks = [one for one in rig.tasks.visible() if one.status != "STOPPED"]
    return [one for one in tasks if override_of(one)["command"][1] == role]
