"""Runs on the cluster, found by labels alone: attach, find, sweep."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowenv.errors import FlowenvError, RunNotFound
from flowenv.plugin import Environment, FlowRun, Leftover, RunSummary, State, storage
from flowenv_k8s.diagnosis import Observed, Verdict, is_held, judge
from flowenv_k8s.handle import KubernetesHandle
from flowenv_k8s.labels import RUN_ID, RunMarks, moment, pod_selector, selector
from flowenv_k8s.resources import JOBS, PODS, Resource

if TYPE_CHECKING:
    from flowenv_k8s.client import Client

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def attach(
    client: Client,
    environment: Environment,
    namespace: str,
    reference: str,
    start_deadline: float,
) -> FlowRun:
    """A run that another process submitted.

    Args:
        client: the connection.
        environment: where it runs.
        namespace: where to look if the reference names no namespace.
        reference: `namespace/job`, a Job's name, or a run id.
        start_deadline: seconds until the flow's container must be running.

    Raises:
        RunNotFound: if there is no such run.
    """
    job = _find_job(client, namespace, reference)
    marks = RunMarks.of(job)
    run = FlowRun(
        environment,
        id=marks.run_id,
        flow_name=marks.flow,
        labels=marks.labels,
        created=marks.created,
    )
    run.handle = KubernetesHandle(client, job, start_deadline, _age(job))
    return run


def _find_job(client: Client, namespace: str, reference: str) -> dict[str, Any]:
    if _UUID.fullmatch(reference):
        found, _ = client.list(JOBS, namespace, labels=selector(run_id=reference.lower()))
        if not found:
            raise RunNotFound(
                f"There is no run {reference} in the namespace {namespace}.",
                hint="Finished Jobs are removed after their ttl; `flowenv runs` lists those "
                "that are there.",
            )
        return found[0]
    where, _, name = reference.rpartition("/")
    job = client.get(JOBS, where or namespace, name)
    if job is None:
        raise RunNotFound(
            f"There is no Job {name} in the namespace {where or namespace}.",
            hint="`flowenv runs` lists the runs that are there.",
        )
    return job


def find_runs(client: Client, namespace: str, labels: Sequence[str]) -> Iterator[RunSummary]:
    """The runs in a namespace that have all of these flowenv labels.

    Two requests, however many runs there are.
    """
    jobs, _ = client.list(JOBS, namespace, labels=selector(labels))
    pods = _pods_by_run(client, namespace, pod_selector(labels)) if jobs else {}
    for job in jobs:
        marks = RunMarks.of(job)
        if not set(labels) <= set(marks.labels):
            continue  # another label has the same Kubernetes label
        yield RunSummary(
            reference=f"{namespace}/{job['metadata']['name']}",
            run_id=marks.run_id,
            flow=marks.flow,
            status=_verdict(job, marks, pods.get(marks.run_id, [])).status,
            created=marks.created,
            labels=marks.labels,
        )


def sweep(
    client: Client, namespace: str, *, older_than: float, start_deadline: float, delete: bool
) -> Iterator[Leftover]:
    """What is left in a namespace of runs that are over.

    That are finished Jobs; Jobs whose flow has ended while a sidecar goes on; Jobs that did
    not start within their deadline, such as one whose submitter was killed before it could
    make the Secret; and pods whose Job is gone. Younger ones are left alone.

    Args:
        client: the connection.
        namespace: where to look.
        older_than: seconds since the object was made.
        start_deadline: seconds after which a run that hasn't started never will; 0 for
            no limit.
        delete: True to remove what is found.
    """
    jobs, _ = client.list(JOBS, namespace, labels=selector())
    pods = _pods_by_run(client, namespace, pod_selector())
    for job in jobs:
        marks = RunMarks.of(job)
        age = _age(job)
        mine = pods.pop(marks.run_id, [])
        is_late = 0 < start_deadline < age
        if age >= older_than and _is_over(job, marks, mine, is_late):
            yield _leftover(client, JOBS, job, marks, age, delete)
    for orphans in pods.values():
        for pod in orphans:
            age = _age(pod)
            if age >= older_than:
                yield _leftover(client, PODS, pod, RunMarks.of(pod), age, delete)


def _is_over(
    job: Mapping[str, Any], marks: RunMarks, pods: Sequence[Mapping[str, Any]], is_late: bool
) -> bool:
    status = _verdict(job, marks, pods).status
    if status.state.is_final:
        return True
    waits = status.state in (State.SUBMITTED, State.STARTING) and not is_held(status, job)
    return is_late and waits


def _leftover(
    client: Client,
    resource: Resource,
    manifest: Mapping[str, Any],
    marks: RunMarks,
    age: float,
    delete: bool,
) -> Leftover:
    metadata = manifest["metadata"]
    name, problem, removed = metadata["name"], "", False
    if delete:
        try:
            client.delete(resource, metadata["namespace"], name, uid=metadata["uid"])
            if marks.payload_url:
                storage.remove(marks.payload_url)
            removed = True
        except FlowenvError as error:
            problem = str(error)
    return Leftover(
        kind=resource.kind,
        name=f"{metadata['namespace']}/{name}",
        run_id=marks.run_id,
        age=age,
        removed=removed,
        problem=problem,
    )


def _verdict(job: Mapping[str, Any], marks: RunMarks, pods: Sequence[Mapping[str, Any]]) -> Verdict:
    now = datetime.datetime.now(datetime.UTC)
    return judge(Observed(marks.run_id, job, pods, marks.flow_container, now))


def _pods_by_run(client: Client, namespace: str, labels: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for pod in client.list(PODS, namespace, labels=labels)[0]:
        found.setdefault(pod["metadata"]["labels"][RUN_ID], []).append(pod)
    return found


def _age(manifest: Mapping[str, Any]) -> float:
    made = moment(manifest["metadata"].get("creationTimestamp"))
    if made is None:
        return 0.0
    return max((datetime.datetime.now(datetime.UTC) - made).total_seconds(), 0.0)
