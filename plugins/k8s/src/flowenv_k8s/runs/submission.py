"""Submitting a run: the Job first, then the Secret that it owns; all of it or nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flowenv.errors import FlowenvError, RunConflict
from flowenv.plugin import storage
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import NotSent, Refused
from flowenv_k8s.api.resources import JOBS, SECRETS
from flowenv_k8s.runs.brought.brought_again import bring
from flowenv_k8s.runs.diagnosis.job_status import is_over, left_outcome
from flowenv_k8s.runs.own_objects import create_once
from flowenv_k8s.spec.labels import RUN_ID, RunMarks, run_of
from flowenv_k8s.spec.variables import secret_manifest

_log = logging.getLogger("flowenv.k8s")


def submit(client: Client, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Send a finished spec to the cluster.

    When an answer is lost, the request is sent again and finds the first one's object. When
    anything fails or interrupts half-way, what was made is removed again.

    Args:
        client: the connection.
        spec: `job`, and where there is one `secret`, `payload`, `runtime` and `common`.

    Returns:
        The Job as the cluster has it.

    Raises:
        RunConflict: if another run's Job has the name.
        FlowenvError: if the cluster refuses it.
    """
    job, secret, payload = spec["job"], spec.get("secret"), spec.get("payload")
    bring(client, spec)
    made: dict[str, Any] | None = None
    try:
        if payload:
            storage.write(payload["url"], payload["content"])
        made = _create_job(client, job)
        if secret:
            metadata = {**secret["metadata"], "ownerReferences": [dict(owner_of(made))]}
            # nobody who may change Secrets changes what a run reads
            sent = {**secret_manifest(secret), "metadata": metadata, "immutable": True}
            create_once(client, SECRETS, sent)
    except BaseException as error:
        if made is not None or _may_have_made(error):
            _remove(client, made or job, error)
        if payload:
            _attempt(lambda: storage.remove(payload["url"]), str(payload["url"]), error)
        raise
    return made


def _create_job(client: Client, job: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return client.create(JOBS, job)
    except Refused as refused:
        metadata = job["metadata"]
        found = client.get(JOBS, metadata["namespace"], metadata["name"])
        if found is not None and _is_this(found, job):
            return found
        raise _conflict(metadata, found) from refused


def _is_this(found: Mapping[str, Any], job: Mapping[str, Any]) -> bool:
    """Whether a Job that is there is the one that was to be made, by a request tried again."""
    if run_of(found) != run_of(job):
        return False
    return RunMarks.of(found).seal == RunMarks.of(job).seal


_OTHER_NAME = (
    "Let each run's Job have a name of its own (-s unique_job_name=true; in Python "
    "unique_job_name=True)"
)


def _conflict(metadata: Mapping[str, Any], found: Mapping[str, Any] | None) -> RunConflict:
    what = f"The Job {metadata['name']} is already there in the namespace {metadata['namespace']}"
    if found is None:
        return RunConflict(f"{what}, but it is just going.", hint="Try again.")
    if found["metadata"].get("deletionTimestamp"):
        return RunConflict(f"{what}, and is being deleted.", hint="Try again when it is gone.")
    run_id = (found["metadata"].get("labels") or {}).get(RUN_ID) or ""
    owner = f"the run {run_id} of {RunMarks.of(found).flow}" if run_id else "no flowenv run"
    remove = f"kubectl delete job {metadata['name']} -n {metadata['namespace']}"
    # a run is over with its flow; what else is in its pod may still be ending
    if is_over(found) or (run_id and left_outcome(found, run_id, RunMarks.of(found).seal)):
        ttl = (found.get("spec") or {}).get("ttlSecondsAfterFinished")
        wait = "" if ttl is None else f", wait until its TTL of {ttl} s is over"
        return RunConflict(
            f"{what}; it belongs to {owner}, which is over.",
            hint=f"{_OTHER_NAME}{wait}, or remove it: {remove}",
        )
    return RunConflict(
        f"{what}; it belongs to {owner}, which isn't over.",
        hint=f"{_OTHER_NAME}, or wait until it is over and gone.",
    )


def _remove(client: Client, job: Mapping[str, Any], error: BaseException) -> None:
    """Remove the run's Job, if it is there; what can't be removed is said in a note to the error.

    An interrupted create may have been carried out, and another run may own the name.
    """
    metadata = job["metadata"]
    where = (metadata["namespace"], metadata["name"])

    def remove_job() -> None:
        found = client.get(JOBS, *where)
        if found is not None and _is_this(found, job):
            client.delete(JOBS, *where, uid=found["metadata"]["uid"])

    _attempt(remove_job, f"the Job {metadata['name']}", error)


def _may_have_made(error: BaseException) -> bool:
    """False if the very first request was refused or never sent, so that nothing can be there."""
    if isinstance(error, NotSent | RunConflict):
        return False
    cause = error.__cause__
    if not isinstance(cause, Refused) or cause.code >= 500:
        return True
    return not (cause.request.resource == JOBS and cause.request.verb == "create")


def _attempt(remove: Callable[[], object], what: str, error: BaseException) -> None:
    try:
        remove()
    except FlowenvError as problem:
        error.add_note(f"{what} may be left behind: {problem}")
        _log.warning("%s may be left behind: %s", what, problem)


def owner_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """The ownerReference that lets an object go together with the Job."""
    metadata = job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
