"""A run: on_execute → cluster → on_start → flow → on_exit → close."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowenv.errors import CallbackFailed
from flowenv.plugin import (
    Returned,
    call_with_callbacks,
    check_report_here,
    connected,
    has_dashboard,
    leave_interrupts_to_owner,
    prepare_here,
    revealed,
    run_on,
    wait_for_workers,
)
from flowenv_dask_cloud.cluster import dask_objects
from flowenv_dask_cloud.cluster.ecs.leftovers import leftovers_of
from flowenv_dask_cloud.cluster.lifecycle import ClusterLifecycle, Plan
from flowenv_dask_cloud.cluster.members import Watch
from flowenv_dask_cloud.cluster.progress import Progress
from flowenv_dask_cloud.environment import DaskCloudProviderEnvironment, own_settings
from flowenv_dask_cloud.spec.build import PART, real
from flowenv_dask_cloud.spec.checks import (
    check_arguments,
    check_is_protected,
    check_workers,
    is_public,
)
from flowenv_dask_cloud.spec.cloud_init import quoted
from flowenv_dask_cloud.spec.credentials import guarded
from flowenv_dask_cloud.spec.providers import Provider, load_provider
from flowenv_dask_cloud.spec.tags import started_by

if TYPE_CHECKING:
    from flowenv.plugin import FlowRun

_log = logging.getLogger("flowenv.dask_cloud")

_ASK_EVERY = 50
"""In every so many looks for workers the provider is asked whether any can come."""


def run_on_cluster(environment: DaskCloudProviderEnvironment, flow_run: FlowRun) -> Returned:
    """Make the run's cluster, run the flow on it, and close it in every case.

    Raises:
        PlatformError: if the cluster can't be made or isn't up in time.
        CallbackFailed: if a callback raises.
    """
    provider, part = _asked_for(environment, flow_run)
    progress = Progress(flow_run)
    lifecycle = _lifecycle(environment, flow_run, part, provider, progress)
    began = time.time()
    flow_run.clustered = (began, 0.0)
    try:
        lifecycle.start()
        with _connected(environment, lifecycle, progress) as client:
            report = _report_path(environment)
            with run_on(client, flow_run.source_files, performance_report_path=report, is_own=True):
                flow_run.clustered = (began, time.time() - began)
                progress.running(_dashboard(lifecycle.cluster, client))
                return call_with_callbacks(environment, flow_run)
    except KeyboardInterrupt:
        lifecycle.hurry()
        raise
    finally:
        lifecycle.close()
        flow_run.cluster_events = tuple(lifecycle.events())


def _asked_for(
    environment: DaskCloudProviderEnvironment, flow_run: FlowRun
) -> tuple[Provider, dict[str, Any]]:
    """The provider, and the spec's part as it is after `on_execute`, checked."""
    part = finished_spec(flow_run)[PART]
    provider = load_provider(part["provider"])
    arguments = real(part["arguments"], environment.kwargs)
    scheduler_variables = part.get("scheduler_variables")
    if environment.on_execute:
        name = provider.facts.environment
        # it gets credentials as they were given; afterwards nothing shows them again
        plain = revealed(arguments)
        before = dict(plain.get(name) or {})
        _call_on_execute(environment, flow_run, plain)
        if scheduler_variables is not None:
            after = plain.get(name) or {}
            scheduler_variables = changed_alike(scheduler_variables, before, after)
        arguments = {name: guarded(name, value) for name, value in plain.items()}
    check_arguments(provider, arguments, own_settings())
    check_is_protected(provider, arguments, environment.security)
    check_workers(provider, arguments, part["adapt"] is not None)
    if provider.facts.family == "local" and _report_path(environment):
        check_report_here()
    _warn(provider, part, arguments, environment.security)
    return provider, {**part, "arguments": arguments, "scheduler_variables": scheduler_variables}


def _report_path(environment: DaskCloudProviderEnvironment) -> str | None:
    return (environment.executor_kwargs or {}).get("performance_report_path")


def finished_spec(flow_run: FlowRun) -> dict[str, Any]:
    """The run's spec: built when it was submitted, or now if it runs without submission."""
    if flow_run.spec is None:
        flow_run.spec = prepare_here(flow_run).spec
    return flow_run.spec


def _call_on_execute(
    environment: DaskCloudProviderEnvironment, flow_run: FlowRun, arguments: dict[str, Any]
) -> None:
    assert environment.on_execute
    try:
        environment.on_execute(_with_defaults(flow_run), arguments)
    except Exception as error:
        raise CallbackFailed(
            f"on_execute raised {type(error).__name__}: {error}", error_class=type(error).__name__
        ) from error


def _with_defaults(flow_run: FlowRun) -> dict[str, Any]:
    """A copy of the run's parameters, with the flow's defaults where none is given."""
    wanted = flow_run.flow.signature.parameters.values() if flow_run.flow else ()
    defaults = {p.name: p.default for p in wanted if p.default is not p.empty}
    return copy.deepcopy(defaults) | flow_run.parameters


