"""Network interfaces of tasks, each with a loopback address of its own."""

import threading
from collections.abc import Mapping
from typing import Any

from .errors import AwsError
from .moto_backend import Moto, NetworkInterface

_ADDRESSES_EACH = 253


class Addresses:
    """Loopback addresses that no other rig on this machine hands out at the same time.

    The rig's port, which no other living rig has, gives the second and third number. The 253
    addresses are used in turn and again; past that many tasks at once they are shared.
    """

    def __init__(self, port: int) -> None:
        self._prefix = f"127.{port >> 8}.{port & 255}"
        self._next = 0
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def take(self) -> str:
        """An address for a new task."""
        with self._lock:
            for _ in range(_ADDRESSES_EACH):
                self._next = self._next % _ADDRESSES_EACH + 1
                address = f"{self._prefix}.{self._next + 1}"
                if address not in self._taken:
                    break
            self._taken.add(address)
            return address

    def give_back(self, address: str) -> None:
        """The task that had the address is over."""
        with self._lock:
            self._taken.discard(address)


class Network:
    """Makes and removes the network interfaces of tasks."""

    def __init__(self, moto: Moto, addresses: Addresses) -> None:
        self._moto = moto
        self._addresses = addresses

    def check(self, network_configuration: Mapping[str, Any], region: str) -> str:
        """Refuse unknown subnets and security groups; returns the first subnet's zone."""
        settings = network_configuration["awsvpcConfiguration"]
        subnets = self._moto.subnets(region)
        for subnet in settings["subnets"]:
            if subnet not in subnets:
                # Form: github.com/dagster-io/dagster/issues/33439; inside, EC2's as moto has it.
                raise AwsError(
                    "InvalidParameterException",
                    f"Error retrieving subnet information for [{subnet}]: The subnet ID "
                    f"'{subnet}' does not exist (ErrorCode: InvalidSubnetID.NotFound)",
                )
        known = self._moto.security_groups(region)
        for group in settings.get("securityGroups") or []:
            if group not in known:
                # Form: github.com/dask/dask-cloudprovider/issues/56; inside, EC2's as moto has it.
                raise AwsError(
                    "InvalidParameterException",
                    f"Error retrieving security group information for [{group}]: The security "
                    f"group '{group}' does not exist (ErrorCode: InvalidGroup.NotFound)",
                )
        return subnets[settings["subnets"][0]]

    def attach(self, network_configuration: Mapping[str, Any], region: str) -> NetworkInterface:
        """A new interface in the first subnet."""
        settings = network_configuration["awsvpcConfiguration"]
        return self._moto.create_network_interface(
            region,
            settings["subnets"][0],
            settings.get("securityGroups") or [],
            self._addresses.take(),
        )

    def detach(self, interface: NetworkInterface, region: str) -> None:
        """Remove an interface of a task that is over."""
        self._moto.delete_network_interface(region, interface)
        self._addresses.give_back(interface.address)
