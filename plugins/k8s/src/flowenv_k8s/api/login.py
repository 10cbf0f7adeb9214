"""A login as the kubeconfig says, with all the ways that the `kubernetes` package knows."""

from __future__ import annotations

import contextlib
import logging
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3
from urllib3.util.ssl_ import create_urllib3_context

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
        settings = _load(where, self._configuration)
        self.host = str(self._configuration.host).rstrip("/")
        self.pool: urllib3.PoolManager = RESTClientObject(self._configuration).pool_manager
        self.pool.connection_pool_kw |= settings
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
        from kubernetes.stream import ws_client

        url = self.host.replace("http", "ws", 1) + path
        headers = {**self.headers(), "sec-websocket-protocol": _CHANNELS}
        options: dict[str, Any] = {"header": [f"{key}: {it}" for key, it in headers.items()]}
        package: Any = ws_client  # it has no types
        package.websocket_proxycare(options, self._configuration, url, headers)
        trust = {"context": self._context(), "server_hostname": self._configuration.tls_server_name}
        websocket = package.WebSocket(sslopt=trust, skip_utf8_validation=False)
        websocket.connect(url, **options)
        return websocket

    def _context(self) -> ssl.SSLContext:
        """TLS as the pool has it, for what doesn't use the pool."""
        settings = self.pool.connection_pool_kw
        context: ssl.SSLContext = settings.get("ssl_context") or create_urllib3_context(
            cert_reqs=settings["cert_reqs"]
        )
        authority = (settings["ca_certs"], None, settings.get("ca_cert_data"))
        if any(authority):
            context.load_verify_locations(*authority)
        else:
            context.load_default_certs()
        if settings["cert_file"]:
            context.load_cert_chain(settings["cert_file"], settings["key_file"], password="")
        return context


def _load(where: Source, configuration: Any) -> dict[str, Any]:
    """Load the configuration.

    Certificates and keys that stand in the kubeconfig itself, or that a plugin gives, are files
    for the package. They are read once and then gone: neither a process that is killed leaves
    them behind, nor is another file taken that has come in their place.

    Returns:
        what the pool uses instead of those files.
    """
    import yaml
    from kubernetes import config

    try:
        with tempfile.TemporaryDirectory(prefix="flowenv-") as folder:
            try:
                _loader(where, folder).load_and_set(configuration)
                return _instead_of_files(configuration, Path(folder))
            finally:
                _forget_files(Path(folder))
    except FlowenvError:
        raise
    except (config.ConfigException, OSError, ValueError, yaml.YAMLError) as error:
        raise _no_way(where, error) from error


def _instead_of_files(configuration: Any, folder: Path) -> dict[str, Any]:
    """The contents of the files in a folder, as the pool takes them."""
    settings: dict[str, Any] = {}
    authority = configuration.ssl_ca_cert
    if _is_in(folder, authority):
        settings |= {"ca_certs": None, "ca_cert_data": Path(authority).read_text("ascii")}
    certificate, key = configuration.cert_file, configuration.key_file
    if certificate and (_is_in(folder, certificate) or _is_in(folder, key)):
        verified = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
        context = create_urllib3_context(cert_reqs=verified)
        # without a password OpenSSL would ask for it at the terminal
        context.load_cert_chain(certificate, key, password="")
        if not authority:
            context.load_default_certs()
        settings |= {"cert_file": None, "key_file": None, "ssl_context": context}
    return settings


def _forget_files(folder: Path) -> None:
    """Have the package forget the files that it has made there, and what is in them.

    It takes a file for the same content again, and some of its versions don't look whether it is
    still there.
    """
    from kubernetes.config import kube_config

    made: dict[str, str] = getattr(kube_config, "_temp_files", {})
    for content, path in list(made.items()):
        if _is_in(folder, path):
            made.pop(content, None)


def _is_in(folder: Path, path: str | None) -> bool:
    return bool(path) and Path(path or "").parent == folder


def _loader(where: Source, folder: str) -> Any:
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
