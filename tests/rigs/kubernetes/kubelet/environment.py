"""The environment variables of a container."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.resources import CONFIG_MAP, SECRET, ResourceType
from rigs.kubernetes.store import Key, Store

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_KEY_IN_BRACKETS = re.compile(r"(metadata\.(?:labels|annotations))\['(.*)'\]")


class ConfigurationError(Exception):
    """A container's configuration can't be made up; the kubelet tries again."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable's value; ``$$`` stands for ``$``.

    >>> expand("$(A) $(B) $$(A)", {"A": "1"})
    '1 $(B) $(A)'
    """

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def content(store: Store, resource: ResourceType, namespace: str, name: str) -> dict[str, bytes]:
    """Return what a Secret or ConfigMap holds.

    Raises:
        ConfigurationError: it isn't there.
    """
    found = store.find(Key(resource, namespace, name))
    if found is None:
        raise ConfigurationError(f'{resource.kind.lower()} "{name}" not found')
    if resource == SECRET:
        return {key: base64.b64decode(text) for key, text in (found.get("data") or {}).items()}
    plain = {key: text.encode() for key, text in (found.get("data") or {}).items()}
    binary = {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}
    return {**plain, **binary}


def pod_field(pod: Manifest, path: str) -> str:
    """Return what the downward API gives for a field of a pod.

    Raises:
        ConfigurationError: the downward API has no such field.
    """
    if match := _KEY_IN_BRACKETS.fullmatch(path):
        mapping = pod["metadata"].get(match[1].removeprefix("metadata.")) or {}
        return str(mapping.get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        mapping = pod["metadata"].get(path.removeprefix("metadata.")) or {}
        return "\n".join(f'{key}="{value}"' for key, value in sorted(mapping.items()))
    allowed = {
        *("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName"),
        *("spec.serviceAccountName", "status.hostIP", "status.podIP", "status.podIPs"),
    }
    if path not in allowed:
        raise ConfigurationError(f"Unsupported value: {path!r}")
    first, second = path.split(".")
    return str((pod.get(first) or {}).get(second.removesuffix("s"), ""))


class EnvironmentBuilder:
    """Makes up the variables of a container from its manifest and what that refers to.

    Args:
        store: where Secrets and ConfigMaps are.
        pod: the pod, with its address in its status.
        service: variables that every container of the cluster has.
    """

    def __init__(self, store: Store, pod: Manifest, service: Mapping[str, str]) -> None:
        self._store = store
        self._pod = pod
        self._namespace = pod["metadata"]["namespace"]
        self._service = service

    def build(self, container: Manifest) -> dict[str, str]:
        """Return the variables that the manifest gives; those of the image are not among them.

        Raises:
            ConfigurationError: a Secret, ConfigMap or key isn't there and isn't optional.
        """
        variables = dict(self._service)
        for source in container.get("envFrom") or []:
            variables.update(self._all_of(source))
        for entry in container.get("env") or []:
            value = self._value(entry, container, variables)
            if value is not None:
                variables[entry["name"]] = value
        return variables

    def _all_of(self, source: Manifest) -> dict[str, str]:
        prefix = source.get("prefix", "")
        for kind, resource in (("secretRef", SECRET), ("configMapRef", CONFIG_MAP)):
            if reference := source.get(kind):
                try:
                    held = content(self._store, resource, self._namespace, reference["name"])
                except ConfigurationError:
                    if reference.get("optional"):
                        return {}
                    raise
                return {f"{prefix}{key}": value.decode() for key, value in held.items()}
        return {}

    def _value(
        self, entry: Manifest, container: Manifest, variables: Mapping[str, str]
    ) -> str | None:
        source = entry.get("valueFrom")
        if not source:
            return expand(entry.get("value") or "", variables)
        if reference := source.get("fieldRef"):
            return pod_field(self._pod, reference["fieldPath"])
        if reference := source.get("resourceFieldRef"):
            return _resource(container, reference)
        for kind, resource in (("secretKeyRef", SECRET), ("configMapKeyRef", CONFIG_MAP)):
            if reference := source.get(kind):
                return self._key(resource, reference)
        return None

    def _key(self, resource: ResourceType, reference: Manifest) -> str | None:
        name, key = reference["name"], reference["key"]
        try:
            held = content(self._store, resource, self._namespace, name)
            if key not in held:
                raise ConfigurationError(
                    f"couldn't find key {key} in {resource.kind} {self._namespace}/{name}"
                )
        except ConfigurationError:
            if reference.get("optional"):
                return None
            raise
        return held[key].decode()


def _resource(container: Manifest, reference: Manifest) -> str:
    kind, _, name = reference["resource"].partition(".")
    amounts: dict[str, Any] = (container.get("resources") or {}).get(kind) or {}
    return str(amounts.get(name, "0"))
