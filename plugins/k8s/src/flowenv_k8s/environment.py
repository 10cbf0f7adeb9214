"""The Kubernetes Job environment: what the user sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.executors import Executor
from flowenv.plugin import (
    Callback,
    Capabilities,
    FlowRun,
    Target,
    executor_setting,
    labels_setting,
    metadata_setting,
    on_exit_setting,
    on_start_setting,
    setting,
)
from flowenv_k8s.base_environment import CONTRACT, KubernetesEnvironment, job_manifest
from flowenv_k8s.spec.manifests.manifest import Manifest


@dataclasses.dataclass(repr=False)
class KubernetesJobEnvironment(KubernetesEnvironment):
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
        namespace: the namespace; by default the manifest's, else that of the kubeconfig's
            context or of the pod that submits.
        context: the kubeconfig's context; by default the pod's own configuration, else the
            current context.
        image_pull_policy: of the flow's container: `Always`, `IfNotPresent` or `Never`.
        service_account: the service account of the flow's pod.
        resources: the flow's container's resources, as in a manifest.
        deadline: seconds that the Job may take in all; 0 for no limit.
        start_deadline: seconds until the flow's container must be running.
        ttl: seconds that a finished Job is kept.
        job_spec: the Job manifest as data, instead of a file.

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
        cancel=True,
        logs=True,
        attach=True,
        find=True,
        sweep=True,
        delete=True,
        image=True,
        runtime=True,
    )
    shipped = ("flowenv-k8s", "PyYAML")  # a flow's file may make its own environment
    dependencies = ("kubernetes",)
    contract = {Target.FLOW: CONTRACT, Target.SIDECAR: CONTRACT}  # noqa: RUF012

    job_spec_file: str | None = setting(
        None,
        help="A YAML file with a Job manifest; its first container is the flow's.",
        is_path=True,
    )
    unique_job_name: bool = setting(
        False, help="Add a suffix of the run's id to the manifest's name."
    )
    executor: Executor | None = executor_setting()
    labels: Iterable[str] | None = labels_setting()
    on_start: Callback | None = on_start_setting()
    on_exit: Callback | None = on_exit_setting()
    metadata: dict[str, Any] | None = metadata_setting()
    job_spec: dict[str, Any] | None = setting(
        None, help="The Job manifest as data, instead of a file.", kw_only=True
    )

    def read_manifests(self) -> dict[str, Manifest]:
        """The user's Job manifest, by its setting."""
        return {"job_spec": job_manifest(self, "job_spec")}

    def validate_spec(self, spec: Mapping[str, Any], flow_run: FlowRun) -> None:
        """Check the finished Job and Secret.

        Raises:
            SpecError: if Kubernetes would refuse them.
        """
        from flowenv_k8s.spec.job import check_spec

        check_spec(spec, flow_run)
