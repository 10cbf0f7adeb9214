"""The environment of Dask on Kubernetes: what the user sets."""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from flowenv import contract
from flowenv.contract import Target
from flowenv.environment import (
    Callback,
    Capabilities,
    Environment,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
)
from flowenv.errors import SettingError
from flowenv.flow_run import FlowRun
from flowenv.settings import setting
from flowenv_dask_k8s.worker_manifest import worker_manifest
from flowenv_k8s.environment import (
    CONTRACT,
    DEFAULT_START_DEADLINE,
    check_not_negative,
    check_resources,
    first_image,
    job_manifest,
)
from flowenv_k8s.manifest import Manifest, mapping_at

if TYPE_CHECKING:
    from flowenv.encoding import Encoder
    from flowenv.variables import Value

FLOW_CONTRACT = (*CONTRACT, contract.EXECUTOR, contract.LOGGING_LEVEL)
"""The contract's variables for the flow's container."""
DASK_CONTRACT = tuple(name for name in FLOW_CONTRACT if name != contract.AUTH_TOKEN)
"""Those for the scheduler and the workers: all but the token, which only the flow gets."""

WORK_STEALING = "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING"
DEFAULT_DOCKER_SECRET = "DOCKER_REGISTRY_CREDENTIALS"
DEFAULT_CLUSTER_DEADLINE = 300
DEFAULT_IDLE_TIMEOUT = 300


