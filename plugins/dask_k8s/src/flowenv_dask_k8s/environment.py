"""The environment of Dask on Kubernetes: what the user sets."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from flowenv.errors import SettingError
from flowenv.plugin import (
    Callback,
    Capabilities,
    FlowRun,
    Target,
    contract,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
    setting,
)
from flowenv_dask_k8s.spec.worker_pod import check_worker_pod
from flowenv_k8s.plugin import (
    CONTRACT,
    POD_SPEC,
    KubernetesEnvironment,
    Manifest,
    check_not_negative,
    check_resources,
    job_manifest,
    list_at,
    mapping_at,
    user_manifest,
)

if TYPE_CHECKING:
    from flowenv.plugin import Value

FLOW_CONTRACT = (*CONTRACT, contract.EXECUTOR, contract.LOGGING_LEVEL)
"""The contract's variables for the flow's container."""
DASK_CONTRACT = tuple(name for name in FLOW_CONTRACT if name != contract.AUTH_TOKEN)
"""Those for the scheduler and the workers: all but the token, which only the flow gets."""

WORK_STEALING = "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING"
HTTP_ROUTES = "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES"
SCHEDULER_ROUTES = (
    *(f"distributed.http.scheduler.{name}" for name in ("prometheus", "info", "json", "api")),
    *(f"distributed.http.{name}" for name in ("health", "proxy", "statics")),
)
"""What the scheduler's web server answers: Dask's default, and the `api` that the operator asks.

