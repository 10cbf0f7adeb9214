"""The base of environments whose runs are Kubernetes Jobs: what the user sets for all of them."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from flowenv.errors import SettingError
from flowenv.plugin import Environment, FlowRun, contract, runtime_setting, setting
from flowenv_k8s.spec.checks import POD_SPEC, check_job
from flowenv_k8s.spec.manifests.field_table import KUBERNETES
from flowenv_k8s.spec.manifests.manifest import (
    Manifest,
    check_kind,
    dotted,
    list_at,
    mapping_at,
    read_manifest,
)
from flowenv_k8s.spec.manifests.structure import check_fields
from flowenv_k8s.spec.manifests.yaml_text import Path_
from flowenv_k8s.spec.quantities import HINT, MEMORY_HINT, too_little_memory, wrong_quantities
from flowenv_k8s.spec.user_manifest import as_given

if TYPE_CHECKING:
    from flowenv.plugin import Encoder, Merged
    from flowenv_k8s.spec.job_settings import JobSettings

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

DEFAULT_START_DEADLINE = 600


@dataclasses.dataclass(repr=False, kw_only=True)
class KubernetesEnvironment(Environment):
    """Runs each flow as a Kubernetes Job; the settings here are by keyword only.

    A subclass adds settings of its own, and reads the user's manifests in
    `read_manifests`.

    Args:
        namespace: the namespace; by default the Job manifest's, else that of the
            kubeconfig's context or of the pod that submits.
        context: the kubeconfig's context; by default the pod's own configuration, else the
            current context.
        image_pull_policy: `Always`, `IfNotPresent` or `Never`.
        service_account: the service account of the flow's pod.
        resources: the flow's container's resources, as in a manifest.
        deadline: seconds that the Job may take in all; 0 for no limit.
        start_deadline: seconds until the flow's container must be running.
        ttl: seconds that a finished Job is kept.
        runtime: `shipped` (the default) or `image`: whether flowenv travels with the run, so
            that any image with Python will do, or is in the image.

    Raises:
        SettingError: if a setting has the wrong type or value.
        SpecError: if a manifest is wrong; with file and line.
    """

    namespace: str | None = setting(
        None, help="The namespace; by default the manifest's or the context's."
    )
    context: str | None = setting(None, help="The kubeconfig's context.")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = setting(
        None, help="When images are pulled."
    )
    service_account: str | None = setting(None, help="The service account that the flow runs as.")
    resources: dict[str, Any] | None = setting(
        None, help="The flow's container's resources: requests and limits."
    )
    deadline: int | None = setting(
        None, help="Seconds that a run may take in all; 7 days, 0 for no limit."
    )
    start_deadline: float = setting(
        DEFAULT_START_DEADLINE,
        help="Seconds until the flow's container must be running: scheduling, image pull.",
    )
    ttl: int | None = setting(None, help="Seconds that a finished Job is kept; 1 day.")
    runtime: Literal["shipped", "image"] | None = runtime_setting()

    def __post_init__(self) -> None:
        """Check the settings, and read and check the manifests."""
        super().__post_init__()
        check_not_negative(self, "deadline", "start_deadline", "ttl")
        check_resources(self, "resources")
        self._manifests = self.read_manifests()

    def read_manifests(self) -> dict[str, Manifest]:
        """The user's manifests, checked, by the setting that has them; the Job's comes first.

        Raises:
            SettingError: if a manifest is given twice.
            SpecError: if one is wrong.
        """
        raise NotImplementedError

    @property
    def manifest(self) -> Manifest:
        """The user's Job manifest, checked; empty if there is none."""
        return next(iter(self._manifests.values()))

    @property
    def target_namespace(self) -> str:
        """The namespace that runs go to.

        It is the setting, else the manifest's, else the configured
        `PREFECT__CONTEXT__NAMESPACE`, else that of the kubeconfig's context or of the pod.

        Raises:
            ConfigurationError: if the kubeconfig has no such context.
        """
        from flowenv.plugin import configuration
        from flowenv_k8s.api.kubeconfig import default_namespace

        inherited = default_namespace(self.context)
        chosen = self.namespace or mapping_at(self.manifest, "metadata").get("namespace")
        return str(chosen or configuration().variables.get(contract.NAMESPACE) or inherited)

    @property
    def place(self) -> str:
        """The cluster's address and the namespace."""
        from flowenv_k8s.api.kubeconfig import server

        return f"{server(self.context)} {self.target_namespace}".strip()

    @property
    def spec_image(self) -> str | None:
        """The image of the Job manifest's first container."""
        containers = list_at(self.manifest, *POD_SPEC, "containers")
        return containers[0].get("image") if containers else None

    def job_settings(self, **further: Any) -> JobSettings:
        """What the run's Job is built from.

        Args:
            **further: what only the subclass knows, as `JobSettings` takes it.
        """
        from flowenv_k8s.spec.job_settings import JobSettings

        return JobSettings(
            manifest=self.manifest,
            namespace=self.target_namespace,
            image_pull_policy=self.image_pull_policy,
            service_account=self.service_account,
            resources=self.resources,
            deadline=self.deadline,
            ttl=self.ttl,
            **further,
        )

    def contract_values(self, flow_run: FlowRun) -> Mapping[str, str]:
        """The namespace, which only this environment knows."""
        return {contract.NAMESPACE: self.target_namespace}

    def expanded(self, merged: Merged, values: Mapping[str, str]) -> Mapping[str, str]:
        """What a container sees: references in the user's own file are resolved."""
        from flowenv_k8s.spec.variables import expanded

        return expanded(merged, values)

    def serialize(self, encoder: Encoder | None = None) -> dict[str, Any]:
        """The environment as JSON data; the manifests themselves instead of the files' paths."""
        return {**super().serialize(encoder), **self._manifests_as_data()}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), **self._manifests_as_data()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._manifests = self.read_manifests()

    def _manifests_as_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name, manifest in self._manifests.items():
            data |= {f"{name}_file": None, name: copy.deepcopy(manifest.data) or None}
        return data


