"""Whether a container may run as the user that its image names."""

from __future__ import annotations

from rigs.kubernetes.kubelet.environment import ConfigurationError
from rigs.kubernetes.kubelet.images import Image
from rigs.kubernetes.objects import Manifest


def check_user(pod: Manifest, container: Manifest, image: Image) -> None:
    """Refuse a container that must not be root, and may be.

    The words are those of ``verifyRunAsNonRoot`` (``pkg/kubelet/kuberuntime/security_context.go``).

    Raises:
        ConfigurationError: it is root, or nobody can know.
    """
    of_pod, own = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}
    context = {**of_pod, **own}
    if not context.get("runAsNonRoot"):
        return
    metadata = pod["metadata"]
    name = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
    where = f'(pod: "{name}", container: {container["name"]})'
    user = context.get("runAsUser")
    if user == 0:
        raise ConfigurationError(f"container's runAsUser breaks non-root policy {where}")
    if user is not None or image.user is None:
        return
    if image.user in ("", "0"):
        raise ConfigurationError(f"container has runAsNonRoot and image will run as root {where}")
    if not image.user.isdigit():
        raise ConfigurationError(
            f"container has runAsNonRoot and image has non-numeric user ({image.user}), cannot "
            f"verify user is non-root {where}"
        )
