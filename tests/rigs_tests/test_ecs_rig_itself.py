"""The rig as a whole: starts, ends without a trace, counts calls, carries hundreds of tasks."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from rigs.ecs import EcsRig, Image, Script, ScriptedRunner
from rigs.ecs.containers import MARKER
from rigs.ecs.simple_tasks import SimpleTasks

IMAGES = {"flow:1": Image.of_interpreter()}


def container_processes(tasks: list[str]) -> list[int]:
    """The processes on this machine that belong to containers of these tasks."""
    marks = [f"{MARKER}={task}/".encode() for task in tasks]
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                environment = (directory / "environ").read_bytes()
            except OSError:
                continue
            if any(mark in environment for mark in marks):
                found.append(int(directory.name))
    return found


def test_rigs_one_after_another_start_empty() -> None:
    for _ in range(2):
        with EcsRig(IMAGES) as rig:
            assert rig.client("ecs").list_clusters()["clusterArns"] == []
            assert rig.client("ecs").list_task_definitions()["taskDefinitionArns"] == []
            assert rig.client("logs").describe_log_groups()["logGroups"] == []
            assert rig.client("s3").list_buckets()["Buckets"] == []
            rig.client("s3").create_bucket(
                Bucket="left-behind", CreateBucketConfiguration={"LocationConstraint": rig.region}
            )
            SimpleTasks(rig).register()


def test_rigs_side_by_side_do_not_see_each_other() -> None:
    with EcsRig(IMAGES) as one, EcsRig(IMAGES) as other:
        SimpleTasks(one)

        assert other.client("ecs").list_clusters()["clusterArns"] == []
        assert one.account_id != other.account_id


def test_what_a_rig_had_in_s3_is_closed_though_the_last_one_had_nothing_there() -> None:
    for _ in range(2):  # in a new process the first rig has a place in S3 without asking for it
        with EcsRig(IMAGES), EcsRig(IMAGES) as other:
            s3 = other.client("s3")
            here = {"LocationConstraint": other.region}
            s3.create_bucket(Bucket="bucket", CreateBucketConfiguration=here)
            s3.put_object(Bucket="bucket", Key="a", Body=b"b")
    gc.collect()  # what is still open says so in a warning, which is an error here


def test_the_end_of_a_rig_leaves_no_process_thread_or_port() -> None:
    threads = set(threading.enumerate())
    with EcsRig(IMAGES) as rig:
        tasks = SimpleTasks(rig)
        arns = [tasks.run(["sh", "-c", "sleep 600 & sleep 600"]) for _ in range(3)]
        for arn in arns:
            rig.tasks.wait(arn, "RUNNING")
        url = rig.url
        assert len(container_processes(arns)) >= len(arns)

    assert container_processes(arns) == []
    assert {t.name for t in set(threading.enumerate()) - threads if t.name.startswith("task")} == (
        set()
    )
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url)


def test_calls_are_logged_with_parameters_status_and_key() -> None:
    with EcsRig(IMAGES, runner=ScriptedRunner()) as rig:
        tasks = SimpleTasks(rig)
        assert len(rig.requests) == 0

        tasks.register()
        tasks.run(startedBy="me")
        with pytest.raises(tasks.ecs.exceptions.ClusterNotFoundException):
            tasks.run(cluster="none")

        good, bad = rig.requests.of("RunTask")
        assert good.parameters["startedBy"] == "me"
        assert (good.service, good.region, good.access_key_id) == ("ecs", "eu-west-1", "AKIARIG")
        assert (good.status, good.error) == (200, None)
        assert (bad.status, bad.error) == (400, "ClusterNotFoundException")
        assert rig.requests.counts()["RegisterTaskDefinition"] == 1


def test_a_subprocess_finds_the_rig_through_the_environment() -> None:
    program = "import boto3; print(boto3.client('ecs').list_clusters()['clusterArns'])"
    with EcsRig(IMAGES) as rig:
        account = rig.prepare()
        environment = {"PATH": os.environ["PATH"], **rig.environment()}

        printed = subprocess.check_output(
            [sys.executable, "-c", program], env=environment, text=True
        )

    assert printed.strip() == str([account.cluster_arn])


def test_200_tasks_at_once_run_and_end() -> None:
    with EcsRig(IMAGES) as rig:
        tasks = SimpleTasks(rig)
        tasks.register()
        request = tasks.request(["true"], count=10)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _n: tasks.ecs.run_task(**request), range(20)))
        arns = [task["taskArn"] for answer in answers for task in answer["tasks"]]
        ended = [rig.tasks.wait(arn, timeout=30) for arn in arns]

    assert len(ended) == 200
    assert {task.containers[0].exit_code for task in ended} == {0}


def test_scripted_tasks_move_a_state_a_step() -> None:
    runner = ScriptedRunner(lambda task: Script(exit_code=2, lines=[f"run {task.started_by}"]))
    with EcsRig(IMAGES, runner=runner) as rig:
        tasks = SimpleTasks(rig)
        arns = [tasks.run(startedBy=str(n)) for n in range(3)]

        runner.step(3)
        running = {task["lastStatus"] for task in tasks.describe(*arns)}
        runner.run_to_end()
        ended = tasks.describe(*arns)

        assert running == {"RUNNING"}
        assert [task["containers"][0]["exitCode"] for task in ended] == [2, 2, 2]
        assert tasks.lines(arns[1]) == ["run 1"]


def test_scripted_tasks_can_move_when_they_are_described() -> None:
    runner = ScriptedRunner(advance_when_described=True)
    with EcsRig(IMAGES, runner=runner) as rig:
        tasks = SimpleTasks(rig)
        arn = tasks.run()

        seen = [tasks.describe(arn)[0]["lastStatus"] for _ in range(7)]

        assert seen[0] == "PENDING"
        assert seen[-1] == "STOPPED"


def test_hundreds_of_scripted_tasks_cost_little() -> None:
    runner = ScriptedRunner()
    with EcsRig(IMAGES, runner=runner) as rig:
        tasks = SimpleTasks(rig)
        tasks.register()
        for _ in range(50):
            tasks.ecs.run_task(**tasks.request(count=10))
        runner.run_to_end()
        stopped = tasks.ecs.get_paginator("list_tasks").paginate(
            cluster=tasks.account.cluster, desiredStatus="STOPPED"
        )

        assert sum(len(page["taskArns"]) for page in stopped) == 500


@contextmanager
def command_line(*options: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """What `python -m rigs.ecs --json` says, and its process."""
    rig = subprocess.Popen(
        [sys.executable, "-m", "rigs.ecs", "--json", *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    with rig:
        assert rig.stdout is not None
        try:
            yield json.loads(rig.stdout.readline()), rig
        finally:
            rig.terminate()


def client_of(told: dict[str, Any], service: str) -> Any:
    """A client of the rig that the command line has started."""
    make_client: Any = boto3.Session("AKIA", "x", region_name="eu-west-1").client
    return make_client(service, endpoint_url=told["environment"]["AWS_ENDPOINT_URL"])


def test_the_command_line_starts_a_rig_with_an_account_and_ends_it_on_sigterm() -> None:
    # as dask-cloudprovider attaches
    policy = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
    with command_line("--image", f"other:2={sys.executable}") as (told, rig):
        clusters = client_of(told, "ecs").list_clusters()["clusterArns"]
        iam, role = client_of(told, "iam"), told["account"]["execution_role"]
        iam.attach_role_policy(RoleName=role, PolicyArn=policy)
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        rig.send_signal(signal.SIGTERM)
        status = rig.wait(timeout=20)

    assert clusters == [told["account"]["cluster_arn"]]
    assert [one["PolicyArn"] for one in attached] == [policy]
    assert status == 0


def test_an_account_has_long_task_arns_as_dask_cloudprovider_asks() -> None:
    with EcsRig(IMAGES) as rig:
        asked = {"name": "taskLongArnFormat", "effectiveSettings": True}
        [setting] = rig.client("ecs").list_account_settings(**asked)["settings"]
    assert setting["value"] == "enabled"
