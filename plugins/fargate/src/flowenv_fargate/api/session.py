"""Whose AWS is called: by given keys, a profile, a role, or what boto3 finds by itself."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass, field
from typing import Any

from flowenv.errors import PlatformUnreachable
from flowenv.plugin import Reason

_log = logging.getLogger("flowenv.fargate")


@dataclass(frozen=True)
class Access:
    """Whose AWS is called; what is None is found by boto3.

    Args:
        key_id: access key id.
        secret: secret access key.
        token: session token.
        region: the region.
        last_region: the region if boto3 finds none either.
        endpoint: URL of another AWS.
        profile: name of a profile of AWS's configuration files.
        role: ARN of a role to assume with the credentials that the others give.
    """

    key_id: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    region: str | None = None
    last_region: str | None = None
    endpoint: str | None = None
    profile: str | None = None
    role: str | None = None


def session_of(access: Access) -> Any:
    """A boto3 session; nothing is asked of AWS before its first call.

    Raises:
        PlatformUnreachable: if only one half of the credentials is given.
        Exception: what boto3 raises for a profile that isn't there and the like.
    """
    import boto3

    if bool(access.key_id) != bool(access.secret):
        raise PlatformUnreachable(
            "Only one half of the AWS credentials is given.",
            hint="Give both aws_access_key_id and aws_secret_access_key, or neither; or both "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A key is never used with another's "
            "secret.",
            reason=Reason.ACCESS_DENIED,
        )
    if access.token and not access.key_id:
        _log.warning("aws_session_token is given without its access key, so it isn't used.")
    session = boto3.Session(
        aws_access_key_id=access.key_id,
        aws_secret_access_key=access.secret,
        aws_session_token=access.token if access.key_id else None,
        region_name=access.region,
        profile_name=access.profile,
    )
    return _assuming(session, access, access.role) if access.role else session


def _assuming(session: Any, access: Access, role: str) -> Any:
    """A session with the credentials of a role, which are fetched again before they expire."""
    import boto3
    import botocore.session
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        DeferredRefreshableCredentials,
    )
    from botocore.exceptions import NoCredentialsError

    own = session.get_credentials()
    if own is None:
        raise NoCredentialsError
    region = session.region_name or access.last_region
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=functools.partial(
            session._session.create_client, region_name=region, endpoint_url=access.endpoint
        ),
        source_credentials=own,
        role_arn=role,
        extra_args={"RoleSessionName": "flowenv"},
    )
    inner = botocore.session.Session(profile=access.profile)
    inner._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return boto3.Session(botocore_session=inner, region_name=region)
