"""A login as the kubeconfig says, with all the ways that the `kubernetes` package knows."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3

from flowenv.errors import ConfigurationError, FlowenvError, PlatformUnreachable
from flowenv_k8s.api.kubeconfig import Source, current_context, named_but_missing

_CHANNELS = "v4.channel.k8s.io"
"""What is spoken in a websocket: messages that begin with the number of a channel."""
_GOOD_FOR = 1.0
"""Seconds for which credentials are good: they are renewed minutes before their end."""
_LONGEST = 2000
"""The most characters of a plugin's own words that are shown."""


class KubeconfigLogin:
    """Settings and credentials of a kubeconfig, loaded once, and the HTTP pool made from them.

    Args:
        where: where they come from.

    Raises:
        PlatformUnreachable: if there are none, or a credential plugin fails.
        ConfigurationError: if the kubeconfig has no such context.
    """

    def __init__(self, where: Source) -> None:
        from kubernetes.client.configuration import Configuration
        from kubernetes.client.rest import RESTClientObject

        self._configuration: Any = Configuration()
        # retried by the client, which knows what may be sent twice
        self._configuration.retries = False
        self._configuration.connection_pool_maxsize = 16
        for held in _load(where, self._configuration):
            weakref.finalize(self, os.close, held)
        self.host = str(self._configuration.host).rstrip("/")
        self.pool: urllib3.PoolManager = RESTClientObject(self._configuration).pool_manager
        self._headers: Mapping[str, str] = {}
        self._asked_again = 0.0

    def headers(self) -> Mapping[str, str]:
        """What says who asks."""
        if (now := time.monotonic()) >= self._asked_again:
            # asking for it lets the configuration read a token that is due again
            self._headers = {
                setting["key"]: setting["value"]
                for setting in self._configuration.auth_settings().values()
                if setting["in"] == "header" and setting["value"]
            }
            self._asked_again = now + _GOOD_FOR
        return self._headers

    def websocket(self, path: str) -> Any:
        """A websocket to the API server, with the same credentials.

        Args:
            path: path and query.

        Raises:
            OSError: if there is no answer.
            websocket.WebSocketException: if it is refused.
        """
        from kubernetes.stream.ws_client import create_websocket

        url = self.host.replace("http", "ws", 1) + path
        headers = {**self.headers(), "sec-websocket-protocol": _CHANNELS}
        made: Any = create_websocket  # it has no types
        return made(self._configuration, url, headers)


def _load(where: Source, configuration: Any) -> list[int]:
    """Load the configuration.

    Certificates and keys that stand in the kubeconfig itself, or that a plugin gives, are files
    for the package. A process that is killed would leave them in the temporary folder; so they are
    held in memory where the system can do that.

    Returns:
        the files in memory that it needs, as descriptors.
    """
    import yaml
    from kubernetes import config

    held: list[int] = []
    try:
        with tempfile.TemporaryDirectory(prefix="flowenv-") as folder:
            loader = _loader(where, folder if _HOLDS else None)
            loader.load_and_set(configuration)
            for name in ("ssl_ca_cert", "cert_file", "key_file"):
                path = Path(getattr(loader, name, None) or "")
                if path.parent == Path(folder):
                    held.append(_held(path.read_bytes()))
                    for one in (loader, configuration):  # one sets the other again
                        setattr(one, name, f"/proc/self/fd/{held[-1]}")
    except FlowenvError:
        raise
    except (config.ConfigException, OSError, yaml.YAMLError) as error:
        raise _no_way(where, error) from error
    return held


_HOLDS = sys.platform == "linux" and Path("/proc/self/fd").is_dir()


def _held(content: bytes) -> int:
    """A file in memory, which ends with the process at the latest; its descriptor."""
    assert sys.platform == "linux"
    held = os.memfd_create("flowenv")
    with open(held, "wb", closefd=False) as file:
        file.write(content)
    return held


def _loader(where: Source, folder: str | None) -> Any:
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
    return made(
        config_dict=merged, config_base_path=None, active_context=chosen, temp_file_path=folder
    )


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
    if missing := named_but_missing(where):
        kind = ConfigurationError if where.context else PlatformUnreachable
        return kind(
            f"The kubeconfig {missing} doesn't exist.",
            hint="Set KUBECONFIG to a file that is there, or unset it to use ~/.kube/config.",
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
