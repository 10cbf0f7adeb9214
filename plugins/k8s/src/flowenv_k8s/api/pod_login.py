"""A pod's own login to its cluster: what the kubelet has mounted, without the `kubernetes` package.

So an image needs no more than urllib3 for a flow that asks its API server for something. Proxies
are for what lies outside of the cluster, and aren't looked at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

import urllib3

from flowenv.errors import PlatformUnreachable
from flowenv_k8s.api import kubeconfig

_FRESH = 60.0
"""Seconds after which the token is read again: the kubelet replaces it long before it expires."""
_CONNECTIONS = 16


class PodLogin:
    """The API server, the certificate to know it by, and the service account's token.

    Raises:
        PlatformUnreachable: if a part of it isn't there.
    """

    def __init__(self) -> None:
        self._folder = kubeconfig.SERVICE_ACCOUNT
        server = os.environ.get(kubeconfig.SERVICE_HOST) or ""
        port = os.environ.get("KUBERNETES_SERVICE_PORT") or ""
        if not server or not port:
            raise _unusable("KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT isn't set.")
        self.host = f"https://[{server}]:{port}" if ":" in server else f"https://{server}:{port}"
        self._token, self._read_at = self._read("token").strip(), time.monotonic()
        self._read("ca.crt")
        self.pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS, retries=False, ca_certs=str(self._folder / "ca.crt")
        )

    def headers(self) -> Mapping[str, str]:
        """What says who asks."""
        if time.monotonic() - self._read_at > _FRESH:
            self._token, self._read_at = self._read("token").strip(), time.monotonic()
        return {"authorization": f"Bearer {self._token}"}

    def _read(self, name: str) -> str:
        path = self._folder / name
        try:
            text = path.read_text("ascii")
        except (OSError, ValueError) as error:
            raise _unusable(f"{path}: {error}.") from error
        if not text.strip():
            raise _unusable(f"{path} is empty.")
        return text


def _unusable(why: str) -> PlatformUnreachable:
    return PlatformUnreachable(
        f"The pod's in-cluster configuration can't be used: {why}",
        hint="Does the pod mount its service account's token? A `context` on the "
        "environment means the kubeconfig instead.",
    )