def changed_alike(
    scheduler: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    """The scheduler's variables after `on_execute` has changed the provider's argument.

    >>> changed_alike({"A": "1", "B": "1"}, {"B": "1"}, {"C": "2"})
    {'A': '1', 'C': '2'}
    """
    kept = {n: v for n, v in scheduler.items() if n not in before or n in after}
    return {**kept, **{n: v for n, v in after.items() if before.get(n) != v}}


def _warn(
    provider: Provider, part: Mapping[str, Any], arguments: Mapping[str, Any], security: object
) -> None:
    """Say what the user should know before minutes pass and money is spent."""
    if unset := part.get("unset_variables"):
        _log.warning(
            "%s has no argument for these environment variables of its scheduler and workers, "
            "so they aren't set: %s.",
            provider.title,
            ", ".join(unset),
        )
    if provider.facts.family == "ecs" and part["security"] == "none" and security is not False:
        groups = arguments.get("security_groups")
        _log.warning(
            "The scheduler of this %s is open, without encryption or authentication, on a %s "
            "address, to %s. Its TLS doesn't reach the tasks. Set fargate_use_private_ip=True and "
            "security_groups=[…] of your own, and run where these addresses can be reached; "
            "security=False says that you know.",
            provider.title,
            "public" if is_public(provider, arguments) else "private",
            "whom the security groups let in" if groups else "everybody who reaches it",
        )


def _lifecycle(
    environment: DaskCloudProviderEnvironment,
    flow_run: FlowRun,
    part: Mapping[str, Any],
    provider: Provider,
    progress: Progress,
) -> ClusterLifecycle:
    given = dict(revealed(part["arguments"]))
    leftovers = leftovers_of(provider)(flow_run.id, given)
    security = _security(environment, provider, part["security"])
    if security is not None:
        given["security"] = security
    scheduler = part["scheduler_variables"]
    variables = None if scheduler is None else dict(revealed(scheduler))
    if provider.facts.family == "machines" and (name := provider.facts.environment):
        given[name] = quoted(given.get(name) or {})
        variables = quoted(variables or {})
    definitions = (given.get(f"{role}_task_definition_arn") for role in ("scheduler", "worker"))
    watch = Watch(
        progress.say,
        scheduler_variables=variables,
        run_task={"startedBy": started_by(flow_run.id)},
        own_definitions=frozenset(arn for arn in definitions if arn),
    )
    progress.say(f"Making a {provider.title}.")
    plan = Plan(provider, given, part["adapt"], environment.start_timeout)
    return ClusterLifecycle(plan, watch, leftovers, progress)


def _security(
    environment: DaskCloudProviderEnvironment, provider: Provider, kind: str
) -> object | None:
    """The provider's `security` argument; None to leave it out."""
    security: object | None = None
    if kind == "temporary":
        security = dask_objects.temporary_security()
    elif kind == "given":
        security = environment.security
    elif kind == "none" and provider.facts.family == "machines":
        security = False  # VMCluster would make its own
    return security


@contextmanager
def _connected(
    environment: DaskCloudProviderEnvironment, lifecycle: ClusterLifecycle, progress: Progress
) -> Iterator[Any]:
    """A client of the cluster, once a worker has joined, if there will be one by itself."""
    cluster, adapt = lifecycle.cluster, lifecycle.plan.adapt
    address = dask_objects.address(cluster)
    unknown = lifecycle.plan.provider.facts.tls is None and environment.security is not False
    if unknown and dask_objects.is_open(cluster):
        _log.warning("The scheduler at %s is open to everybody who reaches it.", address)
    progress.say(f"Connecting to the scheduler at {address}.")
    options = {
        "security": environment.security if _is_given(environment.security) else None,
        **((environment.executor_kwargs or {}).get("client_kwargs") or {}),
    }
    with connected(cluster, options, why_lost=lifecycle.problems) as client:
        if lifecycle.plan.provider.facts.family == "local":
            leave_interrupts_to_owner(client)
        if adapt is None or adapt["minimum"] > 0:
            link = _dashboard(cluster, client)
            progress.say(f"Waiting for the first worker. Dask dashboard: {link or 'none'}")
            wait_for_workers(
                client,
                timeout=environment.worker_timeout,
                while_waiting=_Patience(lifecycle, progress).look,
                hint="worker_timeout gives them longer.",
            )
        yield client


def _dashboard(cluster: Any, client: Any) -> str:
    """The address of the cluster's dashboard; empty if nothing would be shown there."""
    return dask_objects.dashboard(cluster) if has_dashboard(client) else ""


def _is_given(security: object) -> bool:
    return security is not None and not isinstance(security, bool)


class _Patience:
    """While a worker is awaited: reminds, and asks the provider whether one can come."""

    def __init__(self, lifecycle: ClusterLifecycle, progress: Progress) -> None:
        self._lifecycle = lifecycle
        self._progress = progress
        self._looks = 0

    def look(self) -> str | None:
        """Why no worker will come, if the provider knows."""
        self._progress.still()
        self._looks += 1
        if self._looks % _ASK_EVERY:
            return None
        return self._lifecycle.why_no_worker()
