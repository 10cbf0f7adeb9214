"""Where a task runs: launch type, capacity provider, container instance."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import AwsError
from .moto_backend import Moto
from .records import Task

DISTINCT_UNSATISFIED = "DistinctInstance placement constraint unsatisfied."
FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")


@dataclass(frozen=True)
class Place:
    """Where one task shall run.

    One `waits` if its capacity provider brings an instance where there is no room.
    """

    launch_type: str
    capacity_provider: str | None = None
    waits: bool = False

    @property
    def fargate(self) -> bool:
        """Whether that is Fargate."""
        return self.launch_type == "FARGATE"


@dataclass(frozen=True)
class Wanted:
    """What a task needs of a container instance."""

    definition: Mapping[str, Any]
    launch_type: str
    group: str
    distinct: bool


def choose_places(
    parameters: Mapping[str, Any], cluster: Mapping[str, Any], scales: Callable[[str], bool]
) -> list[Place]:
    """A place for each of the `count` tasks.

    Without launch type and strategy the cluster's default strategy decides, else it is EC2.
    `scales` says whether a capacity provider has managed scaling.
    """
    count = parameters.get("count", 1)
    strategy = parameters.get("capacityProviderStrategy")
    if not strategy and not parameters.get("launchType"):
        strategy = cluster.get("defaultCapacityProviderStrategy")
    if not strategy:
        return [Place(parameters.get("launchType") or "EC2")] * count
    for item in strategy:
        if item["capacityProvider"] not in (cluster.get("capacityProviders") or []):
            # That it has to be associated: `capacityProviderStrategy` of RunTask in the API
            # reference; no public source for ECS's words was found.
            raise AwsError(
                "InvalidParameterException",
                f"(rig) Capacity provider {item['capacityProvider']} is not associated with the "
                "cluster.",
            )
    return [_provider_place(name, scales) for name in _spread(strategy, count)]


def _provider_place(provider: str, scales: Callable[[str], bool]) -> Place:
    if provider in FARGATE_PROVIDERS:
        return Place("FARGATE", provider)
    return Place("EC2", provider, waits=scales(provider))


def _spread(strategy: list[Mapping[str, Any]], count: int) -> list[str]:
    """Providers for `count` tasks: first each `base`, then by `weight`."""
    chosen = [i["capacityProvider"] for i in strategy for _ in range(i.get("base") or 0)][:count]
    given = dict.fromkeys((item["capacityProvider"] for item in strategy), 0)
    # A strategy of one item without a weight means weight 1; in a longer one it means 0.
    default = 1 if len(strategy) == 1 else 0
    weights = {i["capacityProvider"]: i.get("weight") or default for i in strategy}
    weighted = [name for name, weight in weights.items() if weight] or list(weights)
    while len(chosen) < count:
        name = min(weighted, key=lambda n: (given[n] + 1) / max(weights[n], 1))
        given[name] += 1
        chosen.append(name)
    return chosen


class ContainerInstances:
    """Finds room on a cluster's registered EC2 instances."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto

    def place(
        self, wanted: Wanted, cluster: str, region: str, tasks: Iterable[Task]
    ) -> tuple[str | None, list[dict[str, str]]]:
        """The ARN of an instance with room, or None and RunTask's `failures`."""
        definition = wanted.definition
        listed = self._moto.container_instances(
            region, cluster, external=wanted.launch_type == "EXTERNAL"
        )
        if not listed:
            # github.com/aws/amazon-ecs-cli/issues/1122
            raise AwsError(
                "InvalidParameterException", "No Container Instances were found in your cluster."
            )
        instances = self._moto.call(
            "ecs",
            "DescribeContainerInstances",
            {"cluster": cluster, "containerInstances": listed},
            region,
        )["containerInstances"]
        living = [task for task in tasks if task.status != "STOPPED"]
        failures = []
        for instance in instances:
            arn = instance["containerInstanceArn"]
            here = [t for t in living if t.container_instance_arn == arn]
            if wanted.distinct and any(t.group == wanted.group for t in here):
                # The words: github.com/aws/containers-roadmap/issues/1201 (an event of a service)
                failures.append({"arn": arn, "reason": DISTINCT_UNSATISFIED})
                continue
            lacking = _lacking(instance, definition, here)
            if lacking is None:
                return arn, []
            # github.com/smithmicro/jmeter-ecs/issues/25
            failures.append({"arn": arn, "reason": f"RESOURCE:{lacking}"})
        return None, failures


def _lacking(
    instance: Mapping[str, Any], definition: Mapping[str, Any], tasks: list[Task]
) -> str | None:
    for resource in ("CPU", "MEMORY"):
        registered = next(
            r["integerValue"] for r in instance["registeredResources"] if r["name"] == resource
        )
        used = sum(_needs(task.definition, resource) for task in tasks)
        if used + _needs(definition, resource) > registered:
            return resource
    return None


def _needs(definition: Mapping[str, Any], resource: str) -> int:
    name = resource.lower()
    if definition.get(name):
        return int(definition[name])
    return sum(
        int(c.get(name) or c.get("memoryReservation" if name == "memory" else name) or 0)
        for c in definition["containerDefinitions"]
    )
