"""dask-cloudprovider's real ECSCluster on a container instance of the ECS rig.

What the rig can't show: that an instance's own agent, image and disk let the tasks start.
"""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.dask_cloud_runs import ECS, LONGEST, SMALL_EXAMPLE, Shell, flow_named, said_until

from rigs.ecs import EcsRig, Image
from rigs.ecs.contents import contents

CLUSTER = "of-the-team"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    images = {"dask:today": Image.of_interpreter()}
    with EcsRig(images, stop_timeout=2, aws_managed_policies=True) as rig:
        rig.client("ecs").create_cluster(clusterName=CLUSTER)
        rig.register_container_instance(CLUSTER)
        yield rig


@pytest.fixture
def shell(rig: EcsRig) -> Iterator[Shell]:
    """Where runs are started; at the end of the test the user's ECS cluster is all there is."""
    before = contents(rig)
    [cluster] = rig.client("ecs").list_clusters()["clusterArns"]
    yield Shell(rig, ECS, cluster_arn=cluster, worker_cpu=512, worker_mem=1024)
    assert contents(rig) == before


def test_the_parallel_example_unchanged_resized_by_on_execute(shell: Shell) -> None:
    done = shell.run(*SMALL_EXAMPLE, n_workers=3, on_execute="cluster_flows.one_worker_instead")

    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["result"]["candidates"] == 4
    tasks = [one for one in shell.rig.tasks.visible() if answer["run_id"] in one.started_by]
    assert [one.launch_type for one in tasks] == ["EC2", "EC2"]
    swept = [one for one in shell.sweep("--yes") if one["run_id"] == answer["run_id"]]
    assert [(one["kind"], one["removed"]) for one in swept] == [("log stream", True)] * 2


def test_a_failing_flow_exits_with_1_and_its_own_traceback(shell: Shell) -> None:
    done = shell.run(flow_named("fail"))

    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr


def test_an_interrupt_while_it_starts_leaves_nothing_behind(shell: Shell, tmp_path: Path) -> None:
    target = (flow_named("never_ends"), f"-pstarted={tmp_path}/started")
    with shell.rig.hold("PENDING"), shell.running(*target) as run:
        said = said_until(run, "task is PENDING")
        run.send_signal(signal.SIGINT)
        said += run.communicate(timeout=LONGEST)[1]

    assert run.returncode == 130, said


def test_an_interrupt_while_the_flow_runs_leaves_nothing_behind(
    shell: Shell, tmp_path: Path
) -> None:
    target = (flow_named("never_ends"), f"-pstarted={tmp_path}/started")
    with shell.running(*target) as run:
        said = said_until(run, "Running: ")
        run.send_signal(signal.SIGTERM)
        said += run.communicate(timeout=LONGEST)[1]

    assert run.returncode == 130, said
