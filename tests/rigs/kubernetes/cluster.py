"""What controllers, kubelets and the API share: one cluster, in one event loop."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from rigs.kubernetes.access import Access
from rigs.kubernetes.admission import prepared
from rigs.kubernetes.deletion import Deleter
from rigs.kubernetes.events import EventRecorder
from rigs.kubernetes.faults import Faults
from rigs.kubernetes.gatekeeping import refuse_unwanted
from rigs.kubernetes.log_files import LOG_FILE_BYTES
from rigs.kubernetes.network import Network
from rigs.kubernetes.node import KEY, NODE_NAME, READY, Node
from rigs.kubernetes.objects import Manifest, condition, generated_name
from rigs.kubernetes.requests_log import RequestLog
from rigs.kubernetes.resources import (
    CUSTOM_RESOURCE_DEFINITION,
    NAMESPACE,
    NODE,
    SERVICE,
    SERVICE_ACCOUNT,
    Registry,
    ResourceType,
    types_of_definition,
)
from rigs.kubernetes.status import ApiError, not_found
from rigs.kubernetes.store import Change, Key, Store
from rigs.kubernetes.timing import Timing


class Cluster:
    """The state of the cluster and the services that work on it.

    Everything here belongs to the server's thread.

    Args:
        access: tokens and rules.
        faults: injected faults.
        requests: log of requests.
        timing: how long things take.
        history: how many changes of a resource type watches can look back.
        on_server: runs a function in the server's thread and returns its result.
    """

    def __init__(
        self,
        access: Access,
        faults: Faults,
        requests: RequestLog,
        timing: Timing,
        history: int,
        on_server: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.access = access
        self.faults = faults
        self.requests = requests
        self.timing = timing
        self.on_server = on_server
        self.url = ""
        self.tls_port = 0
        self.authority = b""
        self.log_file_bytes = LOG_FILE_BYTES
        self.is_told = asyncio.Event()
        """Set while the kubelet tells the API server of its pods: always, but for outages."""
        self.is_told.set()
        self.answers = asyncio.Event()
        """Set while the API server says anything: always, but where it hangs."""
        self.answers.set()
        self.registry = Registry()
        self.store = Store(history)
        self.deleter = Deleter(self.store, self.loop.call_soon, faults)
        self.events = EventRecorder(self.store)
        self.network = Network(self.store)
        self.node = Node(self.store, self.events, faults)
        self._account_tokens: dict[str, str] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.failures: list[BaseException] = []
        self.store.listen(self._follow_definitions)
        self.store.listen(self._complete_namespace)

    def furnish(self, node_labels: dict[str, str], allocatable: dict[str, str]) -> None:
        """Make what every cluster has: namespaces and a node."""
        for name in ("default", "kube-system"):
            self.create(NAMESPACE, "", {"metadata": {"name": name}})
        labels = {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux", **node_labels}
        self.create(NODE, "", {"metadata": {"name": NODE_NAME, "labels": labels}, "spec": {}})
        self.store.set_status(
            KEY,
            conditions=[READY],
            allocatable=allocatable,
            capacity=allocatable,
        )

    def create(self, resource: ResourceType, namespace: str, manifest: Any) -> Manifest:
        """Create an object as a client would, after defaults and checks.

        Raises:
            ApiError: 400, 403 (what a pod needs isn't there, or the namespace wants no such
                object), 404 (the namespace isn't there), 409 or 422.
        """
        space = namespace if resource.namespaced else ""
        if space and self.store.find(Key(NAMESPACE, "", space)) is None:
            raise not_found(NAMESPACE, space)
        made = prepared(resource, space, manifest)
        refuse_unwanted(self.store, resource, space, made)
        if resource == SERVICE and not made["spec"].get("clusterIP"):
            address = self.network.new_service_address()
            spec = {**made["spec"], "clusterIP": address, "clusterIPs": [address]}
            made = {**made, "spec": spec}
        return self.store.create(Key(resource, space, made["metadata"]["name"]), made)

    def check_quota(self, key: Key, manifest: Manifest, struck: str) -> None:
        """Refuse a pod as a quota on pods does, for as long as that fault is there.

        Args:
            key: the pod's, or what its name is generated from.
            manifest: the pod.
            struck: what stands for the pod's UID, which it hasn't yet.

        Raises:
            ApiError: 403.
        """
        marked = {**manifest, "metadata": {**manifest["metadata"], "uid": struck}}
        if self.faults.of_pod(["quota"], key, marked):
            name = generated_name(key.name) if key.name.endswith("-") else key.name
            counts = "requested: pods=1, used: pods=4, limited: pods=4"
            words = f'pods "{name}" is forbidden: exceeded quota: compute, {counts}'
            raise ApiError(403, "Forbidden", words)

    def account_token(self, namespace: str, account: str) -> str:
        """Return a token for a service account, valid as long as the cluster."""
        user = f"system:serviceaccount:{namespace}:{account}"
        if user not in self._account_tokens:
            self._account_tokens[user] = secrets.token_urlsafe(24)
            self.access.admit(self._account_tokens[user], user)
        return self._account_tokens[user]

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run work in the background; what it raises is kept in ``failures``."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def later(self, seconds: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        """Call a function after some seconds."""
        return self.loop.call_later(seconds, work)

    async def stop(self) -> None:
        """Cancel all work in the background and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.network.close()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    def _follow_definitions(self, change: Change) -> None:
        """Serve the resource types of CustomResourceDefinitions."""
        if change.key.resource != CUSTOM_RESOURCE_DEFINITION:
            return
        if change.kind == "DELETED":
            for resource in types_of_definition(change.object):
                for manifest in self.store.list(resource):
                    metadata = manifest["metadata"]
                    self.deleter.delete(
                        Key(resource, metadata.get("namespace", ""), metadata["name"])
                    )
                self.registry.remove(resource)
            return
        for resource in types_of_definition(change.object):
            self.registry.add(resource)
        if change.kind == "ADDED":
            established = [
                condition("NamesAccepted", True, "NoConflicts", "no conflicts found"),
                condition(
                    "Established",
                    True,
                    "InitialNamesAccepted",
                    "the initial names have been accepted",
                ),
            ]
            names = change.object["spec"]["names"]
            self.loop.call_soon(
                lambda: self.store.set_status(
                    change.key, conditions=established, acceptedNames=names
                )
            )

    def _complete_namespace(self, change: Change) -> None:
        """Give every new namespace its default service account."""
        if change.kind == "ADDED" and change.key.resource == NAMESPACE:
            account = Key(SERVICE_ACCOUNT, change.key.name, "default")
            self.store.create(account, {"metadata": {"name": "default"}})
