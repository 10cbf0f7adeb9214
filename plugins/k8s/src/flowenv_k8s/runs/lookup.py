"""Runs on the cluster, looked up by their labels alone."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowenv.errors import PlatformError, RunConflict, RunNotFound
from flowenv.plugin import FlowRun, RunSummary, payload_object, payload_url
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS, NAMESPACES, PODS
from flowenv_k8s.base_environment import KubernetesEnvironment
from flowenv_k8s.runs.diagnosis.run_status import Observed, Verdict, judge
from flowenv_k8s.runs.diagnosis.times import run_times
from flowenv_k8s.runs.handle import KubernetesHandle
from flowenv_k8s.spec.labels import RunMarks, age_of, job_of, pod_selector, selector

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def attach(client: Client, environment: KubernetesEnvironment, reference: str) -> FlowRun:
    """A run that another process submitted.

    Args:
        client: the connection.
        environment: where it runs; it says where to look if the reference names no namespace.
        reference: `namespace/job`, a Job's name, or a run id.

    Raises:
        RunNotFound: if there is no such run.
    """
    job = _find_job(client, environment.target_namespace, reference)
    marks = RunMarks.of(job)
    handle = KubernetesHandle(
        client,
        job,
        environment.start_deadline,
        age_of(job),
        payload=stored_payload(environment, marks),
    )
    return marks.attached(environment, handle)


def stored_payload(environment: KubernetesEnvironment, marks: RunMarks) -> str | None:
    """The URL of a run's payload, if it is in a store and this process knows where."""
    base = payload_url(environment) if marks.has_stored_payload else None
    return payload_object(base, marks.run_id) if base else None


def _find_job(client: Client, namespace: str, reference: str) -> dict[str, Any]:
    if _UUID.fullmatch(reference):
        found, _ = client.list(JOBS, namespace, labels=selector(run_id=reference.lower()))
        if not found:
            raise RunNotFound(
                f"There is no run {reference} in the namespace {namespace}.",
                hint="Finished Jobs are removed after their ttl; `flowenv runs` lists those "
                "that are there.",
            )
        if len(found) > 1:
            raise _two_jobs(reference, found)
        return found[0]
    where, _, name = reference.rpartition("/")
    job = client.get(JOBS, where or namespace, name)
    if job is None:
        raise RunNotFound(
            f"There is no Job {name} in the namespace {where or namespace}.",
            hint="`flowenv runs` lists the runs that are there.",
        )
    return job


def _two_jobs(run_id: str, jobs: Sequence[Mapping[str, Any]]) -> RunConflict:
    names = ", ".join(sorted("{namespace}/{name}".format(**job["metadata"]) for job in jobs))
    return RunConflict(
        f"{len(jobs)} Jobs say that they are the run {run_id}: {names}.",
        hint="A run has one Job; somebody has copied its labels. Name the one that you mean.",
    )


def find_runs(client: Client, namespace: str, labels: Sequence[str]) -> Iterator[RunSummary]:
    """The runs in a namespace that have all of these flowenv labels.

    Two requests, however many runs there are.

    Raises:
        PlatformError: if there is no such namespace, as far as that may be seen.
    """
    jobs, _ = client.list(JOBS, namespace, labels=selector(labels))
    if not jobs:
        check_namespace(client, namespace)
    pods = pods_by_job(client, namespace, pod_selector(labels)) if jobs else {}
    for job in jobs:
        marks = RunMarks.of(job)
        if not set(labels) <= set(marks.labels):
            continue  # another label has the same Kubernetes label
        own = pods.get(job["metadata"]["uid"], [])
        status = verdict_on(job, marks, own).status
        times = run_times(job, own, marks.flow_container)
        yield marks.summary(f"{namespace}/{job['metadata']['name']}", status, *times)


def check_namespace(client: Client, namespace: str) -> None:
    """Check that a namespace is there: Kubernetes lists nothing in one that isn't.

    Raises:
        PlatformError: if it isn't. Who may not look at namespaces hears nothing.
    """
    try:
        found = client.get(NAMESPACES, "", namespace)
    except PlatformError:
        return
    if found is None:
        raise PlatformError(
            f"There is no namespace {namespace}.",
            hint=f"Set another one: namespace=… on the environment; or create it: kubectl create "
            f"namespace {namespace}",
        )


def verdict_on(
    job: Mapping[str, Any], marks: RunMarks, pods: Sequence[Mapping[str, Any]]
) -> Verdict:
    """How a run stands now, by its Job and its pods."""
    now = datetime.datetime.now(datetime.UTC)
    return judge(Observed(marks.run_id, job, pods, marks.flow_container, now, seal=marks.seal))


def pods_by_job(client: Client, namespace: str, labels: str) -> dict[str, list[dict[str, Any]]]:
    """The pods that a label selector selects, by the UID of the Job that controls them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for pod in client.list(PODS, namespace, labels=labels)[0]:
        found.setdefault(job_of(pod), []).append(pod)
    return found
