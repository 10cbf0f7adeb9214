"""What a run makes, each once: an object that is there already may be another's.

So may a stored payload that a Job's marks lead to.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.errors import RunConflict
from flowenv.plugin import storage
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.refusals import Refused
from flowenv_k8s.api.resources import JOBS, Resource
from flowenv_k8s.spec.labels import run_of, selector


def create_once(client: Client, resource: Resource, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Create an object that has an owner, and return it as the cluster has it.

    A request whose answer was lost is sent again, and finds what the first one made. Names can be
    guessed and labels copied, so that counts only with the right owner and content.

    Raises:
        RunConflict: if somebody else has made one of that name.
        FlowenvError: if the cluster refuses it.
    """
    metadata = manifest["metadata"]
    try:
        return client.create(resource, dict(manifest))
    except Refused as refused:
        found = client.get(resource, metadata["namespace"], metadata["name"])
        if found is not None and is_the_same(found, manifest):
            return found
        raise RunConflict(
            f"The {resource.kind} {metadata['name']} in the namespace {metadata['namespace']} is "
            "already there and isn't this run's.",
            hint="Somebody else took the name; the run is taken back. Submit it again.",
        ) from refused


def is_the_same(found: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    """Whether an object that is there is the one that was to be made, by owner and content."""
    return _owners(found) == _owners(manifest) and _content(found) == _content(manifest)


def is_owned_by(found: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    """Whether an object has that owner, and nobody else's word is taken for it.

    Args:
        found: the object.
        owner: an ownerReference.
    """
    return str(owner["uid"]) in _owners(found)


def _owners(manifest: Mapping[str, Any]) -> set[str]:
    return {str(one.get("uid")) for one in manifest["metadata"].get("ownerReferences") or ()}


def _content(manifest: Mapping[str, Any]) -> Any:
    texts = (manifest.get("stringData") or {}).items()
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in texts}
    data = {**(manifest.get("data") or {}), **encoded}
    kind = manifest.get("type", "Opaque"), bool(manifest.get("immutable"))
    return data, kind, _without_defaults(manifest.get("spec"))


def _without_defaults(value: Any) -> Any:
    """A spec without what the API server adds: a port's protocol."""
    if isinstance(value, Mapping):
        return {
            key: _without_defaults(one)
            for key, one in value.items()
            if (key, one) != ("protocol", "TCP")
        }
    return [_without_defaults(one) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class StoredPayload:
    """The payload that a Job says is its run's.

    Labels can be copied: by them alone a Job could have another run's payload removed.

    Args:
        url: where it is.
        run_id: the run.
        namespace: the Job's namespace.
        uid: its UID.
        is_own: True if this process has written it.
    """

    url: str
    run_id: str
    namespace: str
    uid: str
    is_own: bool

    @classmethod
    def of(
        cls, job: Mapping[str, Any], url: str | None, *, is_own: bool = False
    ) -> StoredPayload | None:
        """The payload of a Job's run, if it has one at a URL.

        Args:
            job: the Job.
            url: where; None if it has none there.
            is_own: as above.
        """
        metadata = job["metadata"]
        return (
            cls(url, run_of(job), metadata["namespace"], metadata["uid"], is_own) if url else None
        )

    def is_claimed_once(self, client: Client) -> bool:
        """Whether no other Job says that it is the run; one look, if this process can't know.

        Args:
            client: the connection.

        Raises:
            PlatformError: if the Jobs can't be listed.
        """
        if self.is_own:
            return True
        found, _ = client.list(JOBS, self.namespace, labels=selector(run_id=self.run_id))
        return all(one["metadata"]["uid"] == self.uid for one in found)

    def remove(self) -> None:
        """Remove it; one that is gone is no error."""
        storage.remove(self.url)
