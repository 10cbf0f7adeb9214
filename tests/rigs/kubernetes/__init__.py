"""A Kubernetes cluster for tests: real HTTP, real clients, local processes instead of containers.

>>> from rigs.kubernetes.manifests import container, job
>>> with KubernetesRig() as rig:
...     _ = rig.apply(job(container(["echo", "hello"])))
...     _ = rig.wait_for("Job", "job", lambda found: found["status"].get("succeeded"))
...     [rig.log(pod["metadata"]["name"]) for pod in rig.pods_of("job")]
['hello\\n']
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
