"""Calls to AWS: where the exceptions of boto3 end."""

from __future__ import annotations

import re
import threading
from typing import Any

from flowenv.plugin import RateLimit, Retries, TryAgain
from flowenv_fargate.api.refusals import AwsBusy, AwsRefused, Kind, Refusal
from flowenv_fargate.api.session import Access, session_of
from flowenv_fargate.api.vendor_errors import (
    Unanswered,
    check_is_answer,
    headers_of,
    vendor_error,
)

_CONNECTIONS = 50
REGION_HEADER = "x-amz-bucket-region"
_AWS_HOST = re.compile(r"\.amazonaws\.com(\.cn)?$")
_REGIONAL: Any = {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
_RATES = {"RunTask": (20, 100), "RegisterTaskDefinition": (1, 20), "GetLogEvents": (25, 25)}
"""Calls a second, and at once after a while without: what AWS grants an account by default."""
RETRIES = Retries(tries=8, first=0.3, longest=8.0)


class Aws:
    """Calls AWS, tries again where that helps, and raises flowenv's errors only.

    Args:
        access: whose AWS.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._lock = threading.RLock()
        self._session: Any = None
        self._bucket_regions: dict[str, str | None] = {}
        self.retries = RETRIES
        self._limits = {name: RateLimit(*rate) for name, rate in _RATES.items()}

    @property
    def region(self) -> str:
        """The region that calls go to.

        Raises:
            PlatformUnreachable: if nobody says which.
        """
        return str(self._client("ecs", None).meta.region_name)

    def call(
        self,
        service: str,
        operation: str,
        parameters: dict[str, Any] | None = None,
        *,
        region: str | None = None,
        tries: int | None = None,
    ) -> dict[str, Any]:
        """Make one call, and again while AWS is busy or doesn't answer.

        Args:
            service: boto3's name of the service, such as `ecs`.
            operation: the operation's name in the API, such as `RunTask`.
            parameters: what is sent, without Secrets.
            region: another one than usual.
            tries: how often at most; by default as `RETRIES` says.

        Raises:
            AwsRefused: if AWS refuses it.
            AwsBusy: if AWS stays busy.
            PlatformUnreachable: if there is no answer, or no credentials.
        """

        def attempt() -> dict[str, Any]:
            try:
                return self._once(service, operation, parameters or {}, region)
            except (AwsBusy, Unanswered) as error:
                raise TryAgain(error, tries=tries) from error.__cause__
            except AwsRefused as error:
                if error.refusal.kind is Kind.EXPIRED:
                    # credentials of a file or a role may have been replaced meanwhile
                    raise TryAgain(error, renew=self._renew) from error.__cause__
                raise

        return self.retries.call(attempt)

    def _once(
        self, service: str, operation: str, parameters: dict[str, Any], region: str | None
    ) -> dict[str, Any]:
        from botocore import xform_name

        client = self._client(service, region)
        if limit := self._limits.get(operation):
            limit.wait()
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
            check_is_answer(operation, answer)
            return answer
        except Exception as error:  # boto3 raises whatever finding credentials raises
            raise vendor_error(operation, error) from error

    def presigned_get(self, bucket: str, key: str, seconds: int) -> str:
        """A URL that reads an S3 object without credentials, for so many seconds.

        It holds only at the endpoint of the bucket's own region.
        """
        parameters = {"Bucket": bucket, "Key": key}
        client = self._client("s3", self.bucket_region(bucket))
        try:
            return str(client.generate_presigned_url("get_object", parameters, ExpiresIn=seconds))
        except Exception as error:
            raise vendor_error("a presigned URL", error) from error

    def bucket_region(self, bucket: str) -> str | None:
        """The region of a bucket, which S3 names even to those who may not list it.

        None if it doesn't say, as with an emulator.

        Raises:
            AwsRefused: if there is no such bucket.
            PlatformError: if there is no answer.
        """
        if bucket not in self._bucket_regions:
            try:
                headers = headers_of(self.call("s3", "HeadBucket", {"Bucket": bucket}))
            except AwsRefused as error:
                if error.refusal.kind is Kind.ABSENT:  # its answer to HEAD has no words
                    words = f"There is no bucket {bucket}."
                    raise Refusal("HeadBucket", "NoSuchBucket", words).error() from error
                headers = headers_of(getattr(error.__cause__, "response", {}))
                if REGION_HEADER not in headers:
                    raise
            self._bucket_regions[bucket] = headers.get(REGION_HEADER)
        return self._bucket_regions[bucket]

    def _client(self, service: str, region: str | None) -> Any:
        key = (service, region)
        if key not in self._clients:
            with self._lock:
                if key not in self._clients:
                    self._clients[key] = self._make_client(service, region)
        return self._clients[key]

    def _make_client(self, service: str, region: str | None) -> Any:
        from botocore.config import Config

        access = self.access
        # tries are counted here, not in boto3 as well; presigned URLs need the newer signature
        config = Config(
            retries={"total_max_attempts": 1},
            max_pool_connections=_CONNECTIONS,
            connect_timeout=10,
            read_timeout=60,
            signature_version="s3v4" if service == "s3" else None,
        )
        try:
            if self._session is None:
                self._session = session_of(access)
            region = region or self._session.region_name or access.last_region
            make: Any = self._session.client
            where = {"region_name": region, "endpoint_url": access.endpoint}
            client = make(service, **where, config=config)
            if service == "s3" and _AWS_HOST.search(str(client.meta.endpoint_url)):
                # the global host of AWS can't be used in regions that are younger than 2019
                client = make(service, **where, config=config.merge(Config(s3=_REGIONAL)))
            return client
        except Exception as error:
            raise vendor_error(f"a client for {service}", error) from error

    def _renew(self) -> None:
        with self._lock:
            self._session = None
            self._clients.clear()
