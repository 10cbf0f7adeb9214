"""Fields of Jobs, pods and containers that a manifest misspells.

Kubernetes has the last word on which fields there are: newer versions have more. So only
what looks like a misspelt known field is refused here, offline; everything else is refused
by the API server, which is asked to decode strictly
(https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation).
"""

from __future__ import annotations

from flowenv_k8s.spec.manifest import Manifest, mapping_at
from flowenv_k8s.spec.yaml_text import Path_

JOB_SPEC = frozenset(
    """
    activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions managedBy
    manualSelector maxFailedIndexes parallelism podFailurePolicy podReplacementPolicy scheduling
    selector successPolicy suspend template ttlSecondsAfterFinished
    """.split()  # noqa: SIM905 (a list of them would be long)
)
POD_SPEC = frozenset(
    """
    activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy
    enableServiceLinks ephemeralContainers evictionResponders hostAliases hostIPC hostNetwork
    hostPID hostUsers hostname hostnameOverride imagePullSecrets initContainers nodeName
    nodeSelector os overhead preemptionPolicy priority priorityClassName readinessGates
    resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates
    schedulingGroup securityContext serviceAccount serviceAccountName setHostnameAsFQDN
    shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations
    topologySpreadConstraints volumes
    """.split()  # noqa: SIM905 (a list of them would be long)
)
CONTAINER = frozenset(
    """
    args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports
    readinessProbe resizePolicy resources restartPolicy restartPolicyRules securityContext
    startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty
    volumeDevices volumeMounts workingDir
    """.split()  # noqa: SIM905 (a list of them would be long)
)

_ALIKE = 0.8
"""How alike two names are of which one is meant for the other, from 0 to 1."""


def check_spelling(manifest: Manifest, path: Path_, known: frozenset[str]) -> None:
    """Look for misspelt fields.

    Args:
        manifest: the manifest.
        path: the place in it whose fields are looked at.
        known: the fields that this place can have.

    Raises:
        SpecError: naming the field, where it stands and what was meant.
    """
    there = mapping_at(manifest, *path)
    for name in there:
        if name in known:
            continue
        import difflib

        if meant := difflib.get_close_matches(str(name), known, n=1, cutoff=_ALIKE):
            manifest.fail(
                f"there is no field {name!r} here.", *path, name, hint=f"Did you mean {meant[0]!r}?"
            )
