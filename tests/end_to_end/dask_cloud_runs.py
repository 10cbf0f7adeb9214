"""`flowenv` as a process of its own, with dask-cloudprovider's clusters on the ECS rig."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flowenv.answers.summaries import Leftover
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from flowenv_dask_cloud.runs.sweep import sweep
from rigs import WITHOUT_BOKEH
from rigs.ecs import EcsRig, Image, Task

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "model_selection" / "model_selection.py"
SMALL_EXAMPLE = (str(EXAMPLE), "-presolution=2", "-pfolds=2", "-pimages=200", "-ojson")
FLOWS = ROOT / "plugins" / "dask_cloud" / "tests" / "flows"
FLOWENV = str(Path(sys.executable).parent / "flowenv")
FARGATE = "dask_cloudprovider.aws.FargateCluster"
ECS = "dask_cloudprovider.aws.ECSCluster"
IMAGES = {"dask:today": Image.of_interpreter(PYTHONPATH=WITHOUT_BOKEH)}
"""What the rig can pull."""
STOP_TIMEOUT = 0.5
"""Seconds that a task has to end by itself: nothing is waited for that a busy worker does."""
LONGEST = 150
"""Seconds that a command may take."""


def flow_named(name: str) -> str:
    """The target of a flow among those for Dask clusters."""
    return f"{FLOWS}/cluster_flows.py:{name}"


class Shell:
    """Where a user types `flowenv`: its settings of the environment and the rig's variables.

    Args:
        rig: the AWS account.
        provider: the class of the clusters.
        settings: further settings of the environment.
    """

    def __init__(self, rig: EcsRig, provider: str = FARGATE, **settings: object) -> None:
        self.rig = rig
        self.provider = provider
        self.settings = {
            "metadata.image": "dask:today",
            "fargate_use_private_ip": "true",
            "scheduler_cpu": 256,
            "scheduler_mem": 512,
            "worker_cpu": 1024,
            "worker_mem": 2048,
            "worker_extra_args": '["--no-nanny"]',
            "n_workers": 1,
            **settings,
        }

    def run(
        self, target: str, *arguments: str, **settings: object
    ) -> subprocess.CompletedProcess[str]:
        """Run a flow to its end."""
        return subprocess.run(
            self._run_command(target, *arguments, **settings),
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )

    @contextmanager
    def running(
        self, target: str, *arguments: str, **settings: object
    ) -> Iterator[subprocess.Popen[str]]:
        """Start to run a flow; what still runs at the end of the block is killed."""
        run = subprocess.Popen(
            self._run_command(target, *arguments, **settings),
            env=self._environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        with run:
            try:
                yield run
            finally:
                run.kill()

    def sweep(self, *options: str) -> list[dict[str, Any]]:
        """What a sweep of everything says."""
        own = (f"-scluster_arn={self.settings['cluster_arn']}",) if self.provider == ECS else ()
        command = [FLOWENV, "sweep", "--env=dask_cloud", f"-sprovider_class={self.provider}", *own]
        done = subprocess.run(
            [*command, "--older-than=0s", "-ojson", *options],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=True,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def sweep_from_here(self, *, delete: bool = False) -> list[Leftover]:
        """What a sweep of everything says that this process makes, quicker than one more."""
        with patch.dict(os.environ, self.rig.environment()):
            return sweep(DaskCloudProviderEnvironment(self.provider), 0, delete=delete)

    def _run_command(self, target: str, *arguments: str, **settings: object) -> list[str]:
        given = {"provider_class": self.provider, **self.settings, **settings}
        options = [f"-s{name}={value}" for name, value in given.items()]
        return [FLOWENV, "run", target, *arguments, "--env=dask_cloud", *options]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(FLOWS),
            "HOME": "/nonexistent",
            **self.rig.environment(),
        }


def said_until(run: subprocess.Popen[str], text: str) -> str:
    """What the run says up to a line with the text."""
    assert run.stderr
    said = ""
    for line in run.stderr:
        said += line
        if text in line:
            return said
    raise AssertionError(said)


def tasks_of(rig: EcsRig, run_id: str) -> dict[str, Task]:
    """The tasks of a run, also those that have stopped, by what they run: `dask worker`."""
    ours = [one for one in rig.tasks.visible() if one.started_by.endswith(run_id)]
    return {" ".join(override_of(one)["command"][:2]): one for one in ours}


def override_of(task: Task) -> dict[str, Any]:
    """What RunTask has set for a task's only container."""
    [override] = task.overrides["containerOverrides"]
    return dict(override)
