"""dask-cloudprovider's real FargateCluster, on the ECS rig, through `flowenv run`."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.dask_cloud_runs import (
    IMAGES,
    SMALL_EXAMPLE,
    STOP_TIMEOUT,
    Shell,
    flow_named,
    override_of,
    tasks_of,
)

from rigs.ecs import EcsRig
from rigs.ecs.contents import contents, log_streams

pytestmark = pytest.mark.slow

SECRET = "a-secret-of-the-hook-71c3"
HOOKS = f"""
from flowenv import Secret, hookimpl
from flowenv.contract import Target

@hookimpl
def flowenv_environment_variables(environment, flow_run, target):
    if target is Target.FLOW:
        return {{}}
    role = "scheduler" if target is Target.SCHEDULER else "worker"
    return {{"ROLE": role, "HOOKED": Secret("{SECRET}"), "OF_USER": "hook",
            "PREFECT__CLOUD__USE_LOCAL_SECRETS": None}}
"""


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    with EcsRig(IMAGES, stop_timeout=STOP_TIMEOUT, aws_managed_policies=True) as rig:
        yield rig


@pytest.fixture
def account(rig: EcsRig) -> Iterator[EcsRig]:
    """The account; at the end of the test nothing of its runs may be left but logs."""
    before = contents(rig)
    yield rig
    assert contents(rig) == before


def test_the_parallel_example_unchanged_resized_by_on_execute_although_an_answer_is_lost(
    account: EcsRig, tmp_path: Path
) -> None:
    account.faults.inject("answer_lost", operation="RunTask", times=1)
    page = tmp_path / "run.html"

    done = Shell(account).run(
        *SMALL_EXAMPLE,
        f"--report={page}",
        n_workers=3,
        on_execute="cluster_flows.one_worker_instead",
    )

    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["result"]["candidates"] == 4
    tasks = [one for one in account.tasks.visible() if answer["run_id"] in one.started_by]
    commands = [override_of(one)["command"][:2] for one in tasks]
    assert sorted(commands) == [["dask", "scheduler"], ["dask", "worker"]]
    images = {one.definition["containerDefinitions"][0]["image"] for one in tasks}
    assert images == {"dask:today"}
    assert "is open, without encryption or authentication" in done.stderr
    assert "Dask dashboard: http://127." in done.stderr
    assert len([name for name in log_streams(account) if answer["run_id"] in name]) == 2
    told = page.read_text()
    assert "clustering" in told
    for task in tasks:
        assert task.id in told  # in what ECS has said of it


def test_a_failing_flow_exits_with_1_and_its_own_traceback(account: EcsRig) -> None:
    done = Shell(account).run(flow_named("fail"))

    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "in divide" in done.stderr


def test_a_start_that_takes_too_long_ends_and_says_what_it_waited_for(account: EcsRig) -> None:
    with account.hold("PENDING"):
        done = Shell(account).run(flow_named("total"), start_timeout=5)

    assert done.returncode == 3
    assert "The FargateCluster wasn't up after 5 s." in done.stderr
    assert "The scheduler's task is PENDING." in done.stderr


def test_variables_reach_scheduler_and_workers_of_an_adaptive_cluster_and_a_secret_nobody_else(
    account: EcsRig, tmp_path: Path
) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text(HOOKS)
    names = ["ROLE", "HOOKED", "OF_USER", "ALSO_OF_USER", "PREFECT__CLOUD__USE_LOCAL_SECRETS"]

    done = Shell(account, n_workers=0, adaptive_min_workers=0, adaptive_max_workers=1).run(
        flow_named("variable_digests"),
        *("--plugin", str(hooks), f"-pnames={','.join(names)}", "-ojson"),
        **{"environment.OF_USER": "user", "environment.ALSO_OF_USER": "user"},
    )

    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    for role in ("scheduler", "worker"):
        expected = [digest(value) for value in (role, SECRET, "hook", "user")]
        assert answer["result"][role] == dict(zip(names, [*expected, None], strict=True))
    tasks = tasks_of(account, answer["run_id"])
    assert set(tasks) == {"dask scheduler", "dask worker"}
    for task in tasks.values():
        # the one place where ECS takes variables of a single task
        given = {one["name"]: one["value"] for one in override_of(task)["environment"]}
        assert given["HOOKED"] == SECRET
        assert SECRET not in f"{task.definition}{task.tags}{override_of(task)['command']}"
    assert SECRET not in done.stdout + done.stderr
    assert SECRET not in logged(account)
    others = [one for one in account.requests if one.operation != "RunTask"]
    assert [one.operation for one in others if SECRET in str(one.parameters)] == []


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def logged(rig: EcsRig) -> str:
    """Everything that Dask's tasks have logged."""
    pages = rig.client("logs").get_paginator("filter_log_events").paginate(logGroupName="dask-ecs")
    return "\n".join(event["message"] for page in pages for event in page["events"])
