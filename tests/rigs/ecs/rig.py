"""The rig: an AWS account on one port of the loopback interface, whose ECS tasks really run."""

import shutil
import tempfile
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from .account import Account, prepare_account
from .api import EcsApi
from .aws_names import AwsNames
from .clock import Clock
from .environments import ContainerEnvironment
from .faults import Faults
from .images import Image, Images
from .ingestion import Ingestion
from .lifecycle import SPOT_INTERRUPTED, Lifecycle
from .metadata import Metadata
from .moto_backend import Moto
from .network import Addresses, Network
from .records import Status, Task
from .registry import TaskRegistry
from .requests import RequestLog
from .runner import Holds, Runner
from .s3 import Routing
from .scripted import ScriptedRunner
from .server import Gateway, Server
from .task_run import Platform, Timing
from .tasks import ProcessRunner

ACCESS_KEY_ID = "AKIARIG"
_session_lock = threading.Lock()


class EcsRig:
    """A fake AWS for tests: everything that moto has, and an ECS whose tasks run.

    Args:
        images: what can be pulled: reference → `Image`, or just its environment variables.
        region: of the clients that the rig makes, and where `prepare` works.
        port: to listen on; 0 picks a free one.
        step_seconds: how long a task stays in each state on its way.
        log_delay: seconds from a container's start until its log stream appears.
        stop_timeout: seconds from SIGTERM to SIGKILL, instead of what definitions say and of ECS's
            default of 30.
        activating: let tasks show ACTIVATING between PENDING and RUNNING. The documentation ties it
            to service discovery and load balancers in one place and to every task in another;
            dask-cloudprovider gives up on a task that shows it. (Scripted tasks always show it.)
        stopped_visible_for: seconds for which stopped tasks are shown.
        runner: a `ScriptedRunner` for tasks without processes.
        aws_names: offer the rig under AWS's own names to programs and to tasks, through a proxy;
            see `environment`.
        aws_managed_policies: make AWS's own IAM policies known (costs about a second).

    Example:
        with EcsRig({"flow:1": Image.of_interpreter()}) as rig:
            account = rig.prepare()
            rig.client("ecs").register_task_definition(…)

    `faults`, `requests` and `tasks` are open to tests at any time.
    """

    def __init__(
        self,
        images: Mapping[str, Image | Mapping[str, str]],
        *,
        region: str = "eu-west-1",
        port: int = 0,
        step_seconds: float = 0.01,
        log_delay: float = 0.0,
        stop_timeout: float | None = None,
        activating: bool = False,
        stopped_visible_for: float = 3600,
        runner: ScriptedRunner | None = None,
        aws_names: bool = False,
        aws_managed_policies: bool = False,
    ) -> None:
        self.region = region
        self.faults = Faults()
        self.requests = RequestLog()
        self.tasks = TaskRegistry(stopped_visible_for)
        self.url = ""
        self._images = Images(images)
        self._port = port
        self._timing = Timing(step_seconds, log_delay, stop_timeout, activating)
        self._scripted = runner
        self._aws_managed_policies = aws_managed_policies
        self._has_names = aws_names
        self._names: AwsNames | None = None
        self._holds = Holds()
        self._clock = Clock()
        self._log_latency = 0.0

    def __enter__(self) -> "EcsRig":
        self._server = Server(self._port)
        self.url = self._server.url
        self._directory = Path(tempfile.mkdtemp(prefix="ecs-rig-"))
        if self._has_names:
            self._names = AwsNames(self._server.port, self._directory)
        self._moto = Moto(aws_managed_policies=self._aws_managed_policies)
        self._ingestion = Ingestion(self._moto, self._clock)
        self._ingestion.latency = self._log_latency
        self._lifecycle = Lifecycle(self.tasks)
        network = Network(self._moto, Addresses(self._server.port))
        self._runner: Runner = self._make_runner(network)
        api = EcsApi(self._moto, self.tasks, self._lifecycle, network, self.faults, self._runner)
        gateway = Gateway(
            self._moto,
            api,
            self.faults,
            self.requests,
            Metadata(self.tasks),
            self._ingestion,
            Routing(self._moto, self._clock),
        )
        self._server.start(gateway)
        # every account has it since 2021; moto lists no default, and dask-cloudprovider asks for it
        self._moto.call(
            "ecs",
            "PutAccountSetting",
            {"name": "taskLongArnFormat", "value": "enabled"},
            self.region,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._holds.close()
        self._runner.close()
        if self._names:
            self._names.close()
        shutil.rmtree(self._directory, ignore_errors=True)
        self._server.stop()
        self._moto.forget()

    @property
    def account_id(self) -> str:
        """The number of the account, as it stands in ARNs."""
        return self._moto.account_id

    def prepare(self, cluster: str = "flows") -> Account:
        """Make a cluster, a security group, roles and a log group. Not in the request log."""
        with self.requests.paused():
            return prepare_account(self.client, self.region, cluster)

    def client(self, name: str, **options: Any) -> Any:
        """A boto3 client that talks to the rig, by default without retries.

        `options` are those of boto3's `client`, such as `region_name`, `aws_access_key_id` or
        `config`.
        """
        defaults = {
            "endpoint_url": self.url,
            "region_name": self.region,
            "aws_access_key_id": ACCESS_KEY_ID,
            "aws_secret_access_key": "rig",
            "config": Config(retries={"total_max_attempts": 1}),
        }
        make_client: Any = _session().client
        with _session_lock:
            return make_client(name, **defaults | options)

    def environment(self) -> dict[str, str]:
        """The variables with which a subprocess finds the rig and no other AWS.

        With `aws_names` there is no endpoint among them, but a proxy through which all of AWS's
        names lead to the rig, as in `https://BUCKET.s3.eu-west-1.amazonaws.com`.
        """
        place = self._names.environment() if self._names else {"AWS_ENDPOINT_URL": self.url}
        return {
            **place,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": "rig",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @property
    def log_latency(self) -> float:
        """Seconds, on the rig's clock, from the sending of a log line until it can be read.

        May be set at any time, for lines that are yet to be sent. The stream is there at once, and
        tasks don't wait: `rig.log_latency = 25` is what a record is that comes after its task's
        end, until `rig.pass_time(25)`.
        """
        return self._log_latency

    @log_latency.setter
    def log_latency(self, seconds: float) -> None:
        self._log_latency = seconds
        if self.url:
            self._ingestion.latency = seconds

    def pass_time(self, seconds: float) -> None:
        """Let time pass at once on the rig's clock, by which log lines arrive."""
        self._clock.advance(seconds)
        self._ingestion.deliver()

    def hold(self, status: Status) -> AbstractContextManager[None]:
        """Keep tasks that reach a state in it until the block ends (not for scripted tasks)."""
        return self._holds.hold(status)

    def interrupt(self, task: str) -> None:
        """Take a task's spot capacity away now. Raises LookupError for an unknown task."""
        found = self._find(task)
        self._lifecycle.want_stopped(found, "SpotInterruption", SPOT_INTERRUPTED)
        self._runner.stop(found)

    def kill_for_memory(self, task: str) -> None:
        """Kill a task's first container as the kernel does when its memory is used up."""
        self._runner.kill_for_memory(self._find(task))

    def add_capacity_provider(self, cluster: str, *, managed_scaling: str = "ENABLED") -> str:
        """Make a cluster with a capacity provider of EC2 instances; returns the provider's name."""
        name, account = f"instances-of-{cluster}", self.account_id
        group = f"arn:aws:autoscaling:{self.region}:{account}:autoScalingGroup:0:{cluster}"
        with self.requests.paused():
            ecs = self.client("ecs")
            ecs.create_capacity_provider(
                name=name,
                autoScalingGroupProvider={
                    "autoScalingGroupArn": group,
                    "managedScaling": {"status": managed_scaling},
                },
            )
            ecs.create_cluster(clusterName=cluster, capacityProviders=[name])
        return name

    def register_container_instance(self, cluster: str, *, external: bool = False) -> str:
        """Register an instance (4096 CPU units, 7482 MiB) in a cluster; returns its ARN.

        `external` makes it one for launch type EXTERNAL, else it is for EC2.
        """
        with self.requests.paused():
            # One of the images that moto brings along; to ask for them all takes a second.
            started = self.client("ec2").run_instances(
                ImageId="ami-12c6146b", MinCount=1, MaxCount=1
            )
        instance = started["Instances"][0]["InstanceId"]
        return self._moto.register_container_instance(
            self.region, cluster, instance, external=external
        )

    def _find(self, task: str) -> Task:
        found = self.tasks.find(task)
        if found is None:
            raise LookupError(f"the rig has no task {task}")
        return found

    def _make_runner(self, network: Network) -> Runner:
        def release(task: Task) -> None:
            if task.interface:
                network.detach(task.interface, task.region)

        if self._scripted:
            self._scripted.connect(self._ingestion, self._images, self._lifecycle, release)
            return self._scripted
        return ProcessRunner(
            Platform(
                self._moto,
                self._ingestion,
                self._images,
                self._lifecycle,
                ContainerEnvironment(self.url, self._names.environment() if self._names else {}),
                self._holds,
                self._timing,
                self._directory / "tasks",
                release,
            )
        )


@lru_cache
def _session() -> boto3.Session:
    """One session for all rigs, as reading the service models takes most of a client's time."""
    return boto3.Session()
