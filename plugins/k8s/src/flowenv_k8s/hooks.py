"""The Kubernetes Job backend's hooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flowenv import hookimpl
from flowenv.errors import SpecError
from flowenv_k8s.environment import KubernetesJobEnvironment
from flowenv_k8s.spec.job import build_spec
from flowenv_k8s.spec.manifests.manifest import Manifest, lines_of

if TYPE_CHECKING:
    from flowenv.plugin import Environment, Finding, FlowRun, Handle, Leftover, Process, RunSummary
    from flowenv_k8s.base_environment import KubernetesEnvironment


@hookimpl
def flowenv_environment_type() -> type[Environment]:
    """The backend's environment."""
    return KubernetesJobEnvironment


@hookimpl
def flowenv_build_spec(
    environment: KubernetesJobEnvironment, flow_run: FlowRun, process: Process
) -> dict[str, Any]:
    """The Job, and the Secret that it owns."""
    settings = environment.job_settings(unique_name=environment.unique_job_name)
    return build_spec(settings, flow_run, process)


# -- for every environment whose runs are Jobs --------------------------------------------


@hookimpl
def flowenv_execute(
    environment: KubernetesEnvironment, flow_run: FlowRun, spec: dict[str, Any]
) -> Handle:
    """Create the Job, then its Secret."""
    from flowenv_k8s.api.client import connect
    from flowenv_k8s.runs.brought.brought_again import brought
    from flowenv_k8s.runs.handle import KubernetesHandle
    from flowenv_k8s.runs.submission import submit

    client = connect(environment.context)
    try:
        job = submit(client, spec)
    except SpecError as error:
        given = Manifest(spec["job"], "spec.job", origin=environment.manifest)
        if not (lines := lines_of(str(error), given)):
            raise
        raise SpecError(f"{lines}: {error.message}", hint=error.hint) from error
    payload = spec["payload"]["url"] if spec.get("payload") else None
    deadline = environment.start_deadline
    handle = KubernetesHandle(client, job, deadline, payload=payload, is_own=True)
    handle.tracker.lacking.objects = brought(client, spec)
    return handle


@hookimpl
def flowenv_attach(environment: KubernetesEnvironment, reference: str) -> FlowRun:
    """Find a run's Job by name or run id."""
    from flowenv_k8s.api.client import connect
    from flowenv_k8s.runs.lookup import attach

    return attach(connect(environment.context), environment, reference)


@hookimpl
def flowenv_find_runs(
    environment: KubernetesEnvironment, labels: Sequence[str]
) -> Iterable[RunSummary]:
    """The runs in the environment's namespace."""
    from flowenv_k8s.api.client import connect
    from flowenv_k8s.runs.lookup import find_runs

    return find_runs(connect(environment.context), environment.target_namespace, labels)


@hookimpl
def flowenv_sweep(
    environment: KubernetesEnvironment, older_than: float, delete: bool
) -> Iterable[Leftover]:
    """What is left in the environment's namespace of runs that are over."""
    from flowenv_k8s.api.client import connect
    from flowenv_k8s.runs.sweep import sweep

    return sweep(
        connect(environment.context),
        environment,
        older_than=older_than,
        delete=delete,
    )


@hookimpl
def flowenv_check(environment: KubernetesEnvironment) -> Iterable[Finding]:
    """The cluster, the namespace, and what we may do there."""
    from flowenv_k8s.doctor import examine, job_findings

    return examine(environment, job_findings)
