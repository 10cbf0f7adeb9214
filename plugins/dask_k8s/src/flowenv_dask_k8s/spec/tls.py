"""Where a run's certificates are in its pods, and what tells Dask of them.

With the variables Dask listens on `tls://` alone and talks to nobody who hasn't a certificate of
the same run, whatever its command line is.
"""

from __future__ import annotations

from typing import Any

MOUNT_PATH = "/var/run/flowenv-tls"
"""Where scheduler and workers find the certificates."""
AUTHORITY, CERTIFICATE, KEY = "dask-ca.pem", "dask-cert.pem", "dask-key.pem"
"""The files: who has signed, the certificate of all that is the run's, and its key."""
FILES = (AUTHORITY, CERTIFICATE, KEY)
_VOLUME = "flowenv-dask-tls"
_PREFIX = "DASK_DISTRIBUTED__COMM__"


def tls_variables(folder: str) -> dict[str, str]:
    """What tells a process of Dask to speak TLS alone.

    Args:
        folder: where it finds the files.

    >>> tls_variables("/certs")["DASK_DISTRIBUTED__COMM__TLS__WORKER__KEY"]
    '/certs/dask-key.pem'
    """
    told = {
        f"{_PREFIX}REQUIRE_ENCRYPTION": "True",
        f"{_PREFIX}TLS__CA_FILE": f"{folder}/{AUTHORITY}",
    }
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        told[f"{_PREFIX}TLS__{role}__CERT"] = f"{folder}/{CERTIFICATE}"
        told[f"{_PREFIX}TLS__{role}__KEY"] = f"{folder}/{KEY}"
    return told


def mount_certificates(pod: dict[str, Any], secret: str) -> None:
    """Mount the files into a pod's first container.

    Args:
        pod: the pod's spec, which is changed.
        secret: the name of the run's Secret, of which nothing else is mounted.
    """
    items = [{"key": name, "path": name} for name in FILES]
    volume = {"name": _VOLUME, "secret": {"secretName": secret, "items": items}}
    pod["volumes"] = [*(pod.get("volumes") or []), volume]
    mount = {"name": _VOLUME, "mountPath": MOUNT_PATH, "readOnly": True}
    container = pod["containers"][0]
    container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]
