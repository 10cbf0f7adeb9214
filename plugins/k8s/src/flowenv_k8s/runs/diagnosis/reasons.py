"""The words of Kubernetes, and which reason of flowenv's list each stands for."""

from __future__ import annotations

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
HOPELESS_WAITS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
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
HINTS = {
    Reason.IMAGE_PULL: "Is the image's name right, and may the nodes pull it (imagePullSecrets)?",
    Reason.UNSCHEDULABLE: "Ask for less, change the node selector or tolerations, or add nodes.",
    Reason.OOM_KILLED: "Raise the memory: resources={'limits': {'memory': …}}.",
    Reason.EVICTED: "Set resource requests, so that the node keeps room; then run it again.",
    Reason.PREEMPTED: "Run it again, or give its pods a higher priority class.",
    Reason.CONFIGURATION: "Does the Secret or ConfigMap that the manifest names exist there?",
    Reason.DEADLINE: "Raise the deadline setting, or see what the flow waits for.",
    Reason.LOST: "Run it again.",
    Reason.QUOTA: "Ask for less, wait for other runs to end, or have the quota raised.",
}
"""What to do about a reason, as a sentence; not every reason has one."""
