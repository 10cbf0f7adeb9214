"""A Kubernetes cluster for tests: real HTTP, real clients, local processes instead of containers.

>>> with KubernetesRig() as rig:
...     job = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
"""

from __future__ import annotations

from rigs.kubernetes.faults import Fault, UnknownFaultError
from rigs.kubernetes.kubelet.images import Image
from rigs.kubernetes.kubelet.scripted import Script, ScriptedKubelet
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.requests_log import Request
from rigs.kubernetes.rig import KubernetesRig
from rigs.kubernetes.status import ApiError
from rigs.kubernetes.timing import Timing

__all__ = [
    "KubernetesRig",
    "Image",
    "Timing",
    "Script",
    "ScriptedKubelet",
    "Fault",
    "UnknownFaultError",
    "Request",
    "ApiError",
    "Manifest",
]
