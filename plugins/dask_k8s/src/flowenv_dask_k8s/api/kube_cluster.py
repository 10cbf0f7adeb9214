"""The only module that uses dask-kubernetes: KubeCluster on a DaskCluster that is there."""

from __future__ import annotations

import contextlib
import getpass
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from flowenv.errors import PlatformError
from flowenv.plugin import Reason


def load() -> None:
    """Import dask-kubernetes, which takes a second or two, beside something else."""
    threading.Thread(target=_kube_cluster, name="load-dask-kubernetes", daemon=True).start()


def _kube_cluster() -> Any:
    from dask_kubernetes.operator import KubeCluster

    # what it warns of can't be helped by whoever runs a flow, and what is used of it is tested
    unknown = "Kubernetes version .* is not supported"
    warnings.filterwarnings("ignore", unknown, UserWarning, r"kr8s\.")
    return KubeCluster


def connect(name: str, namespace: str, timeout: float, ports: tuple[int, int] | None = None) -> Any:
    """A KubeCluster on a DaskCluster whose scheduler is ready.

    Args:
        name: the cluster.
        namespace: where it is.
        timeout: seconds that it may take.
        ports: of this machine, that lead to the scheduler and to its dashboard; None where it is
            reached by the name of its service.

    Raises:
        PlatformError: if the scheduler can't be reached, or not in time.
    """
    made: Future[Any] = Future()

    def connect_and_tell() -> None:
        try:
            made.set_result(_connected(name, namespace, ports))
        except BaseException as error:
            made.set_exception(error)

    # KubeCluster has no time limit of its own here, and a pool's thread would be waited for
    threading.Thread(target=connect_and_tell, name="connect-dask", daemon=True).start()
    is_inside = ports is None
    try:
        return made.result(timeout)
    except TimeoutError as error:
        _forget(name)
        raise _unreachable(name, is_inside, f"it doesn't answer within {timeout:.0f} s") from error
    except Exception as error:
        _forget(name)
        raise _unreachable(name, is_inside, f"{type(error).__name__}: {error}") from error


def _connected(name: str, namespace: str, ports: tuple[int, int] | None) -> Any:
    _name_the_user()
    # its own way to make a cluster fails healthy ones, when the operator sets the phase back
    # (dask-kubernetes#968): so it only gets to see a cluster that is there
    made = (_reached_by(ports[0]) if ports else _kube_cluster()).from_name(
        name,
        namespace=namespace,
        shutdown_on_close=True,
        # else it looks for the service's name in the DNS for 20 s, for the dashboard
        port_forward_cluster_ip=ports is not None,
        quiet=True,
    )
    if ports:
        made.forwarded_dashboard_port = str(ports[1])
    return made


def _reached_by(port: int) -> Any:
    """KubeCluster, with a port that leads to the scheduler: its own doesn't outlast a cut."""

    class Reached(_kube_cluster()):  # type: ignore[misc]
        async def _get_scheduler_address(self) -> str:
            return f"tcp://127.0.0.1:{port}"

    return Reached


def _name_the_user() -> None:
    """Give a user a name whom the image has none for: KubeCluster asks for it, and fails."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = str(os.getuid())


def _unreachable(name: str, is_inside: bool, why: str) -> PlatformError:
    return PlatformError(
        f"The scheduler of the DaskCluster {name} runs, but can't be reached: {why}",
        hint="Does a network policy keep the flow's pod from the scheduler's ports 8786 and 8787?"
        if is_inside
        else "Does something keep ports from being forwarded? Try `kubectl port-forward`.",
        reason=Reason.NETWORK,
    )


def _forget(name: str) -> None:
    """Keep dask-kubernetes' exit handler from a cluster that we remove ourselves."""
    for one in list(getattr(_kube_cluster(), "_instances", ())):
        if one.name == name:
            one.shutdown_on_close = False


def close(cluster: Any, timeout: float) -> None:
    """Close the connections of a KubeCluster; the DaskCluster is removed by its maker."""
    cluster.shutdown_on_close = False
    cluster.close(timeout=timeout)


@contextlib.contextmanager
def kubeconfig_context(context: str | None) -> Iterator[None]:
    """Have dask-kubernetes use a context of the kubeconfig, which it has no argument for.

    Args:
        context: its name; None for what it uses by itself.
    """
    if context is None:
        yield
        return
    before = os.environ.get("KUBECONFIG")
    files = before or str(Path("~/.kube/config").expanduser())
    with tempfile.TemporaryDirectory(prefix="flowenv-") as folder:
        chosen = Path(folder) / "context"
        chosen.write_text(f"apiVersion: v1\nkind: Config\ncurrent-context: {context}\n")
        # the first file that names a current context wins
        os.environ["KUBECONFIG"] = f"{chosen}{os.pathsep}{files}"
        try:
            yield
        finally:
            if before is None:
                del os.environ["KUBECONFIG"]
            else:
                os.environ["KUBECONFIG"] = before
