"""What boto3 raises, as one of flowenv's errors."""

from __future__ import annotations

from typing import Any

from flowenv.errors import PlatformError, PlatformUnreachable, SpecError
from flowenv.plugin import Reason
from flowenv_fargate.api.refusals import Refusal

_CREDENTIALS_HINT = "Pass keys, set AWS_ACCESS_KEY_ID and its fellows, or log in with AWS's tools."


class Unanswered(PlatformUnreachable):
    """A call was made, and its answer never came."""


def headers_of(answer: dict[str, Any]) -> dict[str, str]:
    """The headers of an answer, in lower case."""
    return answer.get("ResponseMetadata", {}).get("HTTPHeaders") or {}


def check_is_answer(operation: str, answer: dict[str, Any]) -> None:
    """Check that it was AWS that answered: boto3 takes a page for people for an empty answer.

    Raises:
        Unanswered: if it was a proxy or a portal.
    """
    headers = headers_of(answer)
    is_html = headers.get("content-type", "").lower().startswith("text/html")
    code = str(answer.get("Error", {}).get("Code", ""))
    # emulators call all that they say HTML; but of theirs boto3 can read something
    unread = code.isdigit() if "Error" in answer else set(answer) <= {"ResponseMetadata"}
    length = headers.get("content-length", "")
    is_empty = length.isdigit() and int(length) <= len("{}")
    if is_html and unread and not is_empty and not operation.startswith("Head"):
        raise _page(operation)


def _page(operation: str) -> Unanswered:
    return Unanswered(
        f"AWS gave no answer to {operation}: a web page came in its place.",
        hint="Something between here and AWS answers, such as a proxy that wants a login: check "
        "HTTPS_PROXY, the network, and the endpoint URL.",
    )


def vendor_error(operation: str, error: Exception) -> PlatformError | SpecError:
    """What boto3 raised as one of ours.

    Args:
        operation: what was asked for, such as `RunTask`.
        error: the exception.
    """
    from botocore import exceptions, parsers

    if isinstance(error, PlatformError | SpecError):
        return error
    if isinstance(error, exceptions.ClientError):
        return _refusal(operation, error)
    if isinstance(error, exceptions.ParamValidationError):
        # its text shows values, which may be secrets
        return SpecError(f"boto3 refuses the parameters of {operation}.")
    if isinstance(error, exceptions.NoRegionError):
        return PlatformUnreachable(
            "No AWS region is known.",
            hint="Pass region_name, or set REGION_NAME, AWS_DEFAULT_REGION or AWS_REGION.",
        )
    if isinstance(error, parsers.ResponseParserError):
        return _page(operation)
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return Unanswered(
            f"AWS gave no answer to {operation}: {error}",
            hint="Check the network, the region and the endpoint URL.",
        )
    return _of_credentials(error) or PlatformUnreachable(f"boto3 can't call {operation}: {error}")


def _of_credentials(error: Exception) -> PlatformUnreachable | None:
    """What is wrong with the credentials that boto3 looks for; None if it isn't them."""
    from botocore import exceptions

    if isinstance(error, exceptions.ProfileNotFound):
        return _unusable(
            error, "Check AWS_PROFILE or profile_name; `aws configure list-profiles` lists them."
        )
    if isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.CredentialRetrievalError
        | exceptions.ConfigParseError
        | exceptions.InvalidConfigError
        | exceptions.InfiniteLoopConfigError
        | exceptions.UnknownCredentialError
        | exceptions.MetadataRetrievalError
        | exceptions.NoAuthTokenError
        | exceptions.SSOError
        | exceptions.TokenRetrievalError,
    ):
        return _unusable(error, _CREDENTIALS_HINT)
    if isinstance(error, OSError | ValueError | KeyError):
        # of the files and programs that credentials come from; boto3 lets these through
        return _unusable(
            error,
            "A file or program that they come from can't be read or run: check credential_process "
            "in AWS's configuration, AWS_WEB_IDENTITY_TOKEN_FILE and "
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.",
        )
    return None


def _unusable(error: Exception, hint: str) -> PlatformUnreachable:
    said = str(error).rstrip(".") or type(error).__name__
    return PlatformUnreachable(
        f"No usable AWS credentials were found: {said}.", hint=hint, reason=Reason.ACCESS_DENIED
    )


def _refusal(operation: str, error: Any) -> PlatformError:
    answer = error.response
    # boto3 may have called another one first, to get credentials
    operation = str(getattr(error, "operation_name", "") or operation)
    try:
        check_is_answer(operation, answer)
    except Unanswered as page:
        return page
    details = answer.get("Error", {})
    return Refusal(
        operation,
        str(details.get("Code", "Unknown")),
        str(details.get("Message", "")),
        int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 400),
        tuple(answer.get("resourceIds") or ()),
    ).error()