@dataclasses.dataclass(repr=False)
class DaskKubernetesEnvironment(Environment):
    """Runs each flow as one Kubernetes Job, its parallel work on a Dask cluster of its own.

    The Job makes the cluster, adapts it between `min_workers` and `max_workers`, runs the
    flow on it and removes it. The cluster is made by the Dask operator, which must be
    installed in Kubernetes.

    Args:
        min_workers: the fewest worker pods.
        max_workers: the most worker pods.
        work_stealing: whether the scheduler moves tasks from busy to idle workers; not added
            to a custom scheduler spec.
        scheduler_logs: whether the scheduler logs everything, and the run's log has it.
        private_registry: deprecated; whether the image's registry needs the credentials that
            `docker_secret` names.
        docker_secret: deprecated; the flowenv secret with the registry's credentials, by
            default `DOCKER_REGISTRY_CREDENTIALS`.
        labels: strings to find this environment's runs by.
        on_start: called without arguments, in the flow's container, when the cluster is up,
            before the flow begins.
        on_exit: called without arguments, in the flow's container, after the flow has ended.
        metadata: further data; `image` is the image of all three kinds of container.
        scheduler_spec_file: a YAML file with a Job manifest, which shapes the flow's Job.
            Where its pod runs (node selector, tolerations, service account, pull secrets and
            the like), and its `DASK_…` variables, hold for the scheduler's pod too.
        worker_spec_file: a YAML file with a Pod manifest for the workers.
        image_pull_secret: names of pull secrets with commas between them; not added to
            custom specs.
        log_k8s_errors: whether what dask-kubernetes and its client log is in the run's log.
        scheduler_spec: the Job manifest as data, instead of a file.
        worker_spec: the Pod manifest as data, instead of a file.
        namespace: the namespace; by default the Job manifest's, else that of the
            kubeconfig's context or of the pod that submits.
        context: the kubeconfig's context.
        image_pull_policy: of all containers: `Always`, `IfNotPresent` or `Never`.
        service_account: of the flow's pod, which must be allowed to make Dask clusters, and
            of the scheduler's.
        resources: the flow's container's resources, as in a manifest.
        scheduler_resources: the scheduler's.
        worker_resources: each worker's.
        nthreads: threads of each worker; by default as many as it has CPUs.
        idle_timeout: seconds after which a cluster whose flow is gone is removed.
        cluster_deadline: seconds until the cluster's scheduler must answer.
        worker_deadline: seconds from then until the first worker must have joined.
        performance_report_path: where Dask's performance report is written, an HTML file in
            the flow's container.
        deadline: seconds that the Job may take in all; 0 for no limit.
        start_deadline: seconds until the flow's container must be running.
        ttl: seconds that a finished Job is kept.

    Raises:
        SettingError: if a setting has the wrong type or value.
        SpecError: if a manifest is wrong; with file and line.

    >>> from flowenv_dask_k8s import DaskKubernetesEnvironment
    >>> DaskKubernetesEnvironment(max_workers=8, worker_resources={"limits": {"cpu": "2"}})
    DaskKubernetesEnvironment(max_workers=8, worker_resources={'limits': {'cpu': '2'}})
    """

    backend = "dask_k8s"
    capabilities = Capabilities(
        cancel=True,
        logs=True,
        attach=True,
        find=True,
        sweep=True,
        image=True,
        backend_in_image=True,
    )
    dependencies = ("dask", "dask-kubernetes", "distributed", "kubernetes")
    contract = {  # noqa: RUF012
        Target.FLOW: FLOW_CONTRACT,
        Target.SIDECAR: FLOW_CONTRACT,
        Target.SCHEDULER: DASK_CONTRACT,
        Target.WORKER: DASK_CONTRACT,
    }

    min_workers: int = setting(1, help="The fewest worker pods.")
    max_workers: int = setting(2, help="The most worker pods.")
    work_stealing: bool = setting(
        True, help="Let the scheduler move tasks to idle workers; not in a custom scheduler spec."
    )
    scheduler_logs: bool = setting(False, help="Have all of the scheduler's log in the run's.")
    private_registry: bool = setting(
        False, help="Deprecated: the registry needs the credentials in docker_secret."
    )
    docker_secret: str | None = setting(
        None, help="Deprecated: the name of the secret with the registry's credentials."
    )
    labels: list[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
    scheduler_spec_file: str | None = setting(
        None, help="A YAML file with a Job manifest for the flow's Job and the scheduler."
    )
    worker_spec_file: str | None = setting(
        None, help="A YAML file with a Pod manifest for the workers."
    )
    image_pull_secret: str | None = setting(
        None, help="Names of pull secrets, with commas between them; not in custom specs."
    )
    log_k8s_errors: bool = setting(
        False, help="Have what dask-kubernetes logs in the run's log as well."
    )
    scheduler_spec: dict[str, Any] | None = setting(
        None, help="The Job manifest as data, instead of a file.", kw_only=True
    )
    worker_spec: dict[str, Any] | None = setting(
        None, help="The Pod manifest as data, instead of a file.", kw_only=True
    )
    namespace: str | None = setting(
        None, help="The namespace; by default the manifest's or the context's.", kw_only=True
    )
    context: str | None = setting(None, help="The kubeconfig's context.", kw_only=True)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = setting(
        None, help="When the images are pulled.", kw_only=True
    )
    service_account: str | None = setting(
        None, help="The service account of the flow's and the scheduler's pod.", kw_only=True
    )
    resources: dict[str, Any] | None = setting(
        None, help="The flow's container's resources: requests and limits.", kw_only=True
    )
    scheduler_resources: dict[str, Any] | None = setting(
        None, help="The scheduler's resources: requests and limits.", kw_only=True
    )
    worker_resources: dict[str, Any] | None = setting(
        None, help="Each worker's resources: requests and limits.", kw_only=True
    )
    nthreads: int | None = setting(
        None, help="Threads of each worker; by default one for each CPU it has.", kw_only=True
    )
    idle_timeout: int = setting(
        DEFAULT_IDLE_TIMEOUT,
        help="Seconds after which a cluster whose flow is gone is removed.",
        kw_only=True,
    )
    cluster_deadline: float = setting(
        DEFAULT_CLUSTER_DEADLINE, help="Seconds until the scheduler must answer.", kw_only=True
    )
    worker_deadline: float = setting(
        DEFAULT_CLUSTER_DEADLINE,
        help="Seconds from then until the first worker must have joined.",
        kw_only=True,
    )
    performance_report_path: str | None = setting(
        None, help="Where Dask's performance report is written, an HTML file.", kw_only=True
    )
    deadline: int | None = setting(
        None, help="Seconds that a run may take in all; 7 days, 0 for no limit.", kw_only=True
    )
    start_deadline: float = setting(
        DEFAULT_START_DEADLINE,
        help="Seconds until the flow's container must be running: scheduling, image pull.",
        kw_only=True,
    )
    ttl: int | None = setting(
        None, help="Seconds that a finished Job is kept; 1 day.", kw_only=True
    )

    def __post_init__(self) -> None:
        """Check the settings, and read and check the manifests."""
        super().__post_init__()
        for one in ("scheduler_spec", "worker_spec"):
            if getattr(self, one) is not None and getattr(self, f"{one}_file") is not None:
                name = type(self).__name__
                raise SettingError(f"{name} takes {one}_file or {one}, not both.")
        _check_workers(self.min_workers, self.max_workers)
        _check_seconds(self)
        check_resources(self, "resources", "scheduler_resources", "worker_resources")
        if self.nthreads is not None and self.nthreads < 1:
            raise SettingError(f"nthreads must be 1 or more, not {self.nthreads}.")
        if self.private_registry or self.docker_secret is not None:
            warnings.warn(
                "private_registry and docker_secret are deprecated: make a pull secret in the "
                "namespace, and name it with image_pull_secret.",
                DeprecationWarning,
                stacklevel=3,
            )
        self._read_manifests()

    def _read_manifests(self) -> None:
        self._job = job_manifest(self.scheduler_spec_file, self.scheduler_spec, "scheduler_spec")
        self._worker = worker_manifest(self.worker_spec_file, self.worker_spec)

    @property
    def manifest(self) -> Manifest:
        """The user's Job manifest, checked; empty if there is none."""
        return self._job

    @property
    def worker_pod(self) -> Manifest:
        """The user's Pod manifest for the workers, checked; empty if there is none."""
        return self._worker

    @property
    def target_namespace(self) -> str:
        """The namespace that runs go to.

        Raises:
            ConfigurationError: if the kubeconfig has no such context.
        """
        from flowenv_k8s.namespaces import choose_namespace

        in_manifest = mapping_at(self.manifest, "metadata").get("namespace")
        return choose_namespace(self.namespace, in_manifest, self.context)

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """The names of the pull secrets of pods that have no custom spec."""
        names = (self.image_pull_secret or "").split(",")
        of_registry = [f"{self.target_namespace}-docker"] if self.private_registry else []
        return tuple(dict.fromkeys([*filter(None, map(str.strip, names)), *of_registry]))

    @property
    def spec_image(self) -> str | None:
        """The image of the Job manifest's first container."""
        return first_image(self.manifest)

    def variables(self, target: Target) -> Mapping[str, Value]:
        """What Dask's scheduler is told by variables."""
        if target is not Target.SCHEDULER:
            return {}
        told = {WORK_STEALING: str(self.work_stealing)} if not self.manifest.data else {}
        if self.scheduler_logs:
            told["DASK_LOGGING"] = '{"distributed.scheduler": "debug"}'
        return told

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, str]:
        """The namespace, which only this environment knows."""
        return {contract.NAMESPACE: self.target_namespace}

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Check the finished Job, Secret and DaskCluster.

        Raises:
            SpecError: if Kubernetes or the operator would refuse them.
        """
        from flowenv_dask_k8s.spec import check_spec

        check_spec(spec, flow_run)

    def serialize(self, encoder: Encoder | None = None) -> dict[str, Any]:
        """The environment as JSON data; the manifests themselves instead of the files' paths."""
        return {**super().serialize(encoder), **self._manifests()}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), **self._manifests()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._read_manifests()

    def _manifests(self) -> dict[str, Any]:
        return {
            "scheduler_spec_file": None,
            "scheduler_spec": copy.deepcopy(self._job.data) or None,
            "worker_spec_file": None,
            "worker_spec": copy.deepcopy(self._worker.data) or None,
        }


def _check_workers(minimum: int, maximum: int) -> None:
    if minimum < 0:
        raise SettingError(f"min_workers must be 0 or more, not {minimum}.")
    if maximum < max(minimum, 1):
        raise SettingError(
            f"max_workers is {maximum}; it must be at least 1 and at least min_workers ({minimum})."
        )


def _check_seconds(environment: DaskKubernetesEnvironment) -> None:
    check_not_negative(environment, "deadline", "start_deadline", "ttl", "idle_timeout")
    for name in ("cluster_deadline", "worker_deadline"):
        if not getattr(environment, name) > 0:
            raise SettingError(f"{name} must be a number of seconds above 0.")
