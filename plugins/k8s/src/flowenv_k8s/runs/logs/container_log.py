"""A container's log, live, each line once, through streams that are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from flowenv.errors import FlowenvError
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.lines import lines_of
from flowenv_k8s.api.refusals import Refused, Request
from flowenv_k8s.api.resources import PODS
from flowenv_k8s.api.session import Stream
from flowenv_k8s.runs.logs.read_ahead import ReadAhead
from flowenv_k8s.runs.logs.restarts import Restarts
from flowenv_k8s.runs.logs.shown_lines import ShownLines
from flowenv_k8s.runs.logs.stamps import SECOND, parted, written

SILENCE = 3600.0
"""Seconds without a line after which a stream is opened anew, in case it died unnoticed."""
LINES_MISSING = (
    "[flowenv] Lines may be missing here: the log couldn't be read for a while, and Kubernetes "
    "no longer has all of it."
)
_KUBELET_SAYS = (
    "unable to retrieve container logs for ",
    "failed to try resolving symlinks in path ",
    "failed to open log file ",
    "failed to watch file ",
)
"""What the kubelet writes instead of a log, without a timestamp, with the HTTP status 200."""


class ContainerLog:
    """The log of one container, read as far as it is known and resumed from there.

    Args:
        client: the connection.
        namespace: the pod's namespace.
        pod: its name.
        container: the container's name.
        restarts: asked when what was shown isn't there any more: whether that is because the
            container was started again, with a log of its own; None if it surely wasn't.

    Attributes:
        began_at: the timestamp of its first line, in whole seconds since the epoch; None before.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        pod: str,
        container: str,
        *,
        restarts: Restarts | None = None,
    ) -> None:
        self._client = client
        self._restarts = restarts
        self._was_cut = False
        self._attempts = 0
        self._count = 0
        self._request = Request("get", PODS, namespace, pod, "log")
        self._container = container
        self._shown = ShownLines()
        self.began_at: int | None = None

    @property
    def is_whole(self) -> bool:
        """True if all that the container's attempts have written was read, as far as is known."""
        restarts = self._restarts.count if self._restarts else 0
        return self._attempts > restarts and not self._was_cut

    def read(self, *, hold_back: bool = False, previous: bool = False) -> Iterator[str]:
        """The lines that there are and are new, without line ends.

        Args:
            hold_back: leave out a last line without an end, since more of it may come.
            previous: read the log of the container before it was started again.

        Raises:
            ConnectionError: if the stream was cut, or the log can't be had now; read again for
                the rest.
            Refused: with code 400 if the container hasn't started, 404 if the pod is gone.
            FlowenvError: if it is refused.
        """
        query = {"previous": "true"} if previous else {}
        return self._new(self._open(idle=60.0, **query).chunks(), hold_back=hold_back)

    def follow(self, is_stale: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """The lines that are new, as they come, until the API server ends the stream.

        However slowly they are taken, they are fetched as they come: Kubernetes doesn't keep
        them. A last line without an end is held back, since more of it may come. It raises what
        `read` raises.

        Args:
            is_stale: asked while nothing comes; True if the stream must have died.
        """
        ahead = ReadAhead(self._open(idle=SILENCE, follow="true"))
        try:
            before = self._count
            yield from self._new(ahead.chunks(is_stale), hold_back=True)
            self._ended(has_news=self._count > before)
        finally:
            ahead.close()

    def _open(self, idle: float, **query: str) -> Stream:
        query |= {"container": self._container, "timestamps": "true"}
        if self._shown.since is not None:
            query["sinceTime"] = written(self._shown.since)
        try:
            return self._client.stream(self._request, query, raw=(400, 404), idle=idle)
        except (ConnectionError, FlowenvError):
            self._was_cut = True  # an end that a stream has had before may have been an outage's
            raise

    def _new(self, chunks: Iterable[bytes], *, hold_back: bool) -> Iterator[str]:
        """What of a stream's lines wasn't shown before."""
        again = self._shown.again()
        was_cut, self._was_cut = self._was_cut, True
        for stamp, text in self._lines(chunks, hold_back=hold_back):
            if stamp is not None:
                if again.is_repeated(stamp):
                    continue
                if again.lacks_lines:
                    again.lacks_lines = False
                    yield from self._between(stamp, was_cut)
                self._show(stamp)
            yield text
        self._was_cut = False

    def _lines(
        self, chunks: Iterable[bytes], *, hold_back: bool
    ) -> Iterator[tuple[int | None, str]]:
        for line in lines_of(chunks):
            text = line.decode(errors="replace").removesuffix("\n").removesuffix("\r")
            stamp, text = parted(text)
            if stamp is None and is_of_kubelet(text):
                raise ConnectionError(text)
            if hold_back and not line.endswith(b"\n"):
                return
            yield stamp, text

    def _show(self, stamp: int) -> None:
        if self.began_at is None:
            self.began_at = stamp // SECOND
        self._shown.add(stamp)
        self._count += 1

    def _between(self, until: int, was_cut: bool) -> Iterator[str]:
        """What stands between the last line that was shown and a log that begins elsewhere.

        Args:
            until: the stamp of the first line there.
            was_cut: True if the log before wasn't read to its end.
        """
        restarts = self._restarts.news() if self._restarts else 0
        is_missing = not restarts or restarts > 2
        if restarts:
            again = self._shown.again()
            try:
                chunks = self._open(idle=60.0, previous="true").chunks()
                for stamp, text in self._lines(chunks, hold_back=False):
                    if stamp == until:  # while a container waits, the last log is the one before
                        break
                    if stamp is None or again.is_repeated(stamp):
                        continue
                    if is_missing or (again.lacks_lines and was_cut):
                        yield LINES_MISSING
                        is_missing = was_cut = False
                    self._show(stamp)
                    yield text
            except (Refused, ConnectionError, FlowenvError):
                is_missing = True
        if is_missing:
            yield LINES_MISSING
        if self._restarts:
            self._attempts = max(self._attempts, self._restarts.count)

    def _ended(self, *, has_news: bool) -> None:
        """Count an attempt whose log was followed to its end."""
        # a container that waits to be started again shows its last log once more
        counted = self._attempts + 1 if has_news else max(self._attempts, 1)
        # its pod may not have told of the newest one yet
        known = self._restarts.count if self._restarts else 0
        self._attempts = min(counted, known + 2)


def is_of_kubelet(line: str) -> bool:
    """True if a line without a timestamp is the kubelet's, which has no log to give."""
    return line.startswith(_KUBELET_SAYS)
