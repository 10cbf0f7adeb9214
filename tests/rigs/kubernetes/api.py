"""The API server: HTTP requests in, objects, streams and refusals out."""

from __future__ import annotations

import json
from typing import Any

import yaml
from aiohttp import web

from rigs.kubernetes import discovery
from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.faults import Fault
from rigs.kubernetes.gatekeeping import warning_of
from rigs.kubernetes.kubelet import Kubelet
from rigs.kubernetes.logs import serve_log
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.paths import Asked, asked_for
from rigs.kubernetes.portforward import serve_port_forward
from rigs.kubernetes.requests_log import Request
from rigs.kubernetes.resources import POD
from rigs.kubernetes.status import (
    ApiError,
    bad_request,
    forbidden,
    no_such_path,
    unsupported_body,
)
from rigs.kubernetes.strict import refuse_unknown_fields, refuse_wrong_kinds
from rigs.kubernetes.verbs import Verbs
from rigs.kubernetes.watch import Watch

_LARGEST_REQUEST = 3 * 1024 * 1024
_REVIEWS = ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]


class ApiServer:
    """The HTTP side of a cluster.

    Args:
        cluster: its state.
        kubelet: where logs come from.
        git_version: the version that the server claims, such as ``v1.33.1``.
    """

    def __init__(self, cluster: Cluster, kubelet: Kubelet, git_version: str) -> None:
        self._cluster = cluster
        self._kubelet = kubelet
        self._git_version = git_version
        self._verbs = Verbs(cluster)

    def application(self) -> web.Application:
        """Return the web application."""
        application = web.Application(client_max_size=_LARGEST_REQUEST)
        application.router.add_get("/_rig/resolve", self._resolve)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _resolve(self, http_request: web.Request) -> web.Response:
        query = http_request.query
        address = self._cluster.network.resolve(query["host"], query.get("from", ""))
        return web.json_response({"ip": address})

    async def _handle(self, http_request: web.Request) -> web.StreamResponse:
        request = Request(
            method=http_request.method,
            path=http_request.path,
            query=dict(http_request.query),
            user_agent=http_request.headers.get("User-Agent", ""),
            content_type=http_request.headers.get("Content-Type", ""),
        )
        self._cluster.requests.add(request)
        await self._cluster.answers.wait()
        try:
            response = await self._answer(request, http_request)
        except ApiError as refusal:
            response = web.json_response(
                refusal.body(), status=refusal.code, headers=refusal.headers
            )
        except ConnectionError:
            raise  # the client has gone
        except Exception as error:
            # A mistake in the rig: the client hears of it now, the test when the rig stops.
            self._cluster.failures.append(error)
            failure = ApiError(500, "InternalError", f"Internal error occurred: {error!r}")
            response = web.json_response(failure.body(), status=failure.code)
        transport = http_request.transport
        request.status = response.status if transport and not transport.is_closing() else None
        return response

    async def _answer(self, request: Request, http_request: web.Request) -> web.StreamResponse:
        access = self._cluster.access
        request.user = access.authenticate(http_request.headers.get("Authorization", ""))
        parts = [part for part in request.path.split("/") if part]
        request.body = await _body(http_request)
        if parts == _REVIEWS and request.method == "POST":
            request.verb, request.resource = "create", "selfsubjectaccessreviews"
            review = access.review(_decoded(request), request.user)
            return web.json_response(review, status=201)
        if (about := self._about_itself(parts)) is not None:
            return about
        asked = self._asked(request, parts)
        fault = self._cluster.faults.of_request(
            "request", asked.verb, asked.path, asked.namespace, asked.name
        )
        if fault is not None and fault.kind.name != "answer_lost":
            return _refused_by(fault, asked, request)
        where = (asked.namespace, request.user, asked.resource.group, asked.name)
        if not access.allows(asked.verb, asked.path, *where):
            raise _forbidden(asked, request)
        if asked.subresource == "portforward" and not access.allows("create", asked.path, *where):
            # a websocket needs this right as well; 1.36 doesn't say which one is missing
            details = {"name": asked.name, "kind": asked.resource.plural}
            raise ApiError(403, "Forbidden", f'pods "{asked.name}" is forbidden: ', details)
        response = await self._serve(asked, request, http_request)
        if fault is not None and http_request.transport is not None:
            http_request.transport.abort()
        return response

    def _asked(self, request: Request, parts: list[str]) -> Asked:
        watch = request.query.get("watch", "").lower() in ("1", "true")
        asked = asked_for(self._cluster.registry, request.method, parts, watch=watch)
        request.verb, request.group = asked.verb, asked.resource.group
        request.resource, request.subresource = asked.resource.plural, asked.subresource
        request.namespace, request.name = asked.namespace, asked.name
        request.is_watch = asked.verb == "watch"
        return asked

    def _about_itself(self, parts: list[str]) -> web.Response | None:
        registry = self._cluster.registry
        answer: Manifest | None = None
        if parts == ["version"]:
            answer = discovery.version(self._git_version)
        elif len(parts) == 1 and parts[0] in ("healthz", "livez", "readyz"):
            return web.Response(text="ok")
        elif parts == ["api"]:
            answer = discovery.core_versions()
        elif parts == ["apis"]:
            answer = discovery.groups(registry)
        elif parts == ["api", "v1"]:
            answer = discovery.resources(registry, "v1")
        elif len(parts) == 2 and parts[0] == "apis":
            answer = discovery.group(registry, parts[1])
        elif len(parts) == 3 and parts[0] == "apis":
            answer = discovery.resources(registry, "/".join(parts[1:]))
        elif not parts or parts[0] not in ("api", "apis"):
            raise no_such_path()
        return None if answer is None else web.json_response(answer)

    async def _serve(
        self, asked: Asked, request: Request, http_request: web.Request
    ) -> web.StreamResponse:
        if asked.resource == POD and asked.subresource == "log":
            pod = self._verbs.get(asked)
            return await serve_log(
                self._cluster,
                pod,
                lambda container, previous: self._kubelet.log(
                    pod["metadata"]["uid"], container, previous=previous
                ),
                request,
                http_request,
            )
        if asked.resource == POD and asked.subresource == "portforward":
            return await serve_port_forward(self._cluster, http_request, self._verbs.get(asked))
        if asked.verb == "watch":
            selects = self._verbs.selects(asked, request.query)
            watch = Watch(self._cluster, asked.resource, asked.namespace, selects, request)
            return await watch.serve(http_request)
        answer = self._object(asked, request)
        if asked.verb != "create":
            return web.json_response(answer)
        warning = warning_of(self._cluster.store, asked.resource, answer)
        headers = {} if warning is None else {"Warning": f"299 - {json.dumps(warning)}"}
        return web.json_response(answer, status=201, headers=headers)

    def _object(self, asked: Asked, request: Request) -> Manifest:
        verbs, query = self._verbs, request.query
        if asked.verb == "get":
            return verbs.get(asked)
        if asked.verb == "list":
            return verbs.list(asked, query)
        if asked.verb == "patch":
            return verbs.patch(asked, request.body, request.content_type)
        if asked.verb == "create":
            body = _decoded(request)
            refuse_wrong_kinds(asked.resource, body)
            if query.get("fieldValidation") == "Strict":
                refuse_unknown_fields(asked.resource, body)
            return verbs.create(asked, body)
        if asked.verb == "update":
            return verbs.update(asked, _decoded(request))
        if asked.verb == "delete":
            return verbs.delete(asked, query, _decoded(request))
        return verbs.delete_collection(asked, query, _decoded(request))


