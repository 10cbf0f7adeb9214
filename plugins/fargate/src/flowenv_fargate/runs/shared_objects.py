"""Objects in S3 that runs of a cluster share: written once, and found by those that follow."""

from __future__ import annotations

import base64
import datetime
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from flowenv.plugin import seconds_since
from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.clocks import by_our_clock
from flowenv_fargate.api.refusals import AwsRefused, Kind
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.spec.shared_objects import SharedKind

KNOWN = 600.0
"""Seconds for which an object that was seen isn't asked for again by this process."""
KEPT = 24 * 3600.0
"""Seconds for which a sweep leaves alone what was written: the next run needs it."""
OLD = KEPT / 2
"""Seconds after which one is written again, so that no sweep comes between two runs of a batch."""


@dataclass(frozen=True)
class SharedObject:
    """An object as it lies in S3.

    Args:
        url: its `s3://` URL.
        name: the object's name, which says its content.
        changed: when it was written, by this machine's clock.
    """

    url: str
    name: str
    changed: datetime.datetime


class SharedObjects:
    """What this process has brought to S3, or seen there, and when.

    Args:
        aws: calls AWS.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._seen: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def bring(self, url: str, content: bytes, content_type: str) -> None:
        """See to it that an object is there.

        Args:
            url: its `s3://` URL.
            content: what it has to have.
            content_type: what that is.

        Raises:
            FlowenvError: if AWS refuses it.
        """
        with self._lock:
            lock = self._locks.setdefault(url, threading.Lock())
        with lock:  # of many runs at once, one looks
            seen = self._seen.get(url)
            if seen is not None and time.monotonic() - seen < KNOWN:
                return
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            if not self._is_there(url, digest):
                self._write(url, content, content_type, digest)
            self._seen[url] = time.monotonic()

    def remove(self, url: str) -> None:
        """Remove an object; the next run that needs it writes it again."""
        self._seen.pop(url, None)
        s3_payload.remove(self._aws, url)

    def _write(self, url: str, content: bytes, content_type: str, digest: str) -> None:
        bucket, key = s3_payload.split(url)
        parameters = {
            "Bucket": bucket,
            "Key": key,
            "Body": content,
            "ContentType": content_type,
            "ChecksumAlgorithm": "SHA256",
            "ChecksumSHA256": digest,
        }
        region = self._aws.bucket_region(bucket)
        self._aws.call("s3", "PutObject", parameters, region=region)

    def _is_there(self, url: str, digest: str) -> bool:
        """Whether S3 has that content, and not for so long that a sweep may soon remove it.

        Who may not list the bucket is told that an absent object is denied.
        """
        bucket, key = s3_payload.split(url)
        wanted = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED"}
        region = self._aws.bucket_region(bucket)
        try:
            found = self._aws.call("s3", "HeadObject", wanted, region=region)
        except AwsRefused as error:
            if error.refusal.kind in (Kind.ABSENT, Kind.DENIED):
                return False
            raise
        changed = found.get("LastModified")
        is_young = seconds_since(by_our_clock(found, changed) if changed else None) < OLD
        return is_young and found.get("ChecksumSHA256") == digest


def shared_objects(aws: Aws, folder: str, kind: SharedKind) -> Iterator[SharedObject]:
    """All of a kind that the runs of a cluster share; other objects there are left alone.

    Args:
        aws: calls AWS.
        folder: of the cluster.
        kind: which.
    """
    bucket, prefix = s3_payload.split(kind.url(folder, ""))
    for entry in s3_payload.objects_below(aws, bucket, prefix):
        name = entry["Key"].removeprefix(prefix)
        if kind.names.fullmatch(name):
            yield SharedObject(f"s3://{bucket}/{entry['Key']}", name, entry["LastModified"])
