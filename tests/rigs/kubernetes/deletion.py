"""How objects go: gracefully, after their finalizers, and together with what they own."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from rigs.kubernetes.faults import Fault, Faults
from rigs.kubernetes.objects import Manifest, owner_uids, timestamp
from rigs.kubernetes.resources import EVENT, NAMESPACE, POD
from rigs.kubernetes.status import bad_request, conflict, success
from rigs.kubernetes.store import Change, Key, Store

FOREGROUND_FINALIZER = "foregroundDeletion"
_POLICIES = ("Orphan", "Background", "Foreground")
_DEFAULT_GRACE_SECONDS = 30


@dataclass(frozen=True)
class DeleteOptions:
    """What a request to delete says.

    Args:
        propagation: what becomes of dependents; None is the resource type's default.
        grace_seconds: how long a pod's containers get; None is what the pod's manifest says.
        uid: refuse to delete an object with another UID.
        version: refuse to delete it if it has changed since it had this resourceVersion.
    """

    propagation: str | None = None
    grace_seconds: int | None = None
    uid: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if self.propagation is not None and self.propagation not in _POLICIES:
            raise bad_request(f"invalid propagationPolicy: {self.propagation!r}")


class Deleter:
    """Deletes objects, and is the garbage collector of those whose owner has gone.

    Args:
        store: where the objects are.
        later: calls a function soon, after what is under way now.
        faults: where ``collector_slow`` comes from: a busy cluster's collector takes seconds.
    """

    def __init__(
        self, store: Store, later: Callable[[Callable[[], None]], object], faults: Faults
    ) -> None:
        self._store = store
        self._later = later
        self._faults = faults
        self._uncollected: list[Key] = []
        store.listen(self._collect)
        faults.listen("outage", self._collector_changed)

    def delete(self, key: Key, options: DeleteOptions | None = None) -> Manifest:
        """Delete an object, or mark it as being deleted.

        Returns:
            the object if it is still there (or a pod), else a ``Status`` object of success.

        Raises:
            ApiError: 404; 409 if the UID or the version is another one.
        """
        options = options or DeleteOptions()
        found = self._store.get(key)
        uid = found["metadata"]["uid"]
        if options.uid and options.uid != uid:
            why = (
                f"Precondition failed: UID in precondition: {options.uid}, "
                f"UID in object meta: {uid}"
            )
            raise conflict(key.resource, key.name, why)
        version = found["metadata"]["resourceVersion"]
        if options.version and options.version != version:
            why = (
                f"Precondition failed: ResourceVersion in precondition: {options.version}, "
                f"ResourceVersion in object meta: {version}"
            )
            raise conflict(key.resource, key.name, why)
        if key.resource == NAMESPACE:
            return self._delete_namespace(key)
        policy = options.propagation or _default_policy(key)
        if policy == "Orphan":
            self._orphan_dependents(uid)
        elif policy == "Foreground" and self._store.dependents(uid):
            self._add_finalizer(key, FOREGROUND_FINALIZER)
        grace = _grace_seconds(found, options) if key.resource == POD else 0
        self._mark(key, grace)
        for dependent in self._store.dependents(uid) if policy == "Foreground" else ():
            self._delete_if_there(dependent)
        if grace == 0:
            self.finish(key)
        left = self._store.find(key)
        if left is None and key.resource != POD:
            return success(key.resource, key.name, uid)
        return left or found

    def finish(self, key: Key) -> None:
        """Remove an object that is being deleted, unless something still holds it."""
        found = self._store.find(key)
        if found is None or "deletionTimestamp" not in found["metadata"]:
            return
        waits_for_grace = found["metadata"].get("deletionGracePeriodSeconds", 0) > 0
        if not found["metadata"].get("finalizers") and not waits_for_grace:
            self._store.remove(key)

    def release_pod(self, key: Key, uid: str) -> None:
        """Remove a pod whose containers have ended; for the kubelet."""
        found = self._store.find(key)
        if found is None or found["metadata"]["uid"] != uid:
            return
        if "deletionTimestamp" in found["metadata"]:
            self._store.set_metadata(key, deletionGracePeriodSeconds=0)
            self.finish(key)

    def _mark(self, key: Key, grace: int) -> None:
        metadata = self._store.get(key)["metadata"]
        pending = metadata.get("deletionGracePeriodSeconds")
        if "deletionTimestamp" in metadata and (pending is None or grace >= pending):
            return
        if not metadata.get("finalizers") and grace == 0:
            # Goes at once: watchers hear of the deletion only.
            self._store.remove(key)
            return
        moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=grace)
        self._store.set_metadata(
            key, deletionTimestamp=timestamp(moment), deletionGracePeriodSeconds=grace
        )

    def _add_finalizer(self, key: Key, finalizer: str) -> None:
        finalizers = self._store.get(key)["metadata"].get("finalizers") or []
        if finalizer not in finalizers:
            self._store.set_metadata(key, finalizers=[*finalizers, finalizer])

    def _orphan_dependents(self, uid: str) -> None:
        for dependent in self._store.dependents(uid):
            manifest = self._store.get(dependent)
            references = manifest["metadata"].get("ownerReferences") or []
            others = [reference for reference in references if reference["uid"] != uid]
            self._store.set_metadata(dependent, ownerReferences=others or None)

    def _collect(self, change: Change) -> None:
        """React to a change: whose owner has gone goes too."""
        if change.kind == "ADDED" and owner_uids(change.object):
            self._later(lambda: self._delete_without_owners(change.key))
        elif change.kind == "DELETED":
            uid = change.object["metadata"]["uid"]
            for dependent in self._store.dependents(uid):
                self._later(lambda key=dependent: self._delete_without_owners(key))  # type: ignore[misc]
            for owner in owner_uids(change.object):
                self._later(lambda uid=owner: self._finish_foreground(uid))  # type: ignore[misc]
            if change.key.namespace:
                self._later(lambda: self._finish_namespace(change.key.namespace))

    def _delete_namespace(self, key: Key) -> Manifest:
        """Mark a namespace as terminating; it goes when nothing is left in it."""
        if "deletionTimestamp" not in self._store.get(key)["metadata"]:
            self._store.set_metadata(key, deletionTimestamp=timestamp())
            self._store.set_status(key, phase="Terminating")
            for held in list(self._store.keys_in(key.name)):
                self._later(lambda key=held: self._delete_if_there(key))  # type: ignore[misc]
            self._later(lambda: self._finish_namespace(key.name))
        return self._store.get(key)

    def _finish_namespace(self, name: str) -> None:
        key = Key(NAMESPACE, "", name)
        found = self._store.find(key)
        if found is None or "deletionTimestamp" not in found["metadata"]:
            return
        left = list(self._store.keys_in(name))
        if all(held.resource == EVENT for held in left):
            for held in left:  # of what happened while the rest went
                self._store.remove(held)
            if self._store.find(key) is not None:
                self._store.remove(key)

    def _collector_changed(self, fault: Fault, injected: bool) -> None:
        if fault.kind.name == "collector_slow" and not injected:
            for key in self._uncollected:
                self._later(lambda key=key: self._delete_without_owners(key))  # type: ignore[misc]
            self._uncollected = []

    def _delete_without_owners(self, key: Key) -> None:
        if self._faults.has("collector_slow"):
            self._uncollected.append(key)
            return
        manifest = self._store.find(key)
        if manifest is None:
            return
        uids = owner_uids(manifest)
        if uids and not any(self._is_solid_owner(uid, key) for uid in uids):
            self._delete_if_there(key)

    def _is_solid_owner(self, uid: str, dependent: Key) -> bool:
        """Whether an owner is there, and isn't waiting for its dependents to go."""
        owner = self._store.key_of_uid(uid)
        if owner is None or owner.namespace not in ("", dependent.namespace):
            return False
        return FOREGROUND_FINALIZER not in (
            self._store.get(owner)["metadata"].get("finalizers") or []
        )

    def _dependents(self, uid: str) -> list[Manifest]:
        return [self._store.get(key) for key in self._store.dependents(uid)]

    @staticmethod
    def _blocks(dependent: Manifest, owner_uid: str) -> bool:
        references = dependent["metadata"].get("ownerReferences") or []
        return any(one["uid"] == owner_uid and one.get("blockOwnerDeletion") for one in references)

    def _delete_if_there(self, key: Key) -> None:
        if self._store.find(key) is not None:
            self.delete(key, DeleteOptions("Background"))

    def _finish_foreground(self, owner_uid: str) -> None:
        key = self._store.key_of_uid(owner_uid)
        if key is None or any(self._blocks(one, owner_uid) for one in self._dependents(owner_uid)):
            return
        finalizers = self._store.get(key)["metadata"].get("finalizers") or []
        if FOREGROUND_FINALIZER in finalizers:
            others = [item for item in finalizers if item != FOREGROUND_FINALIZER]
            self._store.set_metadata(key, finalizers=others or None)
            self.finish(key)


def _default_policy(key: Key) -> str:
    """Return the default policy: a Job deleted without one leaves its pods behind.

    As in ``pkg/registry/batch/job/strategy.go`` (``DefaultGarbageCollectionPolicy``), which keeps
    what batch/v1 has always done.
    """
    return "Orphan" if key.resource.qualified_name == "jobs.batch" else "Background"


def _grace_seconds(pod: Manifest, options: DeleteOptions) -> int:
    """Return the grace that a pod gets: none if it was never scheduled, or has ended."""
    if not pod["spec"].get("nodeName"):
        return 0
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if options.grace_seconds is not None:
        return options.grace_seconds
    return int(pod["spec"].get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS))
