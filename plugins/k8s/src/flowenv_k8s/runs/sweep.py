"""What is left on the cluster of runs that are over."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowenv.errors import FlowenvError
from flowenv.plugin import Leftover, State, storage
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import CONFIG_MAPS, JOBS, PODS, Resource
from flowenv_k8s.base_environment import KubernetesEnvironment
from flowenv_k8s.runs.diagnosis.job_status import is_held
from flowenv_k8s.runs.lookup import pods_by_run, stored_payload, verdict_on
from flowenv_k8s.runs.runtime import forget_runtime
from flowenv_k8s.spec.job import DAY
from flowenv_k8s.spec.labels import RUN_ID, RunMarks, age_of, pod_selector, selector
from flowenv_k8s.spec.runtime import KIND, KIND_LABEL, runtime_of

_log = logging.getLogger("flowenv.k8s")


def sweep(
    client: Client, environment: KubernetesEnvironment, *, older_than: float, delete: bool
) -> Iterator[Leftover]:
    """What is left in a namespace of runs that are over.

    That are finished Jobs; Jobs whose flow has ended while a sidecar goes on; Jobs that did
    not start within their deadline, such as one whose submitter was killed before it could
    make the Secret; and pods whose Job is gone and that don't run. Younger ones are left alone.

    Args:
        client: the connection.
        environment: where to look.
        older_than: seconds since the object was made.
        delete: True to remove what is found.
    """
    namespace, start_deadline = environment.target_namespace, environment.start_deadline
    jobs, _ = client.list(JOBS, namespace, labels=selector())
    pods = pods_by_run(client, namespace, pod_selector())
    remove = functools.partial(_remove, client, environment) if delete else None
    for job in jobs:
        marks = RunMarks.of(job)
        age = age_of(job)
        mine = pods.pop(marks.run_id, [])
        is_late = 0 < start_deadline < age
        if age >= older_than and _is_over(job, marks, mine, is_late):
            yield leftover(JOBS, job, remove)
    for orphans in pods.values():
        for pod in orphans:
            is_running = (pod.get("status") or {}).get("phase") == "Running"
            if age_of(pod) >= older_than and not is_running:  # its Job may have been orphaned
                yield leftover(PODS, pod, remove)
    yield from _unused_runtimes(client, namespace, older_than, jobs, remove)


def _unused_runtimes(
    client: Client,
    namespace: str,
    older_than: float,
    jobs: Sequence[Mapping[str, Any]],
    remove: Callable[[Resource, Mapping[str, Any]], object] | None,
) -> Iterator[Leftover]:
    """The ConfigMaps that brought flowenv to runs none of which is there any more.

    One that isn't a day old is left alone: the next run needs it.
    """
    used = {runtime_of(job["spec"]["template"]["spec"]) for job in jobs}
    try:
        found, _ = client.list(CONFIG_MAPS, namespace, labels=f"{KIND_LABEL}={KIND}")
    except FlowenvError as error:  # a right that runs and other sweeps don't need
        _log.warning("ConfigMaps of flowenv's own may be left over: %s", error)
        return
    for one in found:
        name = one["metadata"]["name"]
        if name not in used and age_of(one) >= max(older_than, DAY):
            if remove:
                forget_runtime(client, namespace, name)
            yield leftover(CONFIG_MAPS, one, remove)


def _is_over(
    job: Mapping[str, Any], marks: RunMarks, pods: Sequence[Mapping[str, Any]], is_late: bool
) -> bool:
    status = verdict_on(job, marks, pods).status
    if status.state.is_final:
        return True
    waits = status.state in (State.SUBMITTED, State.STARTING) and not is_held(status, job)
    return is_late and waits


def _remove(
    client: Client,
    environment: KubernetesEnvironment,
    resource: Resource,
    found: Mapping[str, Any],
) -> None:
    metadata = found["metadata"]
    client.delete(resource, metadata["namespace"], metadata["name"], uid=metadata["uid"])
    if resource == JOBS and (url := stored_payload(environment, RunMarks.of(found))):
        storage.remove(url)


def leftover(
    resource: Resource,
    found: Mapping[str, Any],
    remove: Callable[[Resource, Mapping[str, Any]], object] | None,
) -> Leftover:
    """What a run has left, removed if there is a way given.

    Args:
        resource: the object's type.
        found: the object.
        remove: removes it; None to leave it alone.
    """
    metadata = found["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}"
    left = Leftover(
        resource.kind, name, (metadata.get("labels") or {}).get(RUN_ID, ""), age_of(found)
    )
    return left.swept(lambda: remove(resource, found)) if remove else left
