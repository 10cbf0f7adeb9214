"""Variables of containers as Kubernetes takes them; secret ones go to the run's Secret."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

from flowenv.errors import SpecError
from flowenv.plugin import Merged, Process, Secret, SecretDocument, Target, revealed

_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
"""What Kubernetes replaces in a variable's value: `$(NAME)`, and `$$` for a dollar sign
(https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/)."""
_BEGINS_REFERENCE = re.compile(r"\$(?=[$(])")


class SecretEntries:
    """What goes into a run's one Secret: secret variables, and files.

    Args:
        name: the Secret's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, bytes] = {}
        self._variables: dict[str, Secret] = {}

    @classmethod
    def of(cls, secret: Mapping[str, Any]) -> SecretEntries:
        """The entries of a Secret's manifest, to which more can be added."""
        entries = cls(secret["metadata"]["name"])
        entries._variables = dict(secret.get("stringData") or {})
        entries.files = dict(secret.get("data") or {})
        return entries

    def __bool__(self) -> bool:
        return bool(self.files or self._variables)

    def add_file(self, name: str, content: bytes) -> None:
        """Add a file; the flow's container finds it by that name."""
        self.files[name] = content

    def reference(self, variable: str, value: Secret, container: str) -> dict[str, Any]:
        """Add a variable's value, and return the `valueFrom` that refers to it.

        A `Secret(reference="name/key")` refers to a Secret that is there already.

        Raises:
            SpecError: if the reference is none that Kubernetes can resolve.
        """
        if value.reference is not None:
            name, slash, key = value.reference.partition("/")
            if not (name and slash and key) or "/" in key:
                raise SpecError(
                    f"The variable {variable} refers to {value.reference!r}, which is no Secret "
                    "of Kubernetes.",
                    hint='A reference is "SECRET/KEY": a Secret of the namespace, and a key in it.',
                )
            return {"secretKeyRef": {"name": name, "key": key}}
        return {"secretKeyRef": {"name": self.name, "key": self._key(variable, value, container)}}

    def _key(self, variable: str, value: Secret, container: str) -> str:
        plain = variable if _KEY.fullmatch(variable) else re.sub(r"[^-._a-zA-Z0-9]", "_", variable)
        for key in (plain, f"{container}.{plain}", f"{container}.{len(self._variables)}"):
            if key not in self.files and self._variables.setdefault(key, value) == value:
                return key
        raise SpecError(f"There is no key in the Secret for the variable {variable}.")

    def manifest(self, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
        """The Secret's manifest; its values are masked until it is sent."""
        values: dict[str, Any] = dict(self._variables)
        binary: dict[str, bytes] = {}
        for name, content in self.files.items():
            try:
                values[name] = SecretDocument(content.decode())
            except UnicodeDecodeError:
                binary[name] = content
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self.name, "namespace": namespace, "labels": dict(labels)},
            "type": "Opaque",
            **({"stringData": values} if values else {}),
            **({"data": binary} if binary else {}),
        }


def container_env(
    container: dict[str, Any],
    process: Process,
    target: Target,
    secrets: SecretEntries,
    own: Mapping[str, str] | None = None,
    last: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Set a container's `env`: its own entries merged with the layers for its target.

    Args:
        container: the container, as it is built; changed in place.
        process: whose variables are merged.
        target: which kind of container it is.
        secrets: where secret values go.
        own: variables that tell flowenv's process where things are.
        last: further entries, which win over all others.
    """
    merged = process.variables.merge(container.get("env") or (), target, container["name"])
    entries: dict[str, dict[str, Any]] = {}
    for entry in merged:
        if entry.reference is not None:
            entries[entry.name] = {"name": entry.name, "valueFrom": entry.reference}
        elif isinstance(entry.value, Secret):
            reference = secrets.reference(entry.name, entry.value, container["name"])
            entries[entry.name] = {"name": entry.name, "valueFrom": reference}
        else:
            text = entry.value or ""
            entries[entry.name] = {
                "name": entry.name,
                "value": text if entry.from_file else literal(text),
            }
    further = [{"name": name, "value": literal(value)} for name, value in (own or {}).items()]
    for one in (*further, *last):
        entries[one["name"]] = dict(one)
    noted = {**(own or {}), **{one["name"]: one.get("value", one.get("valueFrom")) for one in last}}
    process.variables.note_own(noted, target)
    container["env"] = list(entries.values())


def literal(text: str) -> str:
    """A value written so that it arrives as it is, whatever Kubernetes would read in it.

    >>> literal("a$b"), literal("a$$b"), literal("$(HOME)")
    ('a$b', 'a$$$b', '$$(HOME)')
    """
    return _BEGINS_REFERENCE.sub("$$", text)


def expanded(merged: Merged, values: Mapping[str, str]) -> dict[str, str]:
    """The values as a container sees them: those of the user's file refer to what comes before.

    Args:
        merged: the container's variables.
        values: their values in the clear, as far as they are known.
    """
    seen: dict[str, str] = {}
    for entry in merged:
        if (value := values.get(entry.name)) is not None:
            seen[entry.name] = _resolved(value, seen) if entry.from_file else value
    return seen


def _resolved(text: str, known: Mapping[str, str]) -> str:
    def replaced(found: re.Match[str]) -> str:
        return "$" if found[1] is None else known.get(found[1], found[0])

    return _REFERENCE.sub(replaced, text)


def secret_manifest(secret: Mapping[str, Any]) -> dict[str, Any]:
    """The Secret as it is sent: values in the clear, binary files as base64."""
    texts = revealed(secret.get("stringData") or {})
    binary = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in (secret.get("data") or {}).items()
    }
    made = {**secret, "stringData": texts, "data": binary}
    return {name: value for name, value in made.items() if value not in ({}, None)}
