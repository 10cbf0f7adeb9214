"""Bringing flowenv to S3: an object that is written once, and shared by all runs of a cluster."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.plugin import Secret
from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.refusals import AwsRefused, Kind
from flowenv_fargate.runs import s3_payload
from flowenv_fargate.runs.account import Account
from flowenv_fargate.spec.runtime import FOLDER, runtime_object

KNOWN = 600.0
"""Seconds for which an object that was seen isn't asked for again by this process."""
_NAME = re.compile(r"flowenv-[0-9A-Za-z.+-]+-[0-9a-f]{16}\.zip")


@dataclass(frozen=True)
class StoredRuntime:
    """flowenv as it lies in S3.

    Args:
        url: its `s3://` URL.
        name: the object's name, which says its content.
        changed: when it was written.
    """

    url: str
    name: str
    changed: datetime.datetime


def presigned_runtime(
    account: Account, runtime: Mapping[str, Any], folder: str, start_timeout: float
) -> Secret:
    """The URL from which a task fetches flowenv; nothing is sent."""
    url = runtime_object(folder, runtime["name"])
    return Secret(s3_payload.presigned(account.aws, url, start_timeout))


def bring_runtime(account: Account, runtime: Mapping[str, Any], folder: str) -> None:
    """See to it that the object is there.

    Args:
        account: whose S3.
        runtime: the finished spec's.
        folder: of the cluster.

    Raises:
        FlowenvError: if AWS refuses it.
    """
    url = runtime_object(folder, runtime["name"])
    seen = account.runtimes.get(url)
    if seen is not None and time.monotonic() - seen < KNOWN:
        return
    digest = base64.b64encode(hashlib.sha256(runtime["content"]).digest()).decode()
    if _checksum(account.aws, url) != digest:
        bucket, key = s3_payload.split(url)
        parameters = {
            "Bucket": bucket,
            "Key": key,
            "Body": runtime["content"],
            "ContentType": "application/zip",
            "ChecksumAlgorithm": "SHA256",
            "ChecksumSHA256": digest,
        }
        region = account.aws.bucket_region(bucket)
        account.aws.call("s3", "PutObject", parameters, region=region)
    account.runtimes[url] = time.monotonic()


def _checksum(aws: Aws, url: str) -> str | None:
    """What S3 says of an object's content; None if it doesn't, or there is no such object.

    Who may not list the bucket is told that an absent object is denied.
    """
    bucket, key = s3_payload.split(url)
    wanted = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED"}
    try:
        found = aws.call("s3", "HeadObject", wanted, region=aws.bucket_region(bucket))
    except AwsRefused as error:
        if error.refusal.kind in (Kind.ABSENT, Kind.DENIED):
            return None
        raise
    return found.get("ChecksumSHA256")


def stored_runtimes(aws: Aws, folder: str) -> Iterator[StoredRuntime]:
    """All that was brought for the runs of a cluster; other objects there are left alone."""
    bucket, prefix = s3_payload.split(f"{folder}/{FOLDER}/")
    for entry in s3_payload.objects_below(aws, bucket, prefix):
        name = entry["Key"].removeprefix(prefix)
        if _NAME.fullmatch(name):
            yield StoredRuntime(f"s3://{bucket}/{entry['Key']}", name, entry["LastModified"])
