"""What ECS writes into a task at each step of its life.

The order of the states:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
PROVISIONING and DEPROVISIONING belong to the network interface, so only `awsvpc` tasks have them.
PROVISIONING are those, too, that wait for an instance of a capacity provider with managed scaling:
github.com/PRX/Infrastructure/issues/402. That ECS stops them after 10 to 30 minutes isn't played:
github.com/aws/containers-roadmap/issues/2381.
"""

from dataclasses import dataclass

from .errors import AwsError
from .records import Container, Status, Task, now
from .registry import TaskRegistry

# github.com/aws/amazon-ecs-agent/issues/1883
ESSENTIAL_CONTAINER_EXITED = "Essential container in task exited"
# github.com/aws/amazon-ecs-agent/issues/1654 and github.com/aws/containers-roadmap/issues/2561
TASK_FAILED_TO_START = "Task failed to start"
# github.com/aws/amazon-ecs-agent/issues/4825
INTERFACE_TIMEOUT = "Timeout waiting for network interface provisioning to complete."
# github.com/reproio/wrapbox/pull/53
SPOT_INTERRUPTED = "Your Spot Task was interrupted."
# github.com/aws/amazon-ecs-agent/issues/2467
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"


class StartFailure(Exception):
    """A task that can't start, and why; where one container is to blame, which one."""

    def __init__(
        self,
        task_reason: str,
        container_reason: str | None = None,
        container: Container | None = None,
    ) -> None:
        super().__init__(task_reason)
        self.task_reason = task_reason
        self.container_reason = container_reason or task_reason
        self.container = container


def image_pull_failure(container: Container) -> StartFailure:
    """The failure of a container whose image no registry has."""
    reference = container.definition["image"]
    # github.com/usdigitalresponse/usdr-gost/pull/4036
    reason = (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
        f"failed to resolve ref {reference}: {reference}: not found"
    )
    return StartFailure(reason, container=container)


def command_failure(container: Container, program: str, fargate: bool) -> StartFailure:
    """The failure of a container whose command can't be executed."""
    if fargate:
        # github.com/jenkinsci/amazon-ecs-plugin/issues/258, whose text is cut off after "found in"
        reason = (
            "CannotStartContainerError: ResourceInitializationError: failed to create new container"
            " runtime task: failed to create shim: OCI runtime create failed: container_linux.go:"
            f'380: starting container process caused: exec: "{program}": executable file not found'
            " in $PATH: unknown"
        )
    else:
        # github.com/aws/amazon-ecs-cli/issues/1136
        reason = (
            "CannotStartContainerError: Error response from daemon: OCI runtime create failed: "
            f'container_linux.go:380: starting container process caused: exec: "{program}": '
            "executable file not found in $PATH: unknown"
        )
    return StartFailure(TASK_FAILED_TO_START, reason, container)


@dataclass
class Lifecycle:
    """Moves tasks from state to state."""

    registry: TaskRegistry

    def first_status(self, task: Task) -> Status:
        """The state in which RunTask's answer shows the task."""
        return "PROVISIONING" if task.has_interface or task.find_instance else "PENDING"

    def is_placed(self, task: Task) -> bool:
        """Whether there is an instance for the task; one is looked for if there has been none."""
        if task.find_instance is None:
            return True
        try:
            instance, _ = task.find_instance(self.registry.visible())
        except AwsError:  # no instance at all
            return False
        if instance is None:
            return False
        with self.registry.changing(task):
            task.container_instance_arn, task.find_instance = instance, None
        return True

    def move(self, task: Task, status: Status) -> None:
        """Enter a state, and write what ECS writes when it is entered."""
        with self.registry.changing(task):
            task.status = status
            task.history.append(status)
            if status == "PENDING":
                task.interface_status = "ATTACHED"
                task.shows_containers = True
                task.times.setdefault("connectivityAt", now())
                task.times.setdefault("pullStartedAt", now())
            elif status == "ACTIVATING":
                task.shows_containers = True  # those without an interface begin as PENDING
                task.times.setdefault("pullStoppedAt", now())
            elif status == "RUNNING":
                task.times.setdefault("pullStoppedAt", now())
                task.times.setdefault("startedAt", now())
            elif status == "STOPPING":
                task.times.setdefault("stoppingAt", now())
            elif status == "DEPROVISIONING":
                task.times.setdefault("executionStoppedAt", now())
            elif status == "STOPPED":
                task.interface_status = "DELETED"
                task.times.setdefault("stoppingAt", now())
                task.times.setdefault("executionStoppedAt", now())
                task.times["stoppedAt"] = now()

    def want_stopped(self, task: Task, code: str, reason: str) -> None:
        """Say that the task shall stop, and why. The first reason is kept."""
        with self.registry.changing(task):
            task.desired_status = "STOPPED"
            if task.stop_code is None:
                task.stop_code, task.stopped_reason = code, reason

    def container_running(self, task: Task, container: Container) -> None:
        """A container has started."""
        with self.registry.changing(task):
            container.status = "RUNNING"
            container.runtime_id = f"{task.id}-{task.containers.index(container) + 1:010d}"

    def container_stopped(
        self, task: Task, container: Container, exit_code: int | None, reason: str | None = None
    ) -> None:
        """A container has ended, or never came to run (`exit_code` None)."""
        with self.registry.changing(task):
            container.status = "STOPPED"
            container.exit_code = exit_code
            container.reason = container.reason or reason

    def failed_to_start(self, task: Task, failure: StartFailure) -> None:
        """Write why a task can't start."""
        self.want_stopped(task, "TaskFailedToStart", failure.task_reason)
        for container in task.containers:
            blamed = failure.container in (None, container)
            if container.status != "STOPPED":
                self.container_stopped(
                    task, container, None, failure.container_reason if blamed else None
                )
