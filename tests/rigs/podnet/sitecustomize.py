"""Loaded at the start of every Python process in a rig's pod: the pod's own address and names.

Python imports a module of this name by itself. Nothing happens unless ``FLOWENV_RIG_URL`` is set,
and a ``sitecustomize`` further down the path (a distribution's, a virtual environment's) is run
afterwards, as it would have been.

What changes inside the process:

- a name that the rig knows resolves to the address of a pod behind it;
- a server on every interface (``""`` or ``0.0.0.0``) listens on the pod's address;
- a connection to another loopback address comes from the pod's address;
- the host name is the pod's, and resolves to the pod's address;
- IPv6 is switched off, since a pod's address is IPv4;
- paths in ``FLOWENV_RIG_PATHS`` lead to the pod's volumes (``pod_paths`` says how).
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import socket
import sys
from typing import Any

# pathlib would add to the start of every process in a pod, hence os.path (PTH).
_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
_EVERY_INTERFACE = ("", "0.0.0.0")
_CLUSTER_SUFFIXES = (".svc", ".svc.cluster.local")


class _PodNetwork:
    """The socket functions of a pod, in front of those of the machine."""

    def __init__(self, url: str, address: str) -> None:
        self.rig = url
        self.address = address
        self.hostname = os.environ.get("HOSTNAME", "")
        self.machine_getaddrinfo = socket.getaddrinfo
        self.machine_gethostbyname = socket.gethostbyname

    def ask_rig(self, host: str) -> str | None:
        """Return the address that the rig knows for a name, or None."""
        # Imported here: most processes never ask, and these double a process's time to start.
        import http.client
        import json
        import urllib.parse

        query = urllib.parse.urlencode({"host": host, "from": self.address})
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.rig).netloc, timeout=10)
        try:
            connection.request("GET", f"/_rig/resolve?{query}")
            answer = connection.getresponse()
            if answer.status != 200:
                return None
            found = json.load(answer).get("ip")
        finally:
            connection.close()
        return str(found) if found else None

    def resolve(self, host: Any) -> Any:
        """Return the address of a name of the rig; any other host unchanged."""
        name = host.decode() if isinstance(host, bytes) else host
        if not isinstance(name, str) or not name or _is_plain(name):
            return host
        if name == self.hostname:
            return self.address or host
        if name.endswith(_CLUSTER_SUFFIXES):
            if not (found := self.ask_rig(name)):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return found
        # A short name (service, or service.namespace) may also be a name of the wide world.
        return (self.ask_rig(name) if name.count(".") < 2 else None) or host

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, *args: Any, **options: Any
    ) -> list[Any]:
        """Look a name up, at the rig first; only IPv4 where the pod has an address."""
        if self.address and family == socket.AF_UNSPEC:
            family = socket.AF_INET
        return self.machine_getaddrinfo(self.resolve(host), port, family, *args, **options)

    def gethostbyname(self, host: str) -> str:
        """Look a name up, at the rig first."""
        return self.machine_gethostbyname(self.resolve(host))

    def install(self) -> None:
        """Put this network in front of the machine's."""
        socket.getaddrinfo = self.getaddrinfo
        socket.gethostbyname = self.gethostbyname
        if self.hostname:
            socket.gethostname = lambda: self.hostname
        if self.address:
            socket.has_ipv6 = False
        _patch_sockets(self)


def _is_plain(name: str) -> bool:
    """Whether a host is an address, or this machine's own name for itself."""
    return name == "localhost" or ":" in name or name.replace(".", "").isdigit()


def _patch_sockets(network: _PodNetwork) -> None:
    """Change the methods of ``socket.socket`` in place: its subclasses get them too."""
    cls = socket.socket
    bind, connect, connect_ex = cls.bind, cls.connect, cls.connect_ex
    getsockname = cls.getsockname
    address = network.address

    def leave_from_pod(self: socket.socket, target: Any) -> Any:
        if self.family != socket.AF_INET or not isinstance(target, tuple):
            return target
        host = network.resolve(target[0])
        if address and str(host).startswith("127.") and getsockname(self)[1] == 0:
            bind(self, (address, 0))
        return (host, *target[1:])

    def reach(self: socket.socket, target: Any) -> None:
        target = leave_from_pod(self, target)
        try:
            connect(self, target)
        except OSError:
            if self.type != socket.SOCK_DGRAM or self.family != socket.AF_INET or not address:
                raise
            # A machine without a way out still has pods that can ask for their own address.
            connect(self, (address, target[1]))

    def pod_bind(self: socket.socket, target: Any) -> None:
        if address and self.family == socket.AF_INET and target[0] in _EVERY_INTERFACE:
            target = (address, *target[1:])
        bind(self, target)

    def pod_getsockname(self: socket.socket) -> Any:
        name = getsockname(self)
        # How programs find out their own address: connect a datagram socket, ask for its name.
        if self.type == socket.SOCK_DGRAM and self.family == socket.AF_INET and address:
            return (address, name[1])
        return name

    cls.bind = pod_bind  # type: ignore[method-assign,assignment]
    cls.connect = reach  # type: ignore[method-assign,assignment]
    cls.connect_ex = lambda self, to: connect_ex(self, leave_from_pod(self, to))  # type: ignore
    cls.getsockname = pod_getsockname  # type: ignore[method-assign,assignment]


def _run_next_sitecustomize() -> None:
    """Run the module of this name that this one hides."""
    elsewhere = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]  # noqa: PTH100
    found = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if found is not None and found.loader is not None:
        found.loader.exec_module(importlib.util.module_from_spec(found))


if _url := os.environ.get("FLOWENV_RIG_URL"):
    _PodNetwork(_url, os.environ.get("FLOWENV_RIG_POD_IP", "")).install()
if os.environ.get("FLOWENV_RIG_PATHS"):
    importlib.import_module("pod_paths").install()
_run_next_sitecustomize()
