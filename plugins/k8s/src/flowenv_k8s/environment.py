"""The Kubernetes Job environment: what the user sets."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from flowenv import contract
from flowenv.contract import Target
from flowenv.environment import (
    Callback,
    Capabilities,
    Environment,
    executor_setting,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
)
from flowenv.errors import SettingError
from flowenv.executors import Executor
from flowenv.flow_run import FlowRun
from flowenv.settings import setting
from flowenv_k8s.checks import POD_SPEC, check_job
from flowenv_k8s.manifest import Manifest, check_kind, list_at, mapping_at, read_manifest

if TYPE_CHECKING:
    from flowenv.encoding import Encoder

CONTRACT = (
    contract.GRAPHQL,
    contract.AUTH_TOKEN,
    contract.FLOW_RUN_ID,
    contract.NAMESPACE,
    contract.IMAGE,
    contract.USE_LOCAL_SECRETS,
    contract.FLOW_RUNNER,
    contract.TASK_RUNNER,
    contract.SEND_FLOW_RUN_LOGS,
    contract.EXTRA_LOGGERS,
)
"""The contract's variables for every container of a Job."""

DAY = 86400
DEFAULT_TTL = DAY
DEFAULT_DEADLINE = 7 * DAY
DEFAULT_START_DEADLINE = 600


