"""Tasks and containers as the rig keeps them, and as DescribeTasks shows them."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from .moto_backend import NetworkInterface

Status = Literal[
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
]


# finds an instance among those of living tasks: its ARN, or None and why not
FindInstance = Callable[[Iterable["Task"]], tuple[str | None, list[dict[str, str]]]]


def now() -> float:
    """The time as ECS sends it: seconds since the epoch."""
    return datetime.now(UTC).timestamp()


@dataclass
class Container:
    """One container of a task."""

    name: str
    arn: str
    task_arn: str
    definition: Mapping[str, Any]
    override: Mapping[str, Any]
    status: str = "PENDING"
    runtime_id: str | None = None
    exit_code: int | None = None
    reason: str | None = None

    @property
    def essential(self) -> bool:
        """Whether the task ends with this container."""
        return bool(self.definition.get("essential", True))

    def describe(self, interface: NetworkInterface | None) -> dict[str, Any]:
        """The container in DescribeTasks' words; what isn't known yet is left out."""
        shown = {
            "containerArn": self.arn,
            "taskArn": self.task_arn,
            "name": self.name,
            "image": self.definition["image"],
            "runtimeId": self.runtime_id,
            "lastStatus": self.status,
            "exitCode": self.exit_code,
            "reason": self.reason,
            "networkBindings": None if interface else [],
            "networkInterfaces": [
                {"attachmentId": interface.id, "privateIpv4Address": interface.address}
            ]
            if interface
            else [],
            "healthStatus": "UNKNOWN",
            "cpu": str(self.definition.get("cpu", 0)),
            "memory": _text(self.definition.get("memory")),
            "memoryReservation": _text(self.definition.get("memoryReservation")),
        }
        return {key: value for key, value in shown.items() if value is not None}


@dataclass
class Task:
    """One task. Runners write to it while they hold the registry's lock.

    `history` (all states so far) and `lines_written` (sent to CloudWatch) are for tests to wait
    for.
    """

    id: str
    arn: str
    region: str
    cluster: str
    cluster_arn: str
    definition: Mapping[str, Any]
    launch_type: str
    overrides: Mapping[str, Any]
    group: str
    started_by: str
    tags: list[dict[str, str]]
    availability_zone: str
    capacity_provider: str | None = None
    container_instance_arn: str | None = None
    find_instance: FindInstance | None = None  # while its capacity provider has none for it
    interface: NetworkInterface | None = None
    interface_status: str = "PRECREATED"
    enable_execute_command: bool = False
    fault: str | None = None
    status: Status = "PROVISIONING"
    desired_status: Literal["RUNNING", "STOPPED"] = "RUNNING"
    stop_code: str | None = None
    stopped_reason: str | None = None
    shows_containers: bool = False
    version: int = 1
    times: dict[str, float] = field(default_factory=dict)
    history: list[Status] = field(default_factory=list)
    lines_written: int = 0
    containers: list[Container] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.times["createdAt"] = now()
        overrides = {o["name"]: o for o in self.overrides.get("containerOverrides") or []}
        container_prefix = self.arn.replace(":task/", ":container/", 1)
        self.containers = [
            Container(
                name=definition["name"],
                arn=f"{container_prefix}/{uuid.uuid4()}",
                task_arn=self.arn,
                definition=definition,
                override=overrides.get(definition["name"], {}),
            )
            for definition in self.definition["containerDefinitions"]
        ]

    @property
    def family(self) -> str:
        """The family of the task's definition."""
        return str(self.definition["family"])

    @property
    def fargate(self) -> bool:
        """Whether the task runs on Fargate."""
        return self.launch_type == "FARGATE"

    @property
    def role_arn(self) -> str | None:
        """The role of which the containers have credentials, if any."""
        return self.overrides.get("taskRoleArn") or self.definition.get("taskRoleArn")

    @property
    def has_interface(self) -> bool:
        """Whether a network interface is provisioned for the task."""
        return self.interface is not None

    def describe(self, *, with_tags: bool = True) -> dict[str, Any]:
        """The task in DescribeTasks' words; what isn't known yet is left out."""
        shown = {
            "taskArn": self.arn,
            "clusterArn": self.cluster_arn,
            "taskDefinitionArn": self.definition["taskDefinitionArn"],
            "lastStatus": self.status,
            "desiredStatus": self.desired_status,
            "launchType": self.launch_type,
            "capacityProviderName": self.capacity_provider,
            "containerInstanceArn": self.container_instance_arn,
            "platformVersion": "1.4.0" if self.fargate else None,
            "platformFamily": "Linux" if self.fargate else None,
            "availabilityZone": self.availability_zone,
            "connectivity": "CONNECTED" if "connectivityAt" in self.times else None,
            "cpu": _text(self.overrides.get("cpu") or self.definition.get("cpu")),
            "memory": _text(self.overrides.get("memory") or self.definition.get("memory")),
            "enableExecuteCommand": self.enable_execute_command,
            "group": self.group,
            "startedBy": self.started_by or None,
            "healthStatus": "UNKNOWN",
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "version": self.version,
            "overrides": {
                "containerOverrides": [],
                "inferenceAcceleratorOverrides": [],
                **self.overrides,
            },
            "attachments": [self._attachment(self.interface)] if self.interface else [],
            "attributes": [],
            "containers": [c.describe(self.interface) for c in self.containers]
            if self.shows_containers
            else [],
            "tags": list(self.tags) if with_tags else None,
            **self.times,
        }
        return {key: value for key, value in shown.items() if value is not None}

    def _attachment(self, interface: NetworkInterface) -> dict[str, Any]:
        details = {
            "subnetId": interface.subnet,
            "networkInterfaceId": interface.id,
            "macAddress": interface.mac_address,
            "privateDnsName": interface.private_dns_name,
            "privateIPv4Address": interface.address,
        }
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, interface.id)),
            "type": "ElasticNetworkInterface",
            "status": self.interface_status,
            "details": [{"name": name, "value": value} for name, value in details.items()],
        }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
