"""Container output in CloudWatch, as the awslogs driver writes it.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
"""

import contextlib
import threading
from collections.abc import Callable, Iterable

from .errors import AwsError
from .ingestion import Ingestion
from .lifecycle import StartFailure
from .moto_backend import Moto
from .records import Container, Task, now
from .registry import TaskRegistry


class LogStream:
    """The stream of one container: `prefix/container/task-id`."""

    def __init__(
        self, ingestion: Ingestion, region: str, group: str, name: str, wrote: Callable[[int], None]
    ) -> None:
        self._ingestion = ingestion
        self._region = region
        self.group = group
        self.name = name
        self._wrote = wrote
        self._created = False
        self._lock = threading.Lock()

    def create(self) -> None:
        """Make the stream, if it isn't there."""
        with self._lock:
            if self._created:
                return
            self._created = True
            with contextlib.suppress(AwsError):
                self._ingestion.moto.call("logs", "CreateLogStream", self._names, self._region)

    def write(self, lines: Iterable[str]) -> None:
        """Append lines; CloudWatch has no empty events, so empty lines become a space.

        Lines for a group that has been deleted are lost, as the driver loses them.
        """
        at = int(now() * 1000)
        events = [{"timestamp": at, "message": line or " "} for line in lines]
        if events:
            self.create()
            self._ingestion.put(self._region, {**self._names, "logEvents": events})
            self._wrote(len(events))

    @property
    def _names(self) -> dict[str, str]:
        return {"logGroupName": self.group, "logStreamName": self.name}


def open_log_stream(
    ingestion: Ingestion, registry: TaskRegistry, task: Task, container: Container
) -> LogStream | None:
    """The stream for a container with the awslogs driver, not yet created; else None.

    Raises StartFailure where the log group doesn't exist.
    """
    configuration = container.definition.get("logConfiguration") or {}
    if configuration.get("logDriver") != "awslogs":
        return None
    moto = ingestion.moto
    options = configuration.get("options") or {}
    group, region = options["awslogs-group"], options.get("awslogs-region", task.region)
    if options.get("awslogs-create-group") == "true":
        _create_group(moto, region, group)
    if not _group_exists(moto, region, group):
        raise StartFailure(_missing_group(task.fargate), container=container)
    prefix = options.get("awslogs-stream-prefix")
    runtime_id = f"{task.id}-{task.containers.index(container) + 1:010d}"
    name = f"{prefix}/{container.name}/{task.id}" if prefix else runtime_id
    return LogStream(ingestion, region, group, name, lambda lines: registry.wrote(task, lines))


def _create_group(moto: Moto, region: str, group: str) -> None:
    try:
        moto.call("logs", "CreateLogGroup", {"logGroupName": group}, region)
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise


def _group_exists(moto: Moto, region: str, group: str) -> bool:
    found = moto.call("logs", "DescribeLogGroups", {"logGroupNamePrefix": group}, region)
    return any(entry["logGroupName"] == group for entry in found["logGroups"])


def _missing_group(fargate: bool) -> str:
    inner = (
        "failed to create Cloudwatch log stream: ResourceNotFoundException: "
        "The specified log group does not exist."
    )
    if fargate:
        # github.com/doctorray117/minecraft-ondemand/issues/12 and, for the same frame,
        # github.com/TechToSpeech/terraform-aws-serverless-static-wordpress/issues/74
        return (
            "ResourceInitializationError: failed to validate logger args: "
            f"create stream has been retried 1 times: {inner}"
        )
    # github.com/Rayraegah/terraform-aws-hasura/issues/25
    return (
        "CannotStartContainerError: Error response from daemon: "
        f"failed to initialize logging driver: {inner}"
    )
