"""Objects trimmed to what a run's status depends on: a few hundred bytes instead of thousands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def trimmed_pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    """What of a pod a run's status depends on."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    kept = ("name", "uid", "creationTimestamp", "deletionTimestamp")
    return {
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {
            "restartPolicy": spec.get("restartPolicy"),
            "nodeName": spec.get("nodeName"),
            "containers": [{"name": one["name"]} for one in spec.get("containers") or ()],
            **_gates(spec),
        },
        "status": {
            name: status[name]
            for name in (
                *("phase", "reason", "message", "conditions"),
                *("containerStatuses", "initContainerStatuses"),
            )
            if name in status
        },
    }


_NEVER_READ = frozenset({"template", "selector", "podFailurePolicy"})


def trimmed_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """What of a Job a run's status depends on: of its pod template only the gates."""
    given = (job.get("spec") or {}).items()
    spec = {name: value for name, value in given if name not in _NEVER_READ}
    if gates := _gates(((job.get("spec") or {}).get("template") or {}).get("spec") or {}):
        spec["template"] = {"spec": gates}
    metadata = {name: v for name, v in job["metadata"].items() if name != "managedFields"}
    return {"kind": "Job", "metadata": metadata, "spec": spec, "status": job.get("status") or {}}


def _gates(spec: Mapping[str, Any]) -> dict[str, Any]:
    found = spec.get("schedulingGates")
    return {"schedulingGates": found} if found else {}
