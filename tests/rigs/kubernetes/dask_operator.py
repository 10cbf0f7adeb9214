"""The real Dask operator, run against a rig."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

import dask_kubernetes

from rigs.kubernetes.rig import KubernetesRig
from rigs.podnet import pod_network_environment

_STARTER = Path(__file__).with_name("kopf_starter.py")


def install_definitions(rig: KubernetesRig) -> None:
    """Make the operator's resource types known to a rig, without starting the operator."""
    operator = Path(str(dask_kubernetes.__file__)).parent / "operator"
    charts = operator / "deployment" / "helm" / "dask-kubernetes-operator" / "crds"
    for path in sorted(charts.glob("*.yaml")):
        rig.apply(path)


class DaskOperator:
    """dask-kubernetes' operator (kopf) in a process of its own, with its resource types.

    Args:
        rig: the running rig.
        namespace: the namespace that the operator looks after.
        timeout: how long it may take to answer, in seconds.
        period: seconds between its looks at each cluster; by default its own 5.

    Raises:
        TimeoutError: it doesn't answer in time.
        RuntimeError: it ends by itself; the message has its log.
    """

    def __init__(
        self,
        rig: KubernetesRig,
        namespace: str = "default",
        timeout: float = 120.0,
        period: float | None = None,
    ) -> None:
        self._rig = rig
        self._namespace = namespace
        self._timeout = timeout
        self._period = period
        self._directory = tempfile.TemporaryDirectory(prefix="dask-operator-")
        self._log = Path(self._directory.name) / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DaskOperator:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """What the operator has written so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> DaskOperator:
        """Install the resource types, start the operator and wait until it watches them."""
        install_definitions(self._rig)
        directory = Path(self._directory.name)
        kubeconfig = self._rig.kubeconfig(directory / "kubeconfig", namespace=self._namespace)
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1"}
        # The operator's autoscaler talks to schedulers by the names of their services.
        network = pod_network_environment(self._rig.url, "", "dask-operator", environment)
        command = [
            *(sys.executable, str(_STARTER), str(self._period or ""), "run", "--standalone"),
            *("--namespace", self._namespace, "-m", "dask_kubernetes.operator.controller"),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**environment, **network},
                start_new_session=True,
            )
        try:
            self._rig.wait_until(self._is_watching, "the Dask operator's watch", self._timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Kill the operator, which takes seconds to end by itself and has nothing to save."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._directory.cleanup()

    def _is_watching(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the Dask operator has ended:\n{self.log}")
        wanted = {"daskclusters", "daskworkergroups", "daskautoscalers", "daskjobs"}
        return wanted <= {watch.resource for watch in self._rig.requests.open_watches}
