"""The seam: what a run needs of whoever makes its Dask cluster.

`pods` is the run itself, `operator` the Dask operator.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowenv.errors import PlatformError
from flowenv.plugin import Secret

if TYPE_CHECKING:
    from flowenv_k8s.plugin import Client


@dataclass(frozen=True)
class OwnPod:
    """The pod that this process runs in.

    Args:
        name: its name.
        address: its address in the cluster's network.
        certificates: the folder with the run's.
    """

    name: str
    address: str
    certificates: str


@dataclass(frozen=True)
class ClusterPlan:
    """What is to be made, finished: nothing is added to it but what only Kubernetes knows.

    Args:
        manifest: the DaskCluster, with the pods of scheduler and workers; or a worker's pod.
        minimum: the fewest workers.
        maximum: the most workers.
        owner: the ownerReference to the run's Job; None where there is no Job.
        secret: the Secret that the pods' variables refer to, where no Job has brought it.
        is_inside: False where the flow runs outside of Kubernetes, and reaches the scheduler
            by a forwarded port.
        context: the kubeconfig's context.
        deadline: seconds until the scheduler must answer.
        here: the pod that this process is in, where it makes the cluster itself.
        variables: what the scheduler gets besides this process's variables.
        scheduler: the Job of the scheduler, where this process isn't in a pod that could have it.
        certificates: the run's, by the names of their files, where no pod has them mounted.
        has_log: whether all of the scheduler's log is in the run's.
    """

    manifest: Mapping[str, Any]
    minimum: int
    maximum: int
    owner: Mapping[str, Any] | None = None
    secret: Mapping[str, Any] | None = None
    is_inside: bool = True
    context: str | None = None
    deadline: float = 300.0
    here: OwnPod | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    scheduler: Mapping[str, Any] | None = None
    certificates: Mapping[str, Secret] = field(default_factory=dict)
    has_log: bool = False

    @property
    def name(self) -> str:
        """The cluster's name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Where it is made."""
        return str(self.manifest["metadata"]["namespace"])

    @property
    def labels(self) -> dict[str, str]:
        """The run's labels, which everything that is made gets."""
        return dict(self.manifest["metadata"].get("labels") or {})


class RunCluster(abc.ABC):
    """One run's Dask cluster, from before it exists until nothing of it is left.

    Args:
        client: the connection to Kubernetes.
        plan: what is to be made.
        run_id: the run.
        say: tells what is going on.

    Attributes:
        dask: the `distributed` Cluster that a Client connects to, once it is open.
    """

    def __init__(
        self, client: Client, plan: ClusterPlan, run_id: str, say: Callable[[str], object]
    ) -> None:
        self._client, self._plan, self._run_id, self._say = client, plan, run_id, say
        self.dask: Any = None

    @property
    @abc.abstractmethod
    def forwarded(self) -> str:
        """What `kubectl port-forward` takes to reach the dashboard, once it is open."""

    @abc.abstractmethod
    def has_dashboard(self, client: Any) -> bool:
        """Whether there is a dashboard that shows something: not without bokeh.

        Args:
            client: a connected `distributed.Client`.
        """

    @abc.abstractmethod
    def scheduler_log(self) -> contextlib.AbstractContextManager[None]:
        """Has the scheduler's log in the run's while the block lasts, if that is asked for."""

    @abc.abstractmethod
    def open(self) -> None:
        """Make the cluster, and return when its scheduler answers.

        Raises:
            PlatformError: if it can't be made, or isn't up in time; it says why.
        """

    @abc.abstractmethod
    def why_no_worker(self) -> str | None:
        """What the workers that don't join wait for; None if nothing is known.

        Raises:
            PlatformError: if none can come any more.
        """

    @abc.abstractmethod
    def no_worker(self, seconds: float) -> PlatformError:
        """No worker has joined within so many seconds: the error that says why."""

    @abc.abstractmethod
    def fault(self, error: Exception) -> PlatformError | None:
        """What is wrong with the cluster that made a flow fail; None if nothing is.

        Args:
            error: what the flow, or what is around it, raised.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Remove the cluster, however far it has come. It never raises a platform's error."""
