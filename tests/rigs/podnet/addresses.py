"""Addresses for the pods of one rig, which no other rig on this machine uses."""

from __future__ import annotations

import ipaddress
import random
import socket

_FIRST_BLOCK, _LAST_BLOCK = 128, 254
_CLAIM_HOST, _CLAIM_PORT = "255.254", 7707


class AddressBlock:
    """One of the networks 127.128.0.0/16 to 127.254.0.0/16, claimed until it is closed.

    Rigs run side by side when tests do, and their pods listen on the same ports. The claim is a
    bound socket, so it ends with the process, however that ends.

    Raises:
        OSError: all networks are claimed.

    >>> with_one = AddressBlock()
    >>> address = with_one.address(1)
    >>> address.startswith("127."), address.endswith(".0.1")
    (True, True)
    >>> with_one.close()
    """

    def __init__(self) -> None:
        blocks = list(range(_FIRST_BLOCK, _LAST_BLOCK + 1))
        random.SystemRandom().shuffle(blocks)
        self._claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for block in blocks:
            try:
                self._claim.bind((f"127.{block}.{_CLAIM_HOST}", _CLAIM_PORT))
            except OSError:
                continue
            self._first = ipaddress.IPv4Address(f"127.{block}.0.0")
            return
        self._claim.close()
        raise OSError("all networks for pods are claimed by other rigs")

    def address(self, number: int) -> str:
        """Return the address of this number; they come again after 65,000."""
        return str(self._first + 1 + (number - 1) % 65_000)

    def close(self) -> None:
        """Give the network up."""
        self._claim.close()
