"""Logs of containers, as the API serves them."""

from __future__ import annotations

import asyncio
import datetime
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from rigs.kubernetes.cluster import Cluster
from rigs.kubernetes.faults import Fault
from rigs.kubernetes.log_files import ContainerLog
from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.requests_log import Request
from rigs.kubernetes.status import ApiError, bad_request


@dataclass(frozen=True)
class LogOptions:
    """What a request for a log asks."""

    follow: bool
    timestamps: bool
    previous: bool
    since: int
    """Nanoseconds since the epoch; each line with an earlier stamp is left out."""
    tail_lines: int | None
    limit_bytes: int | None

    @classmethod
    def of_query(cls, query: dict[str, str]) -> LogOptions:
        """Read the options from the query.

        Raises:
            ApiError: 400, a value can't be read.
        """
        try:
            return cls(
                follow=_flag(query, "follow"),
                timestamps=_flag(query, "timestamps"),
                previous=_flag(query, "previous"),
                since=_since(query),
                tail_lines=int(query["tailLines"]) if "tailLines" in query else None,
                limit_bytes=int(query["limitBytes"]) if "limitBytes" in query else None,
            )
        except ValueError as error:
            raise bad_request(f"invalid log options: {error}") from error


def _flag(query: dict[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("1", "true")


def _since(query: dict[str, str]) -> int:
    if "sinceSeconds" in query:
        return time.time_ns() - int(query["sinceSeconds"]) * 10**9
    if "sinceTime" in query:
        moment = datetime.datetime.fromisoformat(query["sinceTime"])
        # The API server hands it to the kubelet in whole seconds (LogLocation in
        # pkg/registry/core/pod/strategy.go), so lines of that second come again.
        return int(moment.timestamp()) * 10**9
    return 0


class LogStream:
    """One answer to a request for a container's log.

    Args:
        cluster: where faults come from.
        log: what is served.
        options: which lines, and how.
        request: the log's entry of the request.
    """

    def __init__(
        self, cluster: Cluster, log: ContainerLog, options: LogOptions, request: Request
    ) -> None:
        self._cluster = cluster
        self._log = log
        self._options = options
        self._request = request
        self._file = len(log.files) - 1
        self._position = _first_line(log, options)
        self._budget = options.limit_bytes
        self._sent = 0
        self._more = asyncio.Event()

    async def serve(self, http_request: web.Request) -> web.StreamResponse:
        """Answer the request, until the log or the client ends it."""
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(http_request)
        self._log.follow(self._more.set)
        self._cluster.faults.listen("log", self._fault_changed)
        self._cluster.faults.listen("outage", self._fault_changed)
        try:
            # without its kubelet the answer ends as if all had been said (StreamObject in
            # k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/writers.go)
            while not self._cluster.faults.has(
                "kubelet_down"
            ) and not await self._send_what_is_there(response):
                if (fault := self._fault()) and self._is_due(fault) and fault.strike():
                    if http_request.transport is not None:
                        http_request.transport.abort()
                    break
                await self._more.wait()
        except ConnectionError:
            pass  # the client has gone
        finally:
            self._log.unfollow(self._more.set)
            self._cluster.faults.unlisten("log", self._fault_changed)
            self._cluster.faults.unlisten("outage", self._fault_changed)
        return response

    async def _send_what_is_there(self, response: web.StreamResponse) -> bool:
        """Send the lines that there are, up to a fault; say whether that was all."""
        await self._cluster.answers.wait()
        self._more.clear()
        fault = self._fault()
        end = self._log.end_of_file(self._file)
        if fault is not None:
            end = min(end, self._position + max(fault.options["after_lines"] - self._sent, 0))
        lines = [
            line
            for line in self._log.lines[self._position : end]
            if line.moment >= self._options.since
        ]
        data = b"".join(line.stamped() if self._options.timestamps else line.text for line in lines)
        if self._budget is not None:
            data = data[: self._budget]
            self._budget -= len(data)
        self._position, self._sent = end, self._sent + len(lines)
        if data:
            await response.write(data)
        self._log.sent(self._position)
        if fault is not None and self._is_due(fault):
            self._more.set()
            return False
        at_end = self._position >= self._log.end_of_file(self._file)
        if at_end and self._options.follow and self._go_to_newest_file():
            self._more.set()
            return False
        return self._budget == 0 or (at_end and (self._log.is_closed or not self._options.follow))

    def _go_to_newest_file(self) -> bool:
        """Go on where the newest file begins, if there is a newer one than that which was read.

        As the kubelet does: whoever lags behind by more than one file misses those in between.
        """
        newest = len(self._log.files) - 1
        if self._file == newest:
            return False
        self._file, self._position = newest, self._log.files[newest]
        return True

    def _lacks_kubelet(self) -> bool:
        return self._cluster.faults.has("kubelet_down")

    def _is_due(self, fault: Fault) -> bool:
        return self._sent >= int(fault.options["after_lines"])

    def _fault(self) -> Fault | None:
        asked = (self._request.verb, "pods/log", self._request.namespace, self._request.name)
        return next(
            (
                fault
                for fault in self._cluster.faults.active("log")
                if not fault.is_spent and fault.matches_request(*asked)
            ),
            None,
        )

    def _fault_changed(self, fault: Fault, injected: bool) -> None:
        self._sent = 0  # lines are counted from the moment of the fault
        self._more.set()


async def serve_log(
    cluster: Cluster,
    pod: Manifest,
    find_log: Callable[[str, bool], ContainerLog | None],
    request: Request,
    http_request: web.Request,
) -> web.StreamResponse:
    """Answer a request for the log of a pod's container.

    Raises:
        ApiError: 400 for a container that isn't the pod's, or has no log yet; 500 without kubelet;
            404 once for each pod after that, as from a kubelet that doesn't know it yet.
    """
    options = LogOptions.of_query(request.query)
    container = _chosen_container(pod, request.query.get("container"))
    if cluster.faults.has("kubelet_down"):
        raise _unreachable(pod, container, request)
    if cluster.node.has_yet_to_hear_of(pod["metadata"]["uid"]):
        words = f"the server could not find the requested resource ( pods/log {request.name})"
        raise ApiError(404, "NotFound", words)
    log = find_log(container, options.previous)
    if log is None:
        raise _no_log(pod, container, options)
    asked = (request.verb, "pods/log", request.namespace, request.name)
    if cluster.faults.of_request("log_file", *asked):
        container_id = f"{pod['metadata']['uid']}{container}".encode().hex()[:64]
        return web.Response(
            text=f"unable to retrieve container logs for containerd://{container_id}"
        )
    return await LogStream(cluster, log, options, request).serve(http_request)


def _first_line(log: ContainerLog, options: LogOptions) -> int:
    newest = range(log.files[-1], len(log.lines))
    since = next(
        (index for index in newest if log.lines[index].moment >= options.since), len(log.lines)
    )
    if options.tail_lines is None:
        return since
    return max(since, len(log.lines) - options.tail_lines)


def _chosen_container(pod: Manifest, asked: str | None) -> str:
    name = pod["metadata"]["name"]
    main = [container["name"] for container in pod["spec"]["containers"]]
    init = [container["name"] for container in pod["spec"].get("initContainers") or []]
    if asked:
        if asked not in (*main, *init):
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(main) == 1:
        return str(main[0])
    message = (
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]"
    )
    if init:
        message += f" or one of the init containers: [{' '.join(init)}]"
    raise bad_request(message)


def _no_log(pod: Manifest, container: str, options: LogOptions) -> ApiError:
    """Return the kubelet's words for a log that isn't there.

    They are those of ``validateContainerLogStatus`` in ``pkg/kubelet/kubelet_pods.go``.
    """
    name = pod["metadata"]["name"]
    if options.previous:
        return bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
    status = pod.get("status") or {}
    statuses = [
        *(status.get("containerStatuses") or []),
        *(status.get("initContainerStatuses") or []),
    ]
    state: Manifest = next((item["state"] for item in statuses if item["name"] == container), {})
    reason = (state.get("waiting") or {}).get("reason") or "ContainerCreating"
    words = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }
    said = words.get(reason, reason)
    return bad_request(f'container "{container}" in pod "{name}" is waiting to start: {said}')


def _unreachable(pod: Manifest, container: str, request: Request) -> ApiError:
    """Return what the API server says when the kubelet doesn't answer it."""
    where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/{container}"
    asked = {k: v.lower() for k, v in request.query.items() if k != "container"}
    query = urllib.parse.urlencode(asked)
    url = f"https://127.0.0.1:10250/containerLogs/{where}{'?' if query else ''}{query}"
    words = f'Get "{url}": dial tcp 127.0.0.1:10250: connect: connection refused'
    return ApiError(500, "", words)