async def _body(http_request: web.Request) -> bytes:
    if http_request.method in ("GET", "HEAD"):
        return b""
    try:
        return await http_request.read()
    except web.HTTPRequestEntityTooLarge:
        # The words are those of k8s.io/apimachinery/pkg/api/errors (NewRequestEntityTooLargeError).
        message = f"Request entity too large: limit is {_LARGEST_REQUEST}"
        raise ApiError(413, "RequestEntityTooLarge", message) from None


def _decoded(request: Request) -> Any:
    if not request.body:
        return None
    media_type = request.content_type.partition(";")[0].strip()
    if media_type == "application/vnd.kubernetes.protobuf":
        raise unsupported_body(media_type)
    try:
        if media_type == "application/yaml":
            return yaml.safe_load(request.body)
        return json.loads(request.body)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"the body of the request can't be read: {error}") from error


def _forbidden(asked: Asked, request: Request) -> ApiError:
    where = (asked.namespace, asked.name, asked.subresource)
    return forbidden(asked.resource, asked.verb, request.user, *where)


def _refused_by(fault: Fault, asked: Asked, request: Request) -> web.Response:
    """Answer as an overloaded or failing server does.

    Raises:
        ApiError: where the server answers with a ``Status`` object.
    """
    if fault.kind.name == "429":
        # Plain text, from k8s.io/apiserver/pkg/server/filters/maxinflight.go (tooManyRequests).
        headers = {"Retry-After": str(fault.options["retry_after"])}
        text = "Too many requests, please try again later.\n"
        return web.Response(status=429, text=text, headers=headers)
    if fault.kind.name == "500":
        message = f"Internal error occurred: {fault.options['message']}"
        raise ApiError(500, "InternalError", message)
    if fault.kind.name == "503":
        after = fault.options["retry_after"]
        headers = {} if after is None else {"Retry-After": str(after)}
        message = "the server is currently unable to handle the request"
        raise ApiError(503, "ServiceUnavailable", message, headers=headers)
    if fault.kind.name == "over_quota":
        name = asked.resource.qualified_name
        counts = f"requested: count/{name}=1, used: count/{name}=2, limited: count/{name}=2"
        why = f"is forbidden: exceeded quota: objects, {counts}"
        raise ApiError(403, "Forbidden", f'{name} "{asked.name}" {why}')
    raise _forbidden(asked, request)
