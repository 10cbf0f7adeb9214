"""Clusters: moto's, with the number of the rig's tasks in them."""

from collections.abc import Callable
from typing import Any

from .errors import AwsError
from .moto_backend import Moto
from .registry import TaskRegistry
from .requests import ApiCall


class Clusters:
    """Finds clusters, and answers DescribeClusters and DeleteCluster."""

    def __init__(self, moto: Moto, registry: TaskRegistry) -> None:
        self._moto = moto
        self._registry = registry

    def operations(self) -> dict[str, Callable[[ApiCall], dict[str, Any]]]:
        """The operations by name."""
        return {"DescribeClusters": self.describe, "DeleteCluster": self.delete}

    def find(self, cluster: str | None, region: str) -> dict[str, Any]:
        """The cluster with that name or ARN. Raises ClusterNotFoundException."""
        found = self._moto.call(
            "ecs", "DescribeClusters", {"clusters": [cluster or "default"]}, region
        )["clusters"]
        if not found:
            # moto's words
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        result: dict[str, Any] = found[0]
        return result

    def active(self, cluster: str | None, region: str) -> dict[str, Any]:
        """The cluster, if tasks can run in it."""
        found = self.find(cluster, region)
        if found["status"] != "ACTIVE":
            # github.com/vatertime/minecraft-spot-pricing/issues/4 (another operation)
            raise AwsError("ClientException", "The referenced cluster was inactive.")
        return found

    def describe(self, call: ApiCall) -> dict[str, Any]:
        """moto's answer with the counts of running and pending tasks."""
        answer = self._moto.call("ecs", call.operation, call.parameters, call.region)
        for cluster in answer["clusters"]:
            running, pending = self._counts(cluster["clusterName"], call.region)
            cluster["runningTasksCount"], cluster["pendingTasksCount"] = running, pending
        return answer

    def delete(self, call: ApiCall) -> dict[str, Any]:
        """Delete a cluster that has no active tasks."""
        cluster = self.find(call.parameters.get("cluster"), call.region)
        if any(self._counts(cluster["clusterName"], call.region)):
            # github.com/gruntwork-io/cloud-nuke/issues/368
            raise AwsError(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )
        return self._moto.call("ecs", call.operation, call.parameters, call.region)

    def _counts(self, cluster: str, region: str) -> tuple[int, int]:
        statuses = [
            task.status
            for task in self._registry.visible()
            if (task.cluster, task.region) == (cluster, region)
        ]
        pending = sum(status in ("PROVISIONING", "PENDING", "ACTIVATING") for status in statuses)
        return len(statuses) - statuses.count("STOPPED") - pending, pending
