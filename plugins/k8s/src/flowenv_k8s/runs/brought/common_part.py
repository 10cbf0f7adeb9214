"""Bringing what the payloads of a batch's runs have in common to a namespace, once for all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flowenv.errors import RunConflict
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused
from flowenv_k8s.api.resources import CONFIG_MAPS, SECRETS
from flowenv_k8s.runs.brought.use import keep
from flowenv_k8s.runs.own_objects import create_once
from flowenv_k8s.spec.variables import secret_manifest

KNOWN = 600.0
"""Seconds for which what was seen isn't asked for again by this process."""


class BroughtParts:
    """What this process has brought to a namespace, and when.

    Args:
        client: the connection.
        namespace: the namespace.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._seen: dict[str, float] = {}

    def bring(self, common: Mapping[str, Any], *, anew: bool = False) -> None:
        """See to it that the namespace has the common part of a batch.

        Args:
            common: the `secret`, and the `config_map` that owns it.
            anew: True if it may have gone since it was brought.

        Raises:
            RunConflict: if another content stands under its name.
            FlowenvError: if the cluster refuses it.
        """
        name = common["secret"]["metadata"]["name"]
        seen = self._seen.get(name)
        if not anew and seen is not None and time.monotonic() - seen < KNOWN:
            return
        self._make(common)
        self._seen[name] = time.monotonic()

    def forget(self, name: str) -> None:
        """Forget that it is there."""
        self._seen.pop(name, None)

    def _make(self, common: Mapping[str, Any]) -> None:
        owner = self._owner(common["config_map"])
        secret = secret_manifest(common["secret"])
        create_once(
            self._client,
            SECRETS,
            {**secret, "metadata": {**secret["metadata"], "ownerReferences": [owner]}},
        )

    def _owner(self, config_map: Mapping[str, Any]) -> dict[str, Any]:
        name = config_map["metadata"]["name"]
        try:
            made = self._client.create(CONFIG_MAPS, dict(config_map))
        except Refused as refused:  # it is there already
            found = self._client.get(CONFIG_MAPS, self._namespace, name)
            is_there = found is not None and not found["metadata"].get("deletionTimestamp")
            if found is None or not is_there or not keep(self._client, found):
                raise RunConflict(
                    f"The ConfigMap {name} in the namespace {self._namespace} is just going.",
                    hint="A sweep removes it; submit the batch again.",
                ) from refused
            made = found
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": name,
            "uid": made["metadata"]["uid"],
        }


def bring_common(client: Client, common: Mapping[str, Any], *, anew: bool = False) -> None:
    """See to it that the batch's namespace has the common part; see `BroughtParts.bring`."""
    namespace = common["secret"]["metadata"]["namespace"]
    client.shared(BroughtParts, namespace).bring(common, anew=anew)


def forget_common(client: Client, namespace: str, name: str) -> None:
    """Forget that a namespace has the common part of a batch."""
    client.shared(BroughtParts, namespace).forget(name)
