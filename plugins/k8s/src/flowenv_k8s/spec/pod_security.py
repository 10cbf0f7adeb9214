"""What a container of flowenv's may not do, unless the user's manifest says so.

With it a pod passes the Pod Security level `restricted`, but for who it runs as: an image may need
root, so that only the user can say `runAsNonRoot`, or a `runAsUser`.
"""

from __future__ import annotations

from typing import Any


def restrict(pod: dict[str, Any], container: dict[str, Any]) -> None:
    """Take from a container what it doesn't need; what the manifest says stays.

    Args:
        pod: the pod's spec, whose `securityContext` holds for the container, too.
        container: one of its containers, which is changed.

    >>> container = {"name": "flow"}
    >>> restrict({"containers": [container], "securityContext": {"runAsUser": 1000}}, container)
    >>> container["securityContext"]["runAsNonRoot"]
    True
    """
    of_pod = pod.get("securityContext") or {}
    own: dict[str, Any] = container.get("securityContext") or {}
    if own.get("privileged"):
        return
    container["securityContext"] = own
    own.setdefault("capabilities", {"drop": ["ALL"]})
    # Kubernetes refuses a container that has the one and lacks the other
    if "SYS_ADMIN" not in (own["capabilities"].get("add") or ()):
        own.setdefault("allowPrivilegeEscalation", False)
    if "seccompProfile" not in of_pod:
        own.setdefault("seccompProfile", {"type": "RuntimeDefault"})
    user = own.get("runAsUser", of_pod.get("runAsUser"))
    if user and "runAsNonRoot" not in of_pod:
        own.setdefault("runAsNonRoot", True)
