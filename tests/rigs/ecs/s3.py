"""What S3 answers to a request that reaches the wrong place; moto serves every bucket everywhere.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
https://docs.aws.amazon.com/AmazonS3/latest/API/UsingRouting.html
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from .clock import Clock
from .errors import Answer
from .moto_backend import Moto
from .requests import ApiCall

# Regions that accounts have by default are those from before March 20, 2019:
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
OLD_REGIONS = frozenset(
    f"{area}-{number}"
    for area, numbers in {
        "us-east": (1, 2),
        "us-west": (1, 2),
        "ca-central": (1,),
        "sa-east": (1,),
        "eu-west": (1, 2, 3),
        "eu-central": (1,),
        "eu-north": (1,),
        "ap-south": (1,),
        "ap-southeast": (1, 2),
        "ap-northeast": (1, 2, 3),
    }.items()
    for number in numbers
)
GLOBAL = "us-east-1"
YOUNG_SECONDS = 24 * 3600.0
LONGEST_SIGNED = 7 * 24 * 3600
_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com"
)


@dataclass(frozen=True)
class Address:
    """Where a request went: to a region's endpoint, or (`region` None) to the global one."""

    host: str
    region: str | None


def localise(environ: dict[str, Any]) -> Address | None:
    """The address that a request has by its host, if that is one of AWS's S3.

    Changes `environ` to the path style in which moto takes it.
    """
    host = environ.get("HTTP_HOST", "").partition(":")[0]
    if not host.endswith(".amazonaws.com"):
        return None
    environ["HTTP_HOST"] = "localhost"
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    if match["bucket"]:
        for name in ("PATH_INFO", "RAW_URI", "REQUEST_URI"):
            if environ.get(name, "").startswith("/"):
                environ[name] = f"/{match['bucket']}{environ[name]}"
    return Address(host, match["region"])


class Routing:
    """Sends requests away from where their bucket isn't.

    A bucket is young for a day of the rig's clock: until then the global host doesn't lead to its
    region.
    """

    def __init__(self, moto: Moto, clock: Clock) -> None:
        self._moto = moto
        self._clock = clock
        self._made: dict[str, float] = {}
        self._signed_for: dict[str, str] = {}

    def refuse(
        self, environ: Mapping[str, Any], call: ApiCall, address: Address | None
    ) -> Answer | None:
        """The answer to a request that can't be served where it went; None for all others.

        Args:
            environ: of the request.
            call: what it asks for.
            address: where it went; None for the rig's own, which stands for the endpoint of the
                region that the request is signed for.
        """
        bucket = call.parameters.get("Bucket")
        if call.operation == "CreateBucket":
            self._made[str(bucket)] = self._clock.now()
            return None
        home = self._moto.bucket_region(bucket) if bucket else None
        if home is None:
            return None
        query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        signature = query.get("X-Amz-Signature")
        holds = not (signature and address) or self._holds_for(signature, address.host)
        refusal = self._misdirected(str(bucket), home, call, address)
        # what a signature is for is read before the signature itself is checked
        if refusal is None and call.region and call.region != home:
            refusal = _wrong_scope(call.region, home, presigned=signature is not None)
        if refusal is None and signature:
            refusal = _out_of_time(query)
        if refusal is None and not holds:
            refusal = _SIGNATURE
        return None if refusal is None else refusal.answer(environ, str(bucket), home)

    def _misdirected(
        self, bucket: str, home: str, call: ApiCall, address: Address | None
    ) -> "_Refusal | None":
        # a signature of version 2 is for no region
        region = (call.region or home) if address is None else address.region
        if region == home or (not region and home == GLOBAL):
            return None
        if home not in OLD_REGIONS or (region and region not in OLD_REGIONS):
            # github.com/boto/boto3/issues/2728 (global host) and
            # github.com/cloud-custodian/cloud-custodian/issues/8005 (another region's)
            return _Refusal(
                400,
                "IllegalLocationConstraintException",
                f"The {home} location constraint is incompatible for the region specific endpoint "
                "this request was sent to.",
            )
        if region:
            # github.com/transloadit/uppy/issues/713
            return _Refusal(
                301,
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified "
                "endpoint. Please send all future requests to this endpoint.",
            )
        if self._clock.now() - self._made.get(bucket, float("-inf")) >= YOUNG_SECONDS:
            return None
        # github.com/ansible-collections/community.aws/issues/637 and
        # github.com/cperciva/bsdec2-image-upload/issues/11
        return _Refusal(
            307,
            "TemporaryRedirect",
            "Please re-send this request to the specified temporary endpoint. Continue to use the "
            "original request endpoint for future requests.",
        )

    def _holds_for(self, signature: str, host: str) -> bool:
        """A presigned URL holds for the host that it is made for: the one that it goes to first."""
        return self._signed_for.setdefault(signature, host) == host


def _wrong_scope(signed: str, home: str, *, presigned: bool) -> "_Refusal":
    wrong = f"the region '{signed}' is wrong; expecting '{home}'"
    if presigned:
        message = f"Error parsing the X-Amz-Credential parameter; {wrong}"
        return _Refusal(400, "AuthorizationQueryParametersError", message, names_region=True)
    # github.com/aws/aws-sdk-java/issues/2601
    message = f"The authorization header is malformed; {wrong}"
    return _Refusal(400, "AuthorizationHeaderMalformed", message, names_region=True)


def _out_of_time(query: Mapping[str, str]) -> "_Refusal | None":
    """The refusal of a URL that was signed for too long, or too long ago.

    By the machine's clock, which is that of who signed it.
    """
    seconds = int(query.get("X-Amz-Expires", "0"))
    if seconds > LONGEST_SIGNED:
        # github.com/aws/aws-cli/issues/5464
        return _Refusal(
            400,
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires "
            "must be less than 604800 seconds",
        )
    signed = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    if datetime.datetime.now(datetime.UTC) > signed + datetime.timedelta(seconds=seconds):
        # github.com/aws/aws-sdk-js/issues/3493
        return _Refusal(403, "AccessDenied", "Request has expired")
    return None


@dataclass(frozen=True)
class _Refusal:
    status: int
    code: str
    message: str
    names_region: bool = False

    def answer(self, environ: Mapping[str, Any], bucket: str, home: str) -> Answer:
        headers = [("Content-Type", "application/xml"), ("x-amz-bucket-region", home)]
        members = {"Code": self.code, "Message": self.message, "Bucket": bucket}
        if self.names_region:
            members["Region"] = home
        if self.status in (301, 307):
            members["Endpoint"] = f"{bucket}.s3.{home}.amazonaws.com"
        if self.status == 307:
            path = environ.get("RAW_URI") or environ["PATH_INFO"]
            path = "/" + path.lstrip("/").partition("/")[2]
            query = environ.get("QUERY_STRING", "")
            if query and "?" not in path:
                path += f"?{query}"
            headers.append(("Location", f"https://{members['Endpoint']}{path}"))
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in members.items())
        # HEAD has no body, so that its clients have only the status and the header to go by
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else f"<Error>{inner}</Error>".encode()
        return Answer(self.status, body, headers, self.code)


# github.com/boto/boto3/issues/1982; the words: S3's list of error responses
_SIGNATURE = _Refusal(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. "
    "Check your key and signing method.",
)
