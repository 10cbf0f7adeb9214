"""A Kubernetes cluster for tests: start it, talk to it with any client, look inside, stop it."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from aiohttp import web

from rigs.kubernetes.access import Access
from rigs.kubernetes.api import ApiServer
from rigs.kubernetes.certificates import make_certificates
from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.controllers.deployment import DeploymentController, ReplicaSetController
from rigs.kubernetes.controllers.job import JobController
from rigs.kubernetes.faults import Fault, Faults
from rigs.kubernetes.kubeconfig import add_context, replace_token
from rigs.kubernetes.kubelet import Kubelet
from rigs.kubernetes.kubelet.images import Image
from rigs.kubernetes.kubelet.processes import ProcessKubelet
from rigs.kubernetes.listening import Listening
from rigs.kubernetes.log_files import LOG_FILE_BYTES
from rigs.kubernetes.outsider import Outsider
from rigs.kubernetes.requests_log import RequestLog
from rigs.kubernetes.server import ServerThread
from rigs.kubernetes.timing import Timing
from rigs.kubernetes.view import ClusterView

T = TypeVar("T")

_STEP_SECONDS = 10.0
"""What each step of stopping may take."""
_ALLOCATABLE = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"}


class KubernetesRig(ClusterView):
    """A Kubernetes API server with controllers and a kubelet, in a thread of this process.

    Args:
        images: images that can be pulled, by name: an ``Image`` or the variables that it sets.
            None makes every name an image with this Python in it. Not for a kubelet of your own.
        kubelet: what runs pods; by default each container's command as a local process. A
            ``ScriptedKubelet`` runs nothing and is right for thousands of pods.
        token: the bearer token that clients must send; None lets everybody in.
        user: the user that the token stands for.
        timing: how long the cluster takes over things.
        version: what ``/version`` answers.
        node_labels: labels of the one node, for node selectors.
        allocatable: what the node has, for requests that no node can hold.
        history: how many changes of a resource type a watch can look back.
        port: port to listen on; 0 for any that is free.
        mount_namespaces: whether containers get mount namespaces; None: where that works.
        log_file_bytes: how large a container's log gets before the next file of it is begun. A
            new request for the log gets the newest file only.

    >>> with KubernetesRig() as rig:
    ...     _ = rig.apply({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}})
    ...     [item["metadata"]["name"] for item in rig.objects("ConfigMap")]
    ['a']
    """

    def __init__(
        self,
        *,
        images: Mapping[str, Image | Mapping[str, str]] | None = None,
        kubelet: Kubelet | None = None,
        token: str | None = None,
        user: str = "rig-user",
        timing: Timing | None = None,
        version: str = "v1.33.1",
        node_labels: Mapping[str, str] | None = None,
        allocatable: Mapping[str, str] | None = None,
        history: int = 20_000,
        port: int = 0,
        mount_namespaces: bool | None = None,
        log_file_bytes: int = LOG_FILE_BYTES,
    ) -> None:
        super().__init__()
        self.requests = RequestLog()
        self.access = Access(token, user)
        self.token = token or "rig"
        self._directory = tempfile.TemporaryDirectory(prefix="kubernetes-rig-")
        self.kubelet: Kubelet = kubelet or ProcessKubelet(
            Path(self._directory.name) / "pods", images, mount_namespaces
        )
        self._timing = timing or Timing()
        self._version = version
        self._node = (dict(node_labels or {}), {**_ALLOCATABLE, **(allocatable or {})})
        self._history = history
        self._port = port
        self._log_file_bytes = log_file_bytes
        self._server: ServerThread | None = None
        self._kubeconfigs: list[Path] = []
        self.faults = Faults(self._on_server)

    def __enter__(self) -> KubernetesRig:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None and self._cluster.failures:
            raise self._cluster.failures[0]

    def start(self) -> KubernetesRig:
        """Start the cluster and return this rig."""
        self._server = ServerThread("kubernetes-rig")
        self._server.wait(self._start)
        return self

    def stop(self) -> None:
        """Stop the cluster, with everything that runs in it.

        Raises:
            RuntimeError: something didn't end by itself, and was killed.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        try:
            problems = server.wait(self._stop)
        finally:
            server.stop()
            self.kubelet.kill()  # in case the server's thread doesn't answer
            self._directory.cleanup()
        if problems:
            raise RuntimeError(f"the rig did not stop by itself: {'; '.join(problems)}")

    @property
    def url(self) -> str:
        """Where the API server listens, for HTTP."""
        return self._cluster.url

    @property
    def tls_url(self) -> str:
        """Where the API server listens, for HTTPS."""
        return f"https://127.0.0.1:{self._cluster.tls_port}"

    @property
    def authority(self) -> bytes:
        """The certificate (PEM) by which clients know the API server."""
        return self._cluster.authority

    def kubeconfig(
        self,
        path: Path | str,
        *,
        namespace: str = "default",
        context: str = "rig",
        token_file: Path | None = None,
        tls: bool = False,
    ) -> Path:
        """Write a context to a kubeconfig file, make it the current one and return the path.

        Args:
            path: the file; contexts that are there already stay.
            namespace: the context's namespace.
            context: its name.
            token_file: keep the token in this file instead.
            tls: talk HTTPS.
        """
        path = Path(path)
        add_context(
            path,
            url=self.tls_url if tls else self.url,
            token=self.token,
            context=context,
            namespace=namespace,
            token_file=token_file,
            authority=self._cluster.authority if tls else None,
        )
        if path not in self._kubeconfigs:
            self._kubeconfigs.append(path)
        return path

    def add_image(self, name: str, image: Image | None = None) -> None:
        """Have an image (this Python, by default) from now on; pods that wait for it start.

        Raises:
            RuntimeError: the rig has a kubelet that knows no images.
        """
        kubelet = self.kubelet
        if not isinstance(kubelet, ProcessKubelet):
            raise RuntimeError("only the kubelet that runs processes has images")
        self._on_server(lambda: kubelet.add_image(name, image or Image()))

    def rotate_token(self) -> str:
        """Revoke the token and write a new one to the kubeconfig files; return it."""
        return self._on_server(self._rotate_token)

    def forget_history(self) -> None:
        """Make watches that start from an older version fail with 410."""
        self._on_server(self._cluster.store.forget_history)

    def _on_server(self, function: Callable[[], T]) -> T:
        if self._server is None:
            raise RuntimeError("the rig isn't running")
        return self._server.call(function)

    def _rotate_token(self) -> str:
        old, self.token = self.token, secrets.token_urlsafe(12)
        self.access.admit(self.token, self.access.user)
        self.access.revoke(old)
        for path in self._kubeconfigs:
            if path.exists():
                replace_token(path, old, self.token)
        return self.token

    def _token_fault(self, fault: Fault, injected: bool) -> None:
        if injected and fault.strike():
            self._rotate_token()

    async def _start(self) -> None:
        self._cluster = Cluster(
            self.access, self.faults, self.requests, self._timing, self._history, self._on_server
        )
        cluster = self._cluster
        cluster.log_file_bytes = self._log_file_bytes
        cluster.store.listen(lambda change: self._changed.set())
        self.faults.listen("token", self._token_fault)
        JobController(cluster)
        DeploymentController(cluster)
        ReplicaSetController(cluster)
        Outsider(cluster)
        self.kubelet.start(cluster)
        application = ApiServer(cluster, self.kubelet, self._version).application()
        self._runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5
        )
        await self._runner.setup()
        certificates = make_certificates(Path(self._directory.name))
        self._listening = Listening(cluster, self._runner)
        cluster.url = f"http://127.0.0.1:{await self._listening.open(self._port)}"
        cluster.tls_port = await self._listening.open(context=certificates.context)
        cluster.authority = certificates.authority
        cluster.furnish(*self._node)

    async def _stop(self) -> list[str]:
        """Stop everything, and return what had to be stopped by force."""
        problems = await _within_time(self.kubelet.stop)
        if killed := self.kubelet.kill():
            problems.append(f"killed {', '.join(killed)}")
        problems += await _within_time(self._cluster.stop)
        self._listening.close()
        problems += await _within_time(self._runner.cleanup)
        return problems


async def _within_time(step: Callable[[], Awaitable[None]]) -> list[str]:
    """Take a step of stopping; if it takes too long, give it up, and say so."""
    try:
        async with asyncio.timeout(_STEP_SECONDS):
            await step()
    except TimeoutError:
        doing = sorted(str(task.get_coro()) for task in asyncio.all_tasks())
        return [f"gave up {step} after {_STEP_SECONDS:g} s, with {doing}"]
    return []
