"""Addresses of pods and services, and cluster DNS."""

from __future__ import annotations

import ipaddress

from rigs.kubernetes.objects import is_true
from rigs.kubernetes.resources import POD, SERVICE
from rigs.kubernetes.selectors import label_selector, selector_of_labels
from rigs.kubernetes.store import Key, Store
from rigs.podnet.addresses import AddressBlock

_SERVICES = ipaddress.IPv4Address("10.96.0.1")
_NOBODY = 64_999
"""The number of a pod's address that no pod comes to have."""
_LONGEST_SUFFIX = ".svc.cluster.local"


class Network:
    """Gives out addresses and resolves names of services, as cluster DNS does.

    A pod's address is a loopback address, so that any process may listen there. A service's own
    address leads nowhere: its name resolves to a pod behind it, as if it were headless. While no
    pod is ready, the name still resolves, to an address that refuses connections, as a service's
    own address does then.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._block = AddressBlock()
        self._pods = 0
        self._services = 0
        self._pod_of_address: dict[str, Key] = {}

    def new_pod_address(self, pod: Key) -> str:
        """Return an address that no other pod has had, on any rig that runs now."""
        self._pods += 1
        address = self._block.address(self._pods)
        self._pod_of_address[address] = pod
        return address

    def close(self) -> None:
        """Give the addresses up."""
        self._block.close()

    def new_service_address(self) -> str:
        """Return an address that no other service has had."""
        self._services += 1
        return str(_SERVICES + self._services)

    def resolve(self, host: str, asking: str = "") -> str | None:
        """Return the address behind a name, or None.

        Args:
            host: ``service``, ``service.namespace`` or longer, up to ``.svc.cluster.local``.
            asking: address of the pod that asks; a bare name is one of its namespace.
        """
        name = host.removesuffix(".").removesuffix(_LONGEST_SUFFIX).removesuffix(".svc")
        service, _, namespace = name.partition(".")
        if not namespace:
            pod = self._pod_of_address.get(asking)
            namespace = pod.namespace if pod else "default"
        found = self._store.find(Key(SERVICE, namespace, service))
        if found is None:
            return None
        labels = found["spec"].get("selector")
        if not labels:
            return None
        selects = label_selector(selector_of_labels(labels))
        unready_too = bool(found["spec"].get("publishNotReadyAddresses"))
        for pod_object in self._store.list(POD, namespace, selects):
            address = (pod_object.get("status") or {}).get("podIP")
            if address and (unready_too or is_true(pod_object, "Ready")):
                return str(address)
        return None if found["spec"].get("clusterIP") == "None" else self._block.address(_NOBODY)
