"""How a run is marked on the objects it makes, and how the marks are read back.

Another process finds runs by these labels alone; nothing else is stored anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowenv.errors import RunNotFound
from flowenv.plugin import FlowRun, Marks, contract, moment, seconds_since, texts_by_name
from flowenv_k8s.spec.names import LONGEST, label_key_part, label_value

PREFIX = "flowenv.io/"
"""What the keys of flowenv's labels and annotations begin with."""
RUN_ID = PREFIX + "run-id"
"""Label: the run's id. Every object of a run has it."""
FLOW = PREFIX + "flow"
"""Label: the flow's name made valid. Annotation: the name itself."""
LABEL = PREFIX + "label-"
"""Label: one for each of the run's flowenv labels."""
LABELS = PREFIX + "labels"
"""Annotation: the run's flowenv labels as JSON."""
CREATED = PREFIX + "created"
"""Annotation: when the run was made."""
PARAMETERS = PREFIX + "parameters"
"""Annotation: the run's parameters as JSON, texts by name, shortened and without secrets."""
SUBMITTER = PREFIX + "submitter"
"""Annotation: who submitted the run, as `user@host`."""
FLOW_CONTAINER = PREFIX + "flow-container"
"""Annotation: the container that the run is judged by."""
PAYLOAD = PREFIX + "payload"
"""Annotation: `stored` if the payload was too large for a Secret. Where it is, who reads knows."""
STORED = "stored"
OUTCOME = PREFIX + "outcome"
"""Annotation: the outcome record of a run, left by who saw how it ended."""
CANCELLED = PREFIX + "cancelled"
"""Annotation: when somebody cancelled the run. It is there before anything is stopped."""

USED = PREFIX + "used-at"
"""Annotation of what runs share: when one was last about to need it, if it was old by then."""
FURTHER_PODS = PREFIX + "further-pods"
"""Annotation of a Job: it owns pods besides its own, itself or by what it owns, such as Dask's."""

JOB_NAME = "job-name"
"""Label that Kubernetes gives the pods of a Job, and no others."""
CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
"""Label with the Job's UID that Kubernetes gives its pods."""

_LONGEST_SUBMITTER = 200

_LEGACY_RUN_ID = "prefect.io/flow_run_id"
_LEGACY_IDENTIFIER = "prefect.io/identifier"


def run_labels(flow_run: FlowRun) -> dict[str, str]:
    """The labels of everything that a run makes.

    The two `prefect.io` labels are there for selectors that people already have.

    Raises:
        SpecError: if a flowenv label is empty.
    """
    own = {label_of(text): "true" for text in flow_run.labels}
    return {
        RUN_ID: flow_run.id,
        FLOW: label_value(flow_run.flow_name),
        **own,
        _LEGACY_RUN_ID: flow_run.id,
        _LEGACY_IDENTIFIER: flow_run.id.partition("-")[0],
    }


def label_of(text: str) -> str:
    """The key of the Kubernetes label that stands for a flowenv label.

    >>> label_of("nightly")
    'flowenv.io/label-nightly'
    """
    return LABEL + label_key_part(text, LONGEST - len("label-"))


def run_annotations(flow_run: FlowRun, flow_container: str) -> dict[str, str]:
    """What an object says of its run besides the labels, without their limits."""
    annotations = {FLOW: flow_run.flow_name, FLOW_CONTAINER: flow_container}
    if flow_run.labels:
        annotations[LABELS] = json.dumps(list(flow_run.labels), ensure_ascii=False)
    if flow_run.created:
        annotations[CREATED] = flow_run.created.isoformat()
    if shown := flow_run.shown_parameters:
        annotations[PARAMETERS] = json.dumps(shown, ensure_ascii=False)
    if flow_run.submitter:
        annotations[SUBMITTER] = flow_run.submitter
    return annotations


def selector(labels: Sequence[str] = (), run_id: str | None = None) -> str:
    """The label selector for a run, or for all runs with these flowenv labels.

    >>> selector(["nightly"])
    'flowenv.io/run-id,flowenv.io/label-nightly'
    """
    first = f"{RUN_ID}={run_id}" if run_id else RUN_ID
    return ",".join([first, *(label_of(text) for text in labels)])


def pod_selector(labels: Sequence[str] = (), run_id: str | None = None) -> str:
    """The label selector for the pods in which flows run, by which runs are judged.

    A run may have other pods, such as Dask's.

    >>> pod_selector(run_id="6f1c")
    'flowenv.io/run-id=6f1c,job-name'
    """
    return f"{selector(labels, run_id)},{JOB_NAME}"


@dataclass(frozen=True)
class RunMarks(Marks):
    """What an object says of the run that made it; `created` is else when the object was.

    Args:
        flow_container: the container that the run is judged by; empty for the first.
        has_stored_payload: whether the payload was too large for a Secret.
        outcome: the outcome record that somebody left; empty if there is none.
        seal: what the run's payload and record fit; empty if the object doesn't say.
    """

    flow_container: str = ""
    has_stored_payload: bool = False
    outcome: str = ""
    seal: str = ""

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> RunMarks:
        """Read the marks of an object.

        Raises:
            RunNotFound: if no flowenv run made it.
        """
        metadata = manifest["metadata"]
        labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
        run_id = labels.get(RUN_ID)
        if not run_id:
            kind = manifest.get("kind") or "object"
            raise RunNotFound(f"No flowenv run made the {kind} {metadata['name']}.")
        return cls(
            run_id=run_id,
            flow=notes.get(FLOW) or labels.get(FLOW) or "",
            labels=_texts(notes.get(LABELS)),
            created=moment(notes.get(CREATED) or metadata.get("creationTimestamp")),
            parameters=texts_by_name(_json(notes.get(PARAMETERS))),
            submitter=str(notes.get(SUBMITTER) or "")[:_LONGEST_SUBMITTER],
            flow_container=notes.get(FLOW_CONTAINER) or "",
            has_stored_payload=notes.get(PAYLOAD) == STORED,
            outcome=notes.get(OUTCOME) or "",
            seal=_seal(manifest),
        )


def _seal(manifest: Mapping[str, Any]) -> str:
    """The run's seal in a Job's pod template, which nobody can change."""
    template = (manifest.get("spec") or {}).get("template") or {}
    for container in (template.get("spec") or {}).get("containers") or ():
        for entry in container.get("env") or ():
            if entry.get("name") == contract.PAYLOAD_SEAL:
                return str(entry.get("value") or "")
    return ""


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def _texts(text: str | None) -> tuple[str, ...]:
    found = _json(text)
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def age_of(manifest: Mapping[str, Any]) -> float:
    """Seconds since an object was made; 0 if it doesn't say."""
    return seconds_since(moment(manifest["metadata"].get("creationTimestamp")))


def job_of(pod: Mapping[str, Any]) -> str:
    """The UID of the Job that controls a pod; empty if none does.

    Labels can be copied by anybody; whose a pod is, only its controller says.
    """
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner.get("controller") and owner.get("kind") == "Job":
            return str(owner.get("uid") or "")
    return ""


def run_of(manifest: Mapping[str, Any]) -> str:
    """The run that made an object; empty if none did."""
    return str((manifest["metadata"].get("labels") or {}).get(RUN_ID, ""))
