"""Which cluster and namespace are meant, as far as local files say.

The order is the client's own: in-cluster configuration, then the kubeconfig. Only files are
read here, so a spec can be built offline.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowenv.errors import ConfigurationError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its own credentials and namespace."""
SERVICE_HOST = "KUBERNETES_SERVICE_HOST"
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Source:
    """Where the connection comes from.

    Args:
        context: the kubeconfig's context that was asked for; None for the current one.
        kubeconfig: the kubeconfig's files, as `KUBECONFIG` lists them; empty for in-cluster.
    """

    context: str | None
    kubeconfig: str

    @property
    def in_cluster(self) -> bool:
        """True for the configuration that every pod has."""
        return not self.kubeconfig

    def __str__(self) -> str:
        if self.in_cluster:
            return "in-cluster configuration"
        chosen = f"context {self.context}" if self.context else "current context"
        return f"kubeconfig {self.kubeconfig}, {chosen}"


def source(context: str | None) -> Source:
    """Where a connection would come from now: a pod's own configuration, else the kubeconfig.

    Args:
        context: a kubeconfig's context; naming one means the kubeconfig.
    """
    is_pod = bool(os.environ.get(SERVICE_HOST)) and (SERVICE_ACCOUNT / "token").is_file()
    if is_pod and context is None:
        return Source(None, "")
    return Source(context, os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser()))


def default_namespace(context: str | None) -> str:
    """The namespace of the pod, or of the kubeconfig's context, else `default`.

    Raises:
        ConfigurationError: if the kubeconfig has no such context.
    """
    found = source(context)
    if found.in_cluster:
        file = SERVICE_ACCOUNT / "namespace"
        return file.read_text().strip() if file.is_file() else DEFAULT_NAMESPACE
    return _context_of(found).get("namespace") or DEFAULT_NAMESPACE


def _context_of(found: Source) -> dict[str, Any]:
    """The context's own settings; empty if there is no kubeconfig, which connecting will say."""
    contexts: dict[str, dict[str, Any]] = {}
    current = ""
    for name in found.kubeconfig.split(os.pathsep):
        document = _read(Path(name).expanduser()) if name else {}
        current = document.get("current-context") or current
        for one in document.get("contexts") or []:
            contexts.setdefault(one["name"], one.get("context") or {})
    chosen = found.context or current
    if found.context and chosen not in contexts:
        known = ", ".join(contexts) or "none"
        raise ConfigurationError(
            f"The kubeconfig {found.kubeconfig} has no context {chosen!r}; it has: {known}.",
            hint="`kubectl config get-contexts` lists them.",
        )
    return contexts.get(chosen, {})


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    stat = path.stat()
    return _parsed(path, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=16)
def _parsed(path: Path, modified: int, size: int) -> dict[str, Any]:
    """A file's content, parsed once for as long as it stays the same."""
    import yaml

    try:
        found = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"The kubeconfig {path} can't be read: {error}.") from error
    return found if isinstance(found, dict) else {}