Without it the operator runs a function in the scheduler instead, which fails with a traceback in
the log while there is work, and gives the scheduler an idle timeout of 300 s, whatever was asked
for (dask-kubernetes 2026.3, `check_scheduler_idle`).
"""
DEFAULT_DOCKER_SECRET = "DOCKER_REGISTRY_CREDENTIALS"
DEFAULT_CLUSTER_DEADLINE = 300
DEFAULT_IDLE_TIMEOUT = 300


@dataclasses.dataclass(repr=False)
class DaskKubernetesEnvironment(KubernetesEnvironment):
    """Runs each flow as one Kubernetes Job, its parallel work on a Dask cluster of its own.

    The Job makes the cluster, adapts it between `min_workers` and `max_workers`, runs the
    flow on it and removes it. It makes it of plain pods, encrypted; or has the Dask operator
    make it, which then must be installed in Kubernetes.

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
        namespace: the namespace; by default the Job manifest's, else that of the
            kubeconfig's context or of the pod that submits.
        context: the kubeconfig's context.
        image_pull_policy: of all containers: `Always`, `IfNotPresent` or `Never`.
        service_account: of the flow's pod, which must be allowed to make the cluster, and of
            a scheduler's pod.
        resources: the flow's container's resources, as in a manifest.
        deadline: seconds that the Job may take in all; 0 for no limit.
        start_deadline: seconds until the flow's container must be running.
        ttl: seconds that a finished Job is kept.
        cluster: who makes the cluster: `pods`, the run itself; `operator`, the Dask operator.
        scheduler_spec: the Job manifest as data, instead of a file.
        worker_spec: the Pod manifest as data, instead of a file.
        scheduler_resources: those of a scheduler in a pod of its own: the operator's, or that of
            `run` from outside. In the flow's container it shares the flow's.
        worker_resources: each worker's container's resources.
        nthreads: threads of each worker; by default as many as it has CPUs.
        idle_timeout: seconds after which a cluster whose flow is gone is removed.
        cluster_deadline: seconds until the cluster's scheduler must answer.
        worker_deadline: seconds from then until the first worker must have joined.
        performance_report_path: where Dask's performance report is written, an HTML file in
            the flow's container; a relative path is one in the run's output folder, and comes
            back.

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
        delete=True,
        image=True,
        backend_in_image=True,
        runtime=True,
    )
    shipped = ("flowenv-dask-k8s", "flowenv-k8s")
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
    labels: Iterable[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
    scheduler_spec_file: str | None = setting(
        None,
        help="A YAML file with a Job manifest for the flow's Job and the scheduler.",
        is_path=True,
    )
    worker_spec_file: str | None = setting(
        None, help="A YAML file with a Pod manifest for the workers.", is_path=True
    )
    image_pull_secret: str | None = setting(
        None, help="Names of pull secrets, with commas between them; not in custom specs."
    )
    log_k8s_errors: bool = setting(
        False, help="Have what dask-kubernetes logs in the run's log as well."
    )
    cluster: Literal["pods", "operator"] = setting(
        "pods",
        help="Who makes the cluster: `pods`, the run itself; `operator`, the Dask operator.",
        kw_only=True,
    )
    scheduler_spec: dict[str, Any] | None = setting(
        None, help="The Job manifest as data, instead of a file.", kw_only=True
    )
    worker_spec: dict[str, Any] | None = setting(
        None, help="The Pod manifest as data, instead of a file.", kw_only=True
    )
    scheduler_resources: dict[str, Any] | None = setting(
        None,
        help="Resources of a scheduler in its own pod: the operator's, or `run`'s from outside.",
        kw_only=True,
    )
    worker_resources: dict[str, Any] | None = setting(
        None, help="Each worker's resources: requests and limits.", kw_only=True
    )
    nthreads: int | None = setting(
        None, help="Threads of each worker; by default one for each CPU it has.", kw_only=True
    )
    idle_timeout: int = setting(
        DEFAULT_IDLE_TIMEOUT,
        help="Seconds after which a cluster in pods of its own is removed whose flow is gone.",
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

    def __post_init__(self) -> None:
        """Check the settings, and read and check the manifests."""
        super().__post_init__()
        _check_workers(self.min_workers, self.max_workers)
        check_not_negative(self, "idle_timeout")
        for name in ("cluster_deadline", "worker_deadline"):
            if not getattr(self, name) > 0:
                raise SettingError(f"{name} must be a number of seconds above 0.")
        check_resources(self, "scheduler_resources", "worker_resources")
        if self.nthreads is not None and self.nthreads < 1:
            raise SettingError(f"nthreads must be 1 or more, not {self.nthreads}.")
        without = [name for name in self._manifests if self._lacks_pull_secret(name)]
        if without and contract.PAYLOAD not in os.environ:  # in the container it is too late
            warnings.warn(
                f"image_pull_secret isn't added to {' and '.join(without)}: name the secret there, "
                "in imagePullSecrets.",
                UserWarning,
                stacklevel=3,
            )
        if self.private_registry or self.docker_secret is not None:
            warnings.warn(
                "private_registry and docker_secret are deprecated: make a pull secret in the "
                "namespace, and name it with image_pull_secret.",
                DeprecationWarning,
                stacklevel=3,
            )

        if self.private_registry and self.docker_secret is None:
            self.docker_secret = DEFAULT_DOCKER_SECRET

    def read_manifests(self) -> dict[str, Manifest]:
        """The user's Job and Pod manifests, by their settings."""
        return {
            "scheduler_spec": job_manifest(self, "scheduler_spec"),
            "worker_spec": user_manifest(self, "worker_spec", "Pod", "v1", check_worker_pod),
        }

    @property
    def worker_pod(self) -> Manifest:
        """The user's Pod manifest for the workers, checked; empty if there is none."""
        return self._manifests["worker_spec"]

    def _lacks_pull_secret(self, name: str) -> bool:
        """True if a manifest of the user's doesn't name what `image_pull_secret` does."""
        manifest = self._manifests[name]
        at = POD_SPEC if manifest.kind == "Job" else ("spec",)
        named = {one.get("name") for one in list_at(manifest, *at, "imagePullSecrets")}
        wanted = map(str.strip, (self.image_pull_secret or "").split(","))
        return bool(manifest.data and self.image_pull_secret and not named.issuperset(wanted))

    @property
    def pull_secrets(self) -> tuple[str, ...]:
        """The names of the pull secrets of pods that have no custom spec."""
        if self.private_registry:
            return (f"{self.target_namespace}-docker",)
        names = (self.image_pull_secret or "").split(",")
        return tuple(dict.fromkeys(filter(None, map(str.strip, names))))

    @property
    def flow_account(self) -> str:
        """The service account that is set for the flow's pod; empty if none is."""
        in_manifest = mapping_at(self.manifest, *POD_SPEC).get("serviceAccountName")
        return str(self.service_account or in_manifest or "")

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, str]:
        """The namespace, and that work goes to the run's Dask cluster."""
        return {**super().contract_values(flow_run), contract.EXECUTOR: contract.DASK_EXECUTOR}

    def variables(self, target: Target) -> Mapping[str, Value]:
        """What Dask's scheduler is told by variables."""
        if target is not Target.SCHEDULER:
            return {}
        told = {}
        if self.cluster == "operator":
            told[HTTP_ROUTES] = json.dumps(SCHEDULER_ROUTES)
        if not self.manifest.data:
            told[WORK_STEALING] = str(self.work_stealing)
        if self.scheduler_logs:
            told["DASK_LOGGING"] = '{"distributed.scheduler": "debug"}'
        return told

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Check the finished Job, Secret and DaskCluster.

        Raises:
            SpecError: if Kubernetes or the operator would refuse them.
        """
        from flowenv_dask_k8s.spec.job import check_spec

        check_spec(spec, flow_run, self)
        if self.scheduler_resources and self.cluster == "pods" and "scheduler_job" not in spec:
            warnings.warn(
                "scheduler_resources doesn't count for a submitted run: its scheduler is a process "
                "in the flow's container. Give that one more (resources), or have "
                'cluster="operator".',
                UserWarning,
                stacklevel=2,
            )


def _check_workers(minimum: int, maximum: int) -> None:
    if minimum < 0:
        raise SettingError(f"min_workers must be 0 or more, not {minimum}.")
    if maximum < max(minimum, 1):
        raise SettingError(
            f"max_workers is {maximum}; it must be at least 1 and at least min_workers ({minimum})."
        )
