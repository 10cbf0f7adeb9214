"""Payloads that are too large for a run's overrides: objects in S3, read by a presigned URL."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flowenv.plugin import payload_object
from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.clocks import by_our_clock

_MARGIN = 3600
"""Seconds for which a URL works beyond the time in which the task must have started."""
_LONGEST = 7 * 24 * 3600
"""The most seconds for which S3 takes a presigned URL."""


@dataclass(frozen=True)
class StoredPayload:
    """A payload that lies in S3.

    Args:
        url: its `s3://` URL.
        run_id: the run that it is for.
        changed: when it was written.
    """

    url: str
    run_id: str
    changed: datetime.datetime


def split(url: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URL.

    >>> split("s3://bucket/flows/run.json")
    ('bucket', 'flows/run.json')
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def folder(place: str, arn: str, cluster: str) -> str:
    """Where below `payload_url` the payloads of one cluster's runs are, and nobody else's.

    Args:
        place: the `payload_url`.
        arn: of anything in the cluster's account and region.
        cluster: name or ARN.

    >>> folder("s3://bucket/flows/", "arn:aws:ecs:eu-west-1:123456789012:task/flows/1", "flows")
    's3://bucket/flows/fargate/123456789012/eu-west-1/flows'
    """
    region, account = arn.split(":")[3:5]
    return f"{place.rstrip('/')}/fargate/{account}/{region}/{cluster.rpartition('/')[2]}"


def presigned(aws: Aws, url: str, start_timeout: float) -> str:
    """A URL with which the task reads an object; nothing is sent."""
    bucket, key = split(url)
    return aws.presigned_get(bucket, key, min(int(start_timeout) + _MARGIN, _LONGEST))


def store(aws: Aws, url: str, content: bytes) -> None:
    """Write a payload. It is encrypted as the bucket says."""
    bucket, key = split(url)
    parameters: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": content}
    parameters["ContentType"] = "application/json"
    aws.call("s3", "PutObject", parameters, region=aws.bucket_region(bucket))


def remove(aws: Aws, url: str) -> None:
    """Remove a payload; one that isn't there is no error."""
    bucket, key = split(url)
    parameters = {"Bucket": bucket, "Key": key}
    aws.call("s3", "DeleteObject", parameters, region=aws.bucket_region(bucket))


def stored(aws: Aws, place: str) -> Iterator[StoredPayload]:
    """The payloads right below a place; other objects there are left alone."""
    bucket, prefix = split(place.rstrip("/") + "/")
    for entry in objects_below(aws, bucket, prefix):
        name = entry["Key"].removeprefix(prefix)
        try:
            run_id = str(uuid.UUID(name.removesuffix(".payload.json")))
        except ValueError:
            continue
        url = f"s3://{bucket}/{entry['Key']}"
        if url == payload_object(place, run_id):
            yield StoredPayload(url, run_id, entry["LastModified"])


def objects_below(aws: Aws, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """All objects whose keys begin so, as S3 lists them, but changed by this machine's clock."""
    region = aws.bucket_region(bucket)
    wanted: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        answer = aws.call("s3", "ListObjectsV2", wanted, region=region)
        for entry in answer.get("Contents") or []:
            yield {**entry, "LastModified": by_our_clock(answer, entry["LastModified"])}
        if not answer.get("IsTruncated"):
            return
        wanted["ContinuationToken"] = answer["NextContinuationToken"]
