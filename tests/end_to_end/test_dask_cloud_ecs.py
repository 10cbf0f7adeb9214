"""dask-cloudprovider's real ECSCluster on a container instance of the ECS rig.

What it shares with FargateCluster, its subclass, is tested there.

What the rig can't show: that an instance's own agent, image and disk let the tasks start.
"""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.dask_cloud_runs import (
    ECS,
    IMAGES,
    LONGEST,
    STOP_TIMEOUT,
    Shell,
    flow_named,
    said_until,
)

from rigs.ecs import EcsRig
from rigs.ecs.contents import contents

CLUSTER = "of-the-team"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    with EcsRig(IMAGES, stop_timeout=STOP_TIMEOUT, aws_managed_policies=True) as rig:
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


def test_a_flow_runs_on_a_cluster_of_the_users_resized_by_on_execute(shell: Shell) -> None:
    resized = {"n_workers": 3, "on_execute": "cluster_flows.one_worker_instead"}
    done = shell.run(flow_named("total"), "-ojson", **resized)

    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["result"] == {"total": 30, "workers": 1}
    tasks = [one for one in shell.rig.tasks.visible() if answer["run_id"] in one.started_by]
    assert [one.launch_type for one in tasks] == ["EC2", "EC2"]
    swept = [one for one in shell.sweep("--yes") if one["run_id"] == answer["run_id"]]
    assert [(one["kind"], one["removed"]) for one in swept] == [("log stream", True)] * 2


def test_an_interrupt_while_the_flow_runs_leaves_nothing_behind(
    shell: Shell, tmp_path: Path
) -> None:
    target = (flow_named("never_ends"), f"-pstarted={tmp_path}/started")
    with shell.running(*target) as run:
        said = said_until(run, "Running: ")
        run.send_signal(signal.SIGTERM)
        said += run.communicate(timeout=LONGEST)[1]

    assert run.returncode == 130, said
