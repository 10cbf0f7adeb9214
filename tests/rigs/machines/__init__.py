"""A cloud whose machines are processes here: dask-cloudprovider's VMCluster, for tests.

    from rigs.machines import LocalMachineCluster

    with LocalMachineCluster(directory="/tmp/cloud", n_workers=1) as cluster: ...

What a real provider would send as a machine's user data is rendered, read as YAML, and its
`docker run` line is run by a shell. Each machine has an address of its own (`podnet`) and a file
in the directory from the moment when the provider begins to make it until it is destroyed.

What it can't show: a provider's API and its delays, Docker, networks, machines that outlive
this one.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from dask_cloudprovider.generic.vmcluster import (
    SchedulerMixin,
    VMCluster,
    VMInterface,
    WorkerMixin,
)

from rigs import WITHOUT_BOKEH
from rigs.podnet import pod_network_environment

__all__ = ["LocalMachineCluster"]

_HERE = Path(__file__).parent
_NO_NAMES = "http://127.0.0.1:9"
"""There is no name service: machines know each other by address."""
_numbers = itertools.count(2)


class LocalMachine(VMInterface):  # type: ignore[misc]
    """A machine: a process group with a file in the cloud's directory."""

    role = ""

    def __init__(
        self,
        cluster: LocalMachineCluster,
        config: object = None,
        env_vars: dict[str, str] | None = None,
        docker_image: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.env_vars = env_vars or {}
        self.docker_image = docker_image
        self.process: subprocess.Popen[bytes] | None = None

    async def create_vm(self) -> tuple[str, None]:
        """Make the machine in a thread, as the providers' own libraries do."""
        address = await self.call_async(self._create)
        return address, None

    def _create(self) -> str:
        self._file.write_text("being made")
        while self.cluster.cloud.held(self.role):
            time.sleep(0.01)
        if self.cluster.cloud.broken == self.role:
            raise RuntimeError(f"the cloud has no room for a {self.role}")
        number, pid = next(_numbers), os.getpid()
        address = f"127.{80 + pid % 40}.{pid // 40 % 250}.{number % 250 + 2}"
        commands = yaml.safe_load(self.cluster.render_process_cloud_init(self))["runcmd"]
        [command] = [line for line in commands if line.startswith("docker run")]
        if self.cluster.cloud.deaf == self.role:
            command = "exec sleep 600"
        with (self.cluster.cloud.directory / f"{self.name}.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", f"exec {command.removeprefix('exec ')}"],
                env=self._environment(address),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._file.write_text(str(self.process.pid))
        return address

    @property
    def _file(self) -> Path:
        return self.cluster.cloud.directory / f"{self.name}.machine"

    def _environment(self, address: str) -> dict[str, str]:
        path = f"{_HERE}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        machine = {"PATH": path, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
        machine["PYTHONPATH"] = WITHOUT_BOKEH
        return {**machine, **pod_network_environment(_NO_NAMES, address, self.name, machine)}

    async def destroy_vm(self) -> None:
        """End the machine's processes, and forget it."""
        await self.call_async(self._destroy)

    def _destroy(self) -> None:
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._file.unlink()


class LocalScheduler(SchedulerMixin, LocalMachine):  # type: ignore[misc]
    """The machine of the Dask scheduler."""

    role = "scheduler"


class LocalWorker(WorkerMixin, LocalMachine):  # type: ignore[misc]
    """The machine of a Dask worker."""

    role = "worker"


class Cloud:
    """What a test decides about the cloud.

    Args:
        directory: where the machines' files and logs are.
        broken: the role whose machines can't be made.
        deaf: the role whose machines run nothing.
    """

    def __init__(self, directory: str, broken: str, deaf: str) -> None:
        self.directory = Path(directory)
        self.broken = broken
        self.deaf = deaf

    def held(self, role: str) -> bool:
        """True while machines of the role aren't finished: a file `hold-ROLE` is there."""
        return (self.directory / f"hold-{role}").exists()


class LocalMachineCluster(VMCluster):  # type: ignore[misc]
    """A VMCluster on this machine.

    Args:
        directory: where the machines' files and logs are.
        broken: the role (`scheduler`, `worker`) whose machines can't be made.
        deaf: the role whose machines run nothing.
        **kwargs: what VMCluster takes.
    """

    def __init__(
        self, directory: str = ".", broken: str = "", deaf: str = "", **kwargs: Any
    ) -> None:
        self.cloud = Cloud(directory, broken, deaf)
        self.scheduler_class, self.worker_class = LocalScheduler, LocalWorker
        self.options = {"cluster": self, "config": {}}
        self.scheduler_options = dict(self.options)
        self.worker_options = dict(self.options)
        super().__init__(**kwargs)
