"""Fields of Jobs, pods and containers: of which kind they are, and where they belong.

Kubernetes has the last word on which fields there are: newer versions have more. So only
what looks like a misspelt known field, or stands in a wrong place, is refused here, offline;
everything else is refused by the API server, which is asked to decode strictly
(https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flowenv_k8s.spec.manifest import Manifest, dotted, mapping_at
from flowenv_k8s.spec.yaml_text import Path_

TEXT, NUMBER, FLAG = "a text", "a whole number", "true or false"
TEXTS, LIST, MAPPING, ANY = "a list of texts", "a list", "a mapping", ""

Fields = Mapping[str, str]
"""The fields of one place: name to kind."""


def _fields(**kinds: str) -> Fields:
    words = {"text": TEXT, "number": NUMBER, "flag": FLAG, "texts": TEXTS, "list": LIST}
    words |= {"mapping": MAPPING, "any": ANY}
    return {name: words[kind] for kind, names in kinds.items() for name in names.split()}


OBJECT = _fields(any="apiVersion kind", mapping="metadata spec status")
"""The fields that every object has at its top, by the kind of value."""
METADATA = _fields(
    text="creationTimestamp deletionTimestamp generateName name namespace resourceVersion selfLink "
    "uid",
    number="deletionGracePeriodSeconds generation",
    list="finalizers managedFields ownerReferences",
    mapping="annotations labels",
)
JOB_SPEC = _fields(
    text="completionMode managedBy podReplacementPolicy",
    number="activeDeadlineSeconds backoffLimit backoffLimitPerIndex completions maxFailedIndexes "
    "parallelism ttlSecondsAfterFinished",
    flag="manualSelector suspend",
    mapping="podFailurePolicy selector successPolicy template",
    any="scheduling",
)
POD_SPEC = _fields(
    text="dnsPolicy hostname hostnameOverride nodeName preemptionPolicy priorityClassName "
    "restartPolicy runtimeClassName schedulerName serviceAccount serviceAccountName subdomain",
    number="activeDeadlineSeconds priority terminationGracePeriodSeconds",
    flag="automountServiceAccountToken enableServiceLinks hostIPC hostNetwork hostPID hostUsers "
    "setHostnameAsFQDN shareProcessNamespace",
    list="containers ephemeralContainers evictionResponders hostAliases imagePullSecrets "
    "initContainers readinessGates resourceClaims schedulingGates tolerations "
    "topologySpreadConstraints volumes",
    mapping="affinity dnsConfig nodeSelector os overhead resources schedulingGroup securityContext",
)
CONTAINER = _fields(
    text="image imagePullPolicy name restartPolicy terminationMessagePath "
    "terminationMessagePolicy workingDir",
    flag="stdin stdinOnce tty",
    texts="args command",
    list="env envFrom ports resizePolicy restartPolicyRules volumeDevices volumeMounts",
    mapping="lifecycle livenessProbe readinessProbe resources securityContext startupProbe",
)
_ELSEWHERE = (
    (CONTAINER, "a container"),
    (POD_SPEC, "the pod's spec"),
    (JOB_SPEC, "the Job's spec"),
    (METADATA, "metadata"),
)

_ALIKE = 0.8
"""How alike two names are of which one is meant for the other, from 0 to 1."""


def check_fields(manifest: Manifest, path: Path_, known: Fields) -> None:
    """Look for fields that are misspelt, in a wrong place or of a wrong kind.

    Args:
        manifest: the manifest.
        path: the place in it whose fields are looked at.
        known: the fields that this place can have.

    Raises:
        SpecError: naming the field, where it stands and what was meant.
    """
    there = mapping_at(manifest, *path)
    for name, value in there.items():
        if kind := known.get(name):
            _check_kind(manifest, (*path, name), value, kind)
        elif name not in known:
            _check_name(manifest, path, str(name), known)


def _check_name(manifest: Manifest, path: Path_, name: str, known: Fields) -> None:
    import difflib

    wrong = f"there is no field {name!r} here."
    if right := _places_of(manifest, name):
        manifest.fail(wrong, *path, name, hint=f"It belongs to {right}.")
    if meant := difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE):
        manifest.fail(wrong, *path, name, hint=f"Did you mean {meant[0]!r}?")


def _places_of(manifest: Manifest, name: str) -> str:
    """Where a field belongs, in words; empty if it is known nowhere."""
    pod = {"Job": "spec.template.spec", "Pod": "spec"}.get(manifest.kind, "")
    at = {"a container": pod and f"{pod}.containers[0]", "the pod's spec": pod}
    at["the Job's spec"] = "spec" if manifest.kind == "Job" else ""
    found = [
        f"{where} ({at[where]})" if at.get(where) else where
        for fields, where in _ELSEWHERE
        if name in fields and (where != "the Job's spec" or at[where])
    ]
    return " or ".join(found)


def _check_kind(manifest: Manifest, at: Path_, value: Any, kind: str) -> None:
    if value is None or _is_of(value, kind):
        return
    name, shown = at[-1], manifest.written(*at)
    if kind == TEXTS and isinstance(value, list):
        for index, one in enumerate(value):
            if not isinstance(one, str):
                check_text(manifest, (*at, index), one, dotted((str(name), index)))
        return
    if kind == TEXT:
        check_text(manifest, at, value, str(name))
    if kind == TEXTS and isinstance(value, str):
        manifest.fail(
            f"{name} must be {kind}; it is the one text {shown!r}.",
            *at,
            hint=f"For a shell, write [sh, -c, {json.dumps(value, ensure_ascii=False)}]; else "
            "each word by itself.",
        )
    said = f", not {shown!r}" if isinstance(value, str | int | float) else ""
    manifest.fail(f"{name} must be {kind}{said}.", *at)


def _is_of(value: Any, kind: str) -> bool:
    if kind == NUMBER:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == TEXTS:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    types: dict[str, type] = {TEXT: str, FLAG: bool, LIST: list, MAPPING: dict}
    return isinstance(value, types[kind])


def check_text(manifest: Manifest, at: Path_, value: Any, name: str) -> None:
    """Check that there is a text, as Kubernetes wants it.

    Args:
        manifest: the manifest.
        at: where.
        value: what is there.
        name: what messages call it.

    Raises:
        SpecError: naming the place, and how the source would have to write it.
    """
    if isinstance(value, str):
        return
    if isinstance(value, list | dict):
        manifest.fail(f"{name} must be a text, not a {type(value).__name__}.", *at)
    written = manifest.written(*at)
    manifest.fail(f"{name} is {written}, which is no text.", *at, hint=f'Quote it: "{written}".')
