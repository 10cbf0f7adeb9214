"""Loading a login: from the pod, or as the kubeconfig says, with all the ways that knows."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from flowenv.errors import ConfigurationError, FlowenvError, PlatformUnreachable
from flowenv_k8s.api.kubeconfig import Source, current_context

_LONGEST = 2000
"""The most characters of a plugin's own words that are shown."""


def load(where: Source, configuration: Any) -> None:
    """Load server and credentials.

    Args:
        where: where they come from.
        configuration: the `kubernetes` package's Configuration that gets them.

    Raises:
        PlatformUnreachable: if there are none, or a credential plugin fails.
        ConfigurationError: if the kubeconfig has no such context.
    """
    import yaml
    from kubernetes import config

    try:
        if where.in_cluster:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            _loader(where).load_and_set(configuration)
    except FlowenvError:
        raise
    except (config.ConfigException, OSError, yaml.YAMLError) as error:
        raise _no_way(where, error) from error


def _loader(where: Source) -> Any:
    from kubernetes.config import ConfigException
    from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

    class Loader(KubeConfigLoader):
        """Its own way with a plugin that fails is a line in the log, and no credentials."""

        def _load_from_exec_plugin(self) -> Any:
            with _said() as words:
                loaded = super()._load_from_exec_plugin()  # type: ignore[no-untyped-call]
            if words:
                plugin: Any = self._user  # there is one: it names the plugin
                raise _plugin_failed(where, plugin["exec"].value, " ".join(words))
            return loaded

    merged = KubeConfigMerger(where.kubeconfig).config  # type: ignore[no-untyped-call]
    if merged is None:
        raise ConfigException("Invalid kube-config file. No configuration found.")
    # of several files the package would take the last one's current context
    chosen = where.context or current_context(where.kubeconfig)
    made: Any = Loader
    return made(config_dict=merged, config_base_path=None, active_context=chosen)


@contextlib.contextmanager
def _said() -> Iterator[list[str]]:
    """What the package says by the root logger, which doesn't get it."""
    words: list[str] = []

    def note(record: logging.LogRecord) -> bool:
        if record.module != "kube_config":
            return True
        words.append(record.getMessage())
        return False

    root, silent = logging.getLogger(), logging.NullHandler()
    root.addFilter(note)
    root.addHandler(silent)  # without a handler `logging.error` would add one for good
    try:
        yield words
    finally:
        root.removeHandler(silent)
        root.removeFilter(note)


def _plugin_failed(where: Source, plugin: dict[str, Any], words: str) -> FlowenvError:
    command = " ".join([str(plugin.get("command")), *map(str, plugin.get("args") or ())])
    words = words.removeprefix("exec: ").strip()[:_LONGEST]
    return PlatformUnreachable(
        f"The credential plugin of the {where} failed: `{command}`: {words}",
        hint=str(plugin.get("installHint") or "").strip()
        or "Log in with your provider's tool, and try the command by itself.",
    )


def _no_way(where: Source, error: Exception) -> FlowenvError:
    if where.in_cluster:
        return PlatformUnreachable(
            f"The pod's in-cluster configuration can't be used: {error}",
            hint="Does the pod mount its service account's token? A `context` on the "
            "environment means the kubeconfig instead.",
        )
    if where.context:
        return ConfigurationError(
            f"The {where} can't be used: {error}.",
            hint="`kubectl config get-contexts` lists the contexts.",
        )
    return PlatformUnreachable(
        "There is no way to a Kubernetes cluster: this process takes no pod's own configuration "
        "(in-cluster configuration: KUBERNETES_SERVICE_HOST or the service account's token isn't "
        "there, or KUBECONFIG is set), "
        f"and the kubeconfig {where.kubeconfig} can't be used: {error}.",
        hint="Set KUBECONFIG, or log in with your provider's tool; then check with "
        "`kubectl version`.",
    )
