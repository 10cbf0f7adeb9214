"""Errors as AWS answers them, in the wire format of each kind of service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape


class AwsError(Exception):
    """An error answer: a code, a message, an HTTP status and further members of the error shape."""

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = dict(members or {})


@dataclass
class Answer:
    """An HTTP answer, before it is sent."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    error_code: str | None = None


def json_answer(result: Mapping[str, Any], status: int = 200) -> Answer:
    """A successful answer of a JSON service such as ECS."""
    headers = [("Content-Type", "application/x-amz-json-1.1")]
    return Answer(status, json.dumps(result).encode(), headers)


def error_answer(error: AwsError, service: str) -> Answer:
    """The error in the format in which `service` would send it."""
    if service in ("sts", "iam"):
        return _xml(error, "<ErrorResponse><Error>{}</Error></ErrorResponse>")
    if service == "ec2":
        return _xml(error, "<Response><Errors><Error>{}</Error></Errors></Response>")
    if service == "s3":
        return _xml(error, "<Error>{}</Error>")
    answer = json_answer(
        {"__type": error.code, "message": error.message, **error.members}, error.status
    )
    answer.error_code = error.code
    return answer


def _xml(error: AwsError, frame: str) -> Answer:
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    return Answer(
        error.status, frame.format(inner).encode(), [("Content-Type", "text/xml")], error.code
    )
