"""The pull secret `NAMESPACE-docker`, made from a registry's credentials (deprecated settings)."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

from flowenv.errors import ConfigurationError, SecretNotFound
from flowenv.plugin import Secret, revealed
from flowenv_k8s.plugin import SECRETS, Client, Refused

_log = logging.getLogger("flowenv.dask_k8s")

_KEYS = ("docker-server", "docker-username", "docker-password")
_EMAIL = "docker-email"


def ensure_registry_secret(
    client: Client, namespace: str, name: str, credentials: Secret | str | None
) -> None:
    """Make the pull secret `NAMESPACE-docker`, unless it is there.

    Args:
        client: the connection.
        namespace: the runs' namespace.
        name: the name of the flowenv secret with the credentials.
        credentials: that secret: JSON with `docker-server`, `docker-username`,
            `docker-password` and `docker-email`; None if nobody provides it.

    Raises:
        SecretNotFound: if there are neither the pull secret nor the credentials.
        ConfigurationError: if the credentials are something else.
    """
    pull_secret = f"{namespace}-docker"
    if client.get(SECRETS, namespace, pull_secret) is not None:
        return
    if credentials is None:
        raise SecretNotFound(
            f"private_registry is set, but there is neither a Secret {pull_secret} in the "
            f"namespace {namespace} nor a flowenv secret {name}.",
            hint=f"Set FLOWENV_SECRET_{name.upper()}, or better: kubectl create secret "
            f"docker-registry {pull_secret} -n {namespace} …",
        )
    manifest = _manifest(namespace, pull_secret, _parsed(revealed(credentials), name))
    try:
        client.create(SECRETS, manifest)
    except Refused:
        _log.debug("The Secret %s was made by somebody else just now.", pull_secret)
    else:
        _log.info("Made the pull secret %s in the namespace %s.", pull_secret, namespace)


def _parsed(text: str, name: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in _KEYS):
        raise ConfigurationError(
            f"The secret {name} doesn't hold a registry's credentials.",
            hint=f"It is a JSON object with {', '.join((*_KEYS, _EMAIL))}.",
        )
    return found


def _manifest(namespace: str, name: str, given: dict[str, str]) -> dict[str, Any]:
    server, user, password = (given[key] for key in _KEYS)
    login = {
        "username": user,
        "password": password,
        "email": given.get(_EMAIL) or "",
        "auth": base64.b64encode(f"{user}:{password}".encode()).decode(),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        # it belongs to the namespace, not to a run: it stays
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {server: login}})},
    }
