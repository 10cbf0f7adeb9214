"""A run's payload in a store, and who may remove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.plugin import storage
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS
from flowenv_k8s.spec.labels import run_of, selector


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
