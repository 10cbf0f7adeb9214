"""What the API server answers when it refuses a request: a ``Status`` object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rigs.kubernetes.resources import ResourceType


class ApiError(Exception):
    """A refusal, with everything that its ``Status`` object says.

    Args:
        code: HTTP status code.
        reason: machine-readable word, such as ``NotFound``.
        message: sentence for people, as the real API server words it.
        details: further fields of the ``Status`` object.
        headers: headers of the HTTP answer.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the ``Status`` object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def success(resource: ResourceType, name: str, uid: str) -> dict[str, Any]:
    """Return the ``Status`` object that says that a deletion was done."""
    details = {"name": name, "group": resource.group, "kind": resource.plural, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def not_found(resource: ResourceType, name: str) -> ApiError:
    """404 for an object that isn't there."""
    message = f'{resource.qualified_name} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(resource, name))


def no_such_path() -> ApiError:
    """404 for a path or a resource type that the server doesn't know."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: ResourceType, name: str) -> ApiError:
    """409 for a name that is taken."""
    message = f'{resource.qualified_name} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: ResourceType, name: str, why: str | None = None) -> ApiError:
    """409 for a write based on an old version of the object (or on another precondition)."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    message = f'Operation cannot be fulfilled on {resource.qualified_name} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(resource, name))


def invalid(resource: ResourceType, name: str, *causes: tuple[str, str, str]) -> ApiError:
    """422 with its causes, each ``(field, reason, message)``."""
    listed = [f"{field}: {message}" for field, _, message in causes]
    problems = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = {
        **_details(resource, name),
        "kind": resource.kind,
        "causes": [
            {"reason": reason, "message": message, "field": field}
            for field, reason, message in causes
        ],
    }
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {problems}', details)


def bad_request(message: str) -> ApiError:
    """400 for a request that can't be understood."""
    return ApiError(400, "BadRequest", message)


def number(text: str) -> int:
    """Return the number that a parameter of a request stands for.

    Raises:
        ApiError: 400, it isn't one.
    """
    if not text.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def unauthorized() -> ApiError:
    """401 for a token that isn't valid."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(
    resource: ResourceType, verb: str, user: str, namespace: str, name: str, subresource: str
) -> ApiError:
    """403 for a verb that the user may not use on a resource."""
    path = f"{resource.plural}/{subresource}" if subresource else resource.plural
    subject = f'{resource.qualified_name} "{name}"' if name else resource.qualified_name
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{path}" '
        f'in API group "{resource.group}" {where}'
    )
    return ApiError(403, "Forbidden", message, _details(resource, name))


def expired(asked: str, oldest: int) -> ApiError:
    """410 for a watch that starts before what the server remembers."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def unsupported_patch(media_type: str, *accepted: str) -> ApiError:
    """415 for a kind of patch that the resource doesn't take."""
    return _unsupported(media_type, accepted)


def unsupported_body(media_type: str) -> ApiError:
    """415 for a body in a format that this server doesn't read."""
    return _unsupported(media_type, ("application/json", "application/yaml"))


def _unsupported(media_type: str, accepted: tuple[str, ...]) -> ApiError:
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return ApiError(415, "UnsupportedMediaType", message, {"mediaType": media_type})


def method_not_allowed() -> ApiError:
    """405 for a verb that a path doesn't have."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)


def _details(resource: ResourceType, name: str) -> dict[str, Any]:
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value}