def user_manifest(
    environment: Environment,
    name: str,
    kind: str,
    api_version: str,
    check: Callable[[Manifest], None],
) -> Manifest:
    """The manifest that a user gives by one of two settings, checked; empty if there is none.

    Args:
        environment: the environment.
        name: the setting that has it as data; with `_file`, the one that names a YAML file.
        kind: what it has to be: `Job`, `Pod`.
        api_version: such as `batch/v1`.
        check: checks its content.

    Raises:
        SettingError: if both settings are given.
        SpecError: if it is wrong.
    """
    file, data = getattr(environment, f"{name}_file"), getattr(environment, name)
    if file is not None and data is not None:
        raise SettingError(f"{type(environment).__name__} takes {name}_file or {name}, not both.")
    if file is not None:
        manifest = read_manifest(file, kind, api_version)
    elif data is not None:
        manifest = Manifest(copy.deepcopy(dict(data)), name)
        check_kind(manifest, kind, api_version)
    else:
        return Manifest({}, f"the default {kind}")
    manifest = as_given(manifest, kind)
    unknown = check_fields(manifest, (), kind)
    check(manifest)
    _note_unknown(manifest, unknown)
    return manifest


def _note_unknown(manifest: Manifest, fields: list[Path_]) -> None:
    if not fields or contract.PAYLOAD in os.environ:  # was said where the run was submitted
        return
    import logging  # seldom needed, and `flowenv spec` is to be quick

    for at in fields:
        logging.getLogger("flowenv.k8s").warning(
            "%s: Kubernetes %s has no field %s; it is sent, and a cluster that doesn't know it "
            "refuses the run.",
            *(manifest.place(*at), KUBERNETES, dotted(at)),
        )


def job_manifest(environment: Environment, name: str) -> Manifest:
    """The user's Job manifest, checked; an empty one if there is none.

    Args:
        environment: the environment.
        name: the setting that has it as data; with `_file`, the one that names a YAML file.

    Raises:
        SettingError: if both settings are given.
        SpecError: if it is wrong.
    """
    return user_manifest(environment, name, "Job", "batch/v1", check_job)


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
        given = getattr(environment, one) or {}
        name = f"{type(environment).__name__} {one}"
        if unknown := set(given) - {"requests", "limits", "claims"}:
            raise SettingError(
                f"{name} has {', '.join(sorted(unknown))}; it takes requests and limits.",
                hint='Such as {"requests": {"cpu": "1", "memory": "2Gi"}}.',
            )
        if little := too_little_memory(given):
            raise SettingError(f"{name}: {little}", hint=MEMORY_HINT)
        for place, amount in wrong_quantities(given):
            raise SettingError(
                f"{name}: {dotted(place)} is {amount!r}, which is no quantity.", hint=HINT
            )
