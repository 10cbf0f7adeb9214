"""The way to a scheduler in a pod, for a process outside of the cluster: forwarded ports."""

from __future__ import annotations

import inspect
import logging
import secrets
import socket
from collections.abc import Callable
from typing import Any

from flowenv_dask_k8s.api import connection
from flowenv_dask_k8s.cluster.way_in import lasting
from flowenv_dask_k8s.cluster.way_in.lasting_port import NearEnd
from flowenv_dask_k8s.spec.dask_pods import COMM_PORT, DASHBOARD_PORT
from flowenv_k8s.plugin import Client, PortForward

_log = logging.getLogger("flowenv.dask_k8s")

_CONNECT = 10.0


class WayIn:
    """Ports of this machine that lead to the scheduler's.

    Args:
        client: the connection to Kubernetes.
        namespace: the pod's.
        pod: its name.
        is_gone: whether the scheduler is gone for good, as far as can be seen.
    """

    def __init__(
        self, client: Client, namespace: str, pod: str, is_gone: Callable[[], bool]
    ) -> None:
        self._client, self._where, self._is_gone = client, (namespace, pod), is_gone
        self._near: NearEnd | None = None
        self._forwards: list[PortForward] = []
        self._scheduler = self._forward(COMM_PORT)
        self._dashboard = self._forward(DASHBOARD_PORT)

    @property
    def port(self) -> int:
        """That leads to the scheduler."""
        return self._near.port if self._near else self._scheduler

    @property
    def dashboard(self) -> int:
        """That leads to its dashboard."""
        return self._dashboard

    def outlast_cuts(self, host: str, security: Any) -> None:
        """Have connections that are made from now on live on when their way is cut.

        Args:
            host: the scheduler's address in the cluster.
            security: the run's certificates; None without.
        """
        secret = secrets.token_bytes(32)
        make = "(exec(source, globals()), FarEnd(host, port, secret).port)[1]"
        given: dict[str, Any] = {
            "source": inspect.getsource(lasting),
            "__name__": "flowenv_lasting",
        }
        given |= {"host": host, "port": COMM_PORT, "secret": secret}
        try:
            scheme = "tls" if security else "tcp"
            address = f"{scheme}://127.0.0.1:{self._scheduler}"
            far = connection.run_on_scheduler(address, security, _CONNECT, eval, make, given)
        except Exception as error:  # whatever the scheduler's image has or lacks
            _log.warning("A connection to the scheduler that is cut will end the run: %r", error)
            return
        carriers = self._forward(int(far))

        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", carriers), _CONNECT)

        self._near = NearEnd(connect, secret, self._is_gone)

    def close(self) -> None:
        """Lead nowhere any more."""
        if self._near:
            self._near.close()
        for one in self._forwards:
            one.close()

    def _forward(self, port: int) -> int:
        self._forwards.append(PortForward(self._client, *self._where, port))
        return self._forwards[-1].port
