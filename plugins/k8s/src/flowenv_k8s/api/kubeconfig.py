"""Which cluster and namespace are meant, as far as local files say.

The order: a context or files that somebody names, then a pod's own configuration, then the
kubeconfig in the home directory. Only files are read here, so a spec can be built offline.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Sequence
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


def source(context: str | None, *, own_pod: bool = False) -> Source:
    """Where a connection would come from now.

    Args:
        context: a kubeconfig's context; naming one means the kubeconfig, and so does a
            `KUBECONFIG` with a file that is there. Else a pod's own configuration is taken.
        own_pod: True where only the cluster that this pod is in can be meant.
    """
    files = os.environ.get("KUBECONFIG") or ""
    if _is_pod() and context is None and (own_pod or not _is_there(files)):
        return Source(None, "")
    return Source(context, files or os.path.expanduser("~/.kube/config"))  # noqa: PTH111 - it doesn't raise


def _is_pod() -> bool:
    return bool(os.environ.get(SERVICE_HOST)) and (SERVICE_ACCOUNT / "token").is_file()


def _is_there(files: str) -> bool:
    return any(name and Path(name).expanduser().is_file() for name in files.split(os.pathsep))


def named_but_missing(found: Source) -> str:
    """What `KUBECONFIG` names, if no file of it is there; else empty."""
    files = os.environ.get("KUBECONFIG") or ""
    return files if files == found.kubeconfig and not _is_there(files) else ""


def not_taken(found: Source) -> str:
    """What else could have been meant, in words; empty if nothing could."""
    if not found.in_cluster:
        return "the pod's own configuration" if _is_pod() else ""
    files = os.environ.get("KUBECONFIG")
    return f"KUBECONFIG={files}" if files else ""


def default_namespace(context: str | None) -> str:
    """The namespace of the pod, or of the kubeconfig's context, else `default`.

    Raises:
        ConfigurationError: if the kubeconfig has no such context.
    """
    found = source(context)
    if found.in_cluster:
        file = SERVICE_ACCOUNT / "namespace"
        return file.read_text().strip() if file.is_file() else DEFAULT_NAMESPACE
    return _context_of(found, _documents(found.kubeconfig)).get("namespace") or DEFAULT_NAMESPACE


def server(context: str | None) -> str:
    """The address of the cluster's API server; empty in a pod, which is in its cluster.

    Raises:
        ConfigurationError: if the kubeconfig has no such context.
    """
    found = source(context)
    if found.in_cluster:
        return ""
    clusters: dict[str, Any] = {}
    documents = _documents(found.kubeconfig)
    for document in documents:
        for one in document.get("clusters") or []:
            clusters.setdefault(one["name"], (one.get("cluster") or {}).get("server"))
    return str(clusters.get(str(_context_of(found, documents).get("cluster"))) or "")


def current_context(kubeconfig: str) -> str | None:
    """The current context: of the first file that names one, as for `kubectl`.

    Args:
        kubeconfig: the files, as `KUBECONFIG` lists them.
    """
    return _current_context(_documents(kubeconfig))


Documents = Sequence[dict[str, Any]]


def _documents(kubeconfig: str) -> Documents:
    return [_read(name) for name in kubeconfig.split(os.pathsep) if name]


def _current_context(documents: Documents) -> str | None:
    named = (one.get("current-context") for one in documents)
    return next((name for name in named if name), None)


def _context_of(found: Source, documents: Documents) -> dict[str, Any]:
    """The context's own settings; empty if there is no kubeconfig, which connecting will say."""
    contexts: dict[str, dict[str, Any]] = {}
    for document in documents:
        for one in document.get("contexts") or []:
            contexts.setdefault(one["name"], one.get("context") or {})
    chosen = found.context or _current_context(documents) or ""
    if found.context and chosen not in contexts:
        known = ", ".join(contexts) or "none"
        raise ConfigurationError(
            f"The kubeconfig {found.kubeconfig} has no context {chosen!r}; it has: {known}.",
            hint="`kubectl config get-contexts` lists them.",
        )
    return contexts.get(chosen, {})


def _read(name: str) -> dict[str, Any]:
    """A file's content; empty if it isn't there. Each run of a batch asks for it several times."""
    path = os.path.expanduser(name)  # noqa: PTH111 - a Path takes five times as long
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return {}
    return _parsed(path, found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else {}


@functools.lru_cache(maxsize=16)
def _parsed(path: str, modified: int, size: int) -> dict[str, Any]:
    """A file's content, parsed once for as long as it stays the same."""
    import yaml

    try:
        found = yaml.load(Path(path).read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"The kubeconfig {path} can't be read: {error}.") from error
    return found if isinstance(found, dict) else {}