@dataclasses.dataclass(repr=False)
class KubernetesJobEnvironment(Environment):
    """Runs each flow as one Kubernetes Job.

    A Job manifest may be given; its first container is the flow's and gets the command and
    the image, everything else stays as written. Without one a complete Job is built.

    Args:
        job_spec_file: a YAML file with a Job manifest; read now, so it may be gone later.
        unique_job_name: whether a suffix of the run's id is added to the manifest's name.
        executor: where the flow's parallel work runs; without one the default executor.
        labels: strings to find this environment's runs by.
        on_start: called without arguments, in the container, before the flow begins.
        on_exit: called without arguments, in the container, after the flow has ended.
        metadata: further data; `image` is the container image.
        job_spec: the Job manifest as data, instead of a file.
        namespace: the namespace; by default the manifest's, else that of the kubeconfig's
            context or of the pod that submits.
        context: the kubeconfig's context; by default the pod's own configuration, else the
            current context.
        image_pull_policy: of the flow's container: `Always`, `IfNotPresent` or `Never`.
        service_account: the pods' service account.
        resources: the flow's container's resources, as in a manifest.
        deadline: seconds that the Job may take in all; 0 for no limit.
        start_deadline: seconds until the flow's container must be running.
        ttl: seconds that a finished Job is kept.

    Settings that are given win over the manifest; defaults don't.

    Raises:
        SettingError: if a setting has the wrong type or value.
        SpecError: if the manifest is wrong; with file and line.

    >>> from flowenv_k8s import KubernetesJobEnvironment
    >>> KubernetesJobEnvironment(metadata={"image": "registry.example/team/flow:1"}, ttl=600)
    KubernetesJobEnvironment(metadata={'image': 'registry.example/team/flow:1'}, ttl=600)
    """

    backend = "k8s"
    capabilities = Capabilities(
        cancel=True, logs=True, attach=True, find=True, sweep=True, image=True
    )
    dependencies = ("kubernetes",)
    contract = {Target.FLOW: CONTRACT, Target.SIDECAR: CONTRACT}  # noqa: RUF012

    job_spec_file: str | None = setting(
        None, help="A YAML file with a Job manifest; its first container is the flow's."
    )
    unique_job_name: bool = setting(
        False, help="Add a suffix of the run's id to the manifest's name."
    )
    executor: Executor | None = executor_setting()
    labels: list[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
    job_spec: dict[str, Any] | None = setting(
        None, help="The Job manifest as data, instead of a file.", kw_only=True
    )
    namespace: str | None = setting(
        None, help="The namespace; by default the manifest's or the context's.", kw_only=True
    )
    context: str | None = setting(None, help="The kubeconfig's context.", kw_only=True)
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = setting(
        None, help="When the flow's image is pulled.", kw_only=True
    )
    service_account: str | None = setting(
        None, help="The service account of the run's pods.", kw_only=True
    )
    resources: dict[str, Any] | None = setting(
        None, help="The flow's container's resources: requests and limits.", kw_only=True
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
        """Check the settings, and read and check the manifest."""
        super().__post_init__()
        name = type(self).__name__
        if self.job_spec_file is not None and self.job_spec is not None:
            raise SettingError(f"{name} takes job_spec_file or job_spec, not both.")
        check_not_negative(self, "deadline", "start_deadline", "ttl")
        check_resources(self, "resources")
        self._read_manifest()

    def _read_manifest(self) -> None:
        self._manifest = job_manifest(self.job_spec_file, self.job_spec, "job_spec")

    @property
    def manifest(self) -> Manifest:
        """The user's Job manifest, checked; empty if there is none."""
        return self._manifest

    @property
    def target_namespace(self) -> str:
        """The namespace that runs go to.

        It is the setting, else the manifest's, else the configured
        `PREFECT__CONTEXT__NAMESPACE`, else that of the kubeconfig's context or of the pod.

        Raises:
            ConfigurationError: if the kubeconfig has no such context.
        """
        from flowenv_k8s.namespaces import choose_namespace

        in_manifest = mapping_at(self.manifest, "metadata").get("namespace")
        return choose_namespace(self.namespace, in_manifest, self.context)

    @property
    def spec_image(self) -> str | None:
        """The image of the manifest's first container."""
        return first_image(self.manifest)

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, str]:
        """The namespace, which only this environment knows."""
        return {contract.NAMESPACE: self.target_namespace}

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Check the finished Job and Secret.

        Raises:
            SpecError: if Kubernetes would refuse them.
        """
        from flowenv_k8s.spec import check_spec

        check_spec(spec, flow_run)

    def serialize(self, encoder: Encoder | None = None) -> dict[str, Any]:
        """The environment as JSON data; the manifest itself instead of the file's path."""
        data = super().serialize(encoder)
        return {**data, "job_spec_file": None, "job_spec": self._manifest.data or None}

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {**state, "job_spec_file": None, "job_spec": self._manifest.data or None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._read_manifest()


def job_manifest(file: str | None, data: Mapping[str, Any] | None, name: str) -> Manifest:
    """The user's Job manifest, checked; an empty one if there is none.

    Args:
        file: a YAML file.
        data: the manifest as data, instead of a file.
        name: what messages call it.

    Raises:
        SpecError: if it is wrong.
    """
    if file is not None:
        manifest = read_manifest(file, "Job", "batch/v1")
    elif data is not None:
        manifest = Manifest(copy.deepcopy(dict(data)), name)
        check_kind(manifest, "Job", "batch/v1")
    else:
        return Manifest({}, "the default Job")
    check_job(manifest)
    return manifest


def first_image(manifest: Manifest) -> str | None:
    """The image of a Job manifest's first container, if it names one."""
    containers = list_at(manifest, *POD_SPEC, "containers")
    return containers[0].get("image") if containers else None


def check_not_negative(environment: Environment, *settings: str) -> None:
    """Check that settings are numbers of seconds that there can be.

    Raises:
        SettingError: naming the one that is negative.
    """
    for number in settings:
        if (value := getattr(environment, number)) is not None and value < 0:
            name = type(environment).__name__
            raise SettingError(f"{name} {number} must not be negative; it is {value}.")


def check_resources(environment: Environment, *settings: str) -> None:
    """Check that settings are resources as manifests write them.

    Raises:
        SettingError: naming what a container can't have.
    """
    for one in settings:
        unknown = set(getattr(environment, one) or {}) - {"requests", "limits", "claims"}
        if unknown:
            name = type(environment).__name__
            raise SettingError(
                f"{name} {one} has {', '.join(sorted(unknown))}; it takes requests and limits.",
                hint='Such as {"requests": {"cpu": "1", "memory": "2Gi"}}.',
            )
