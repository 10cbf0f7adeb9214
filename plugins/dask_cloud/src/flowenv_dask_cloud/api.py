"""Calls to AWS: clients, and what AWS refuses. Nothing else of this backend imports botocore."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

_MAY_PASS = re.compile(
    r"throttl|rate exceeded|too many|limit ?exceeded|ServerException|ServiceUnavailable"
    # what dask-cloudprovider has made a moment ago isn't known everywhere at once
    r"|assume|security group",
    re.IGNORECASE,
)


def clients(**options: Any) -> Callable[[str], Any]:
    """A function that gives the client of a service.

    Args:
        **options: of each client, such as `region_name`; with None botocore finds out itself.
    """
    import botocore.session

    session: Any = botocore.session.get_session()
    return functools.cache(lambda service: session.create_client(service, **options))


def may_pass(code: str, message: str, http_status: int = 400) -> bool:
    """True if a call that AWS refuses may succeed when it is repeated.

    >>> may_pass("InvalidParameterException", "Error retrieving subnets: Rate exceeded")
    True
    >>> may_pass("AccessDeniedException", "not authorized to perform: ecs:RunTask")
    False
    """
    return http_status >= 500 or bool(_MAY_PASS.search(f"{code} {message}"))


def refused() -> type[Exception]:
    """What botocore raises when AWS answers with an error."""
    from botocore.exceptions import ClientError

    return ClientError


def any_error() -> tuple[type[Exception], ...]:
    """The same, and what botocore raises when it gets no answer or can't even ask.

    That is also whatever reading the files and running the programs raises which credentials
    come from, and a proxy's page in place of an answer.
    """
    from botocore.exceptions import BotoCoreError
    from botocore.parsers import ResponseParserError

    return BotoCoreError, refused(), ResponseParserError, OSError, ValueError


def code_of(error: Exception) -> str:
    """The code of an AWS error."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


class Refused(BaseException):
    """AWS's words; no Exception, because dask-cloudprovider repeats its calls after any."""


@contextlib.asynccontextmanager
async def refusing(client: Callable[[str], Any], service: str) -> AsyncIterator[Any]:
    """A client of an AWS service within whose block a lasting refusal is final."""
    from botocore.exceptions import ClientError, ParamValidationError

    async with client(service) as made:
        try:
            yield made
        except ParamValidationError as error:
            raise Refused(error) from error
        except ClientError as error:
            message = error.response.get("Error", {}).get("Message", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            if may_pass(code_of(error), message, status):
                raise
            raise Refused(error) from error
