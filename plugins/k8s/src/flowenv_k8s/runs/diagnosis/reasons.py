"""The words of Kubernetes, which reason of flowenv's list each stands for, and what to do."""

from __future__ import annotations

import re

from flowenv.plugin import Reason

IMAGE_WAITS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
CONFIGURATION_WAITS = frozenset({"CreateContainerConfigError"})
START_FAILURES = frozenset(
    {
        "CreateContainerError",
        "RunContainerError",
        "PostStartHookError",
        "PreCreateHookError",
        "PreStartHookError",
        "CrashLoopBackOff",
        "StartError",
        "ContainerCannotRun",
    }
)
_HOPELESS = re.compile(
    r"(InvalidImageName|ErrImageNeverPull)\b"
    # what the pod's manifest says doesn't fit the image, and neither will change
    r"|CreateContainerConfigError: container("
    r"'s runAsUser breaks non-root policy| has runAsNonRoot and image )"
)
DISRUPTIONS = {
    "PreemptionByScheduler": Reason.PREEMPTED,
    "TerminationByKubelet": Reason.EVICTED,
    "EvictionByEvictionAPI": Reason.EVICTED,
    "DeletionByTaintManager": Reason.LOST,
    "DeletionByPodGC": Reason.LOST,
}
POD_REASONS = {
    "Evicted": Reason.EVICTED,
    "Preempting": Reason.PREEMPTED,
    "Preempted": Reason.PREEMPTED,
    "NodeLost": Reason.LOST,
    "NodeShutdown": Reason.EVICTED,
    "Shutdown": Reason.EVICTED,
    "Terminated": Reason.EVICTED,
    "DeadlineExceeded": Reason.DEADLINE,
}
UNKNOWN_TO_THE_NODE = "ContainerStatusUnknown"
"""The reason of a container that its node has lost without a trace."""
BY_SIGNAL = frozenset({137, 143})
"""Exit codes of a process that was ended by SIGKILL or SIGTERM."""
HINTS = {
    Reason.IMAGE_PULL: "Is the image's name right, and may the nodes pull it (imagePullSecrets)?",
    Reason.UNSCHEDULABLE: "Ask for less, change the node selector or tolerations, or add nodes.",
    Reason.OOM_KILLED: "Raise the memory: resources={'limits': {'memory': …}}.",
    Reason.EVICTED: "Set resource requests, so that the node keeps room; then run it again.",
    Reason.PREEMPTED: "Run it again, or give its pods a higher priority class.",
    Reason.DEADLINE: "Raise the deadline setting, or see what the flow waits for.",
    Reason.STOPPED: "Run it again; if it is stopped each time, look for a probe in the manifest.",
    Reason.LOST: "Run it again.",
    Reason.QUOTA: "Ask for less, wait for other runs to end, or have the quota raised.",
}
"""What to do about a reason, as a sentence; not every reason has one."""
_SECURITY = (
    "Set what the message names in the manifest's securityContext. flowenv's default Job lacks "
    "runAsNonRoot: true alone, which needs an image with a user of its own (USER 1000)."
)
_BY_WORDS: tuple[tuple[Reason, str, str], ...] = (
    (Reason.CONFIGURATION, "violates PodSecurity", _SECURITY),
    (
        Reason.CONFIGURATION,
        "must specify",
        "The namespace's quota wants every container to say what it needs: set resources.",
    ),
    (
        Reason.CONFIGURATION,
        r"(minimum|maximum) .* usage per|limit to request ratio",
        "The namespace's LimitRange bounds what a container may ask for: change resources.",
    ),
    (
        Reason.CONFIGURATION,
        "service ?account",
        "Make the service account, or name another one: service_account=….",
    ),
    (
        Reason.CONFIGURATION,
        "PriorityClass",
        "Name a priority class that the cluster has: kubectl get priorityclasses.",
    ),
    (
        Reason.CONFIGURATION,
        "runAsNonRoot|non-root|run as root",
        "Give the image a user of its own with a number (USER 1000), or set runAsUser.",
    ),
    (
        Reason.CONFIGURATION,
        "hostPath",
        "The node has no such path of that type: change the volume in the manifest.",
    ),
    (
        Reason.CONFIGURATION,
        "persistentvolumeclaim",
        "Make the claim that the manifest names: kubectl get pvc.",
    ),
    (Reason.UNSCHEDULABLE, "persistentvolumeclaim", "Make the claim that the manifest names."),
    (
        Reason.CONFIGURATION,
        '"flowenv-(runtime|batch)-[^"]*" not found',
        "It is flowenv's own: the process that submitted the run brings it again while it follows "
        "the run.",
    ),
    (
        Reason.CONFIGURATION,
        'volume "flowenv-payload" : secret',
        "It is the run's own, made right after its Job; it stays away if the process that "
        "submitted the run was killed in between.",
    ),
    (
        Reason.CONFIGURATION,
        "(?i)secret|configmap",
        "Does the Secret or ConfigMap that the manifest names exist there?",
    ),
    (
        Reason.START_ERROR,
        "no such file or directory|not found in \\$PATH|exec format error",
        "The image needs /bin/sh and python on its PATH, for the node's architecture.",
    ),
    (Reason.START_ERROR, "PostStartHook", "See the manifest's lifecycle.postStart."),
)


def is_hopeless(words: str) -> bool:
    """True if a container that waits so won't start, however long one waits.

    An image that can't be pulled may come; one that the kubelet won't try to pull doesn't.

    >>> is_hopeless("ErrImageNeverPull: …"), is_hopeless("ErrImagePull: not found")
    (True, False)
    """
    return _HOPELESS.match(words) is not None


def hint_for(reason: Reason, words: str) -> str:
    """What to do about a reason, by Kubernetes' words where they say more.

    >>> hint_for(Reason.CONFIGURATION, 'FailedMount: secret "x" not found')
    'Does the Secret or ConfigMap that the manifest names exist there?'
    >>> hint_for(Reason.CONFIGURATION, 'FailedMount: configmap "flowenv-runtime-1f" not found')[:22]
    "It is flowenv's own: t"
    """
    for known, pattern, hint in _BY_WORDS:
        if known is reason and re.search(pattern, words):
            return hint
    return HINTS.get(reason, "")
