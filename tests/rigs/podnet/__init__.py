"""The network of a rig's pods and tasks: an address each, and names, without root.

Every pod gets an address of its own in ``127.0.0.0/8``. A ``sitecustomize`` module, found through
``PYTHONPATH``, makes Python processes in the pod behave as if that address were their machine's:
servers that listen on every interface listen there, connections come from there, and names of
services are looked up at the rig. Programs not written in Python see the machine's own network.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PODNET_DIRECTORY", "pod_network_environment"]

PODNET_DIRECTORY = Path(__file__).parent
"""Directory that holds the ``sitecustomize`` module of every pod."""


def pod_network_environment(
    url: str, address: str, hostname: str, environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that give a process the network of a pod.

    Args:
        url: base URL of the rig; it answers ``GET /_rig/resolve?host=NAME`` with ``{"ip": …}``,
            where ``null`` stands for an unknown name.
        address: the pod's own address, somewhere in ``127.0.0.0/8``.
        hostname: the pod's host name.
        environment: the variables that the process has anyway; its ``PYTHONPATH`` is kept behind
            the network's directory.

    >>> variables = pod_network_environment("http://127.0.0.1:1", "127.77.0.2", "pod-1", {})
    >>> variables["FLOWENV_RIG_POD_IP"], variables["HOSTNAME"]
    ('127.77.0.2', 'pod-1')
    """
    path = [str(PODNET_DIRECTORY), environment.get("PYTHONPATH", "")]
    return {
        "FLOWENV_RIG_URL": url,
        "FLOWENV_RIG_POD_IP": address,
        "HOSTNAME": hostname,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
    }
