"""What clients asked the API server, for tests that count it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Request:
    """One request. ``status`` is None while it is under way, and if the answer was lost."""

    method: str
    path: str
    query: dict[str, str]
    user_agent: str
    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    content_type: str = ""
    user: str = ""
    status: int | None = None
    is_watch: bool = False
    body: bytes = field(default=b"", repr=False)


class RequestLog:
    """All requests to the API server, oldest first; those of clients inside pods too.

    Reading is safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._open_watches: dict[int, Request] = {}

    def __iter__(self) -> Iterator[Request]:
        with self._lock:
            return iter(list(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def open_watches(self) -> list[Request]:
        """The watches whose connections are open now."""
        with self._lock:
            return list(self._open_watches.values())

    def select(self, **fields: object) -> list[Request]:
        """Return the requests whose fields all have these values.

        Raises:
            TypeError: a request has no such field.
        """
        known = {item.name for item in dataclasses.fields(Request)}
        if unknown := set(fields) - known:
            raise TypeError(
                f"a request has no {', '.join(sorted(unknown))}; it has {sorted(known)}"
            )
        return [
            request
            for request in self
            if all(getattr(request, name) == value for name, value in fields.items())
        ]

    def count(self, **fields: object) -> int:
        """Return how many requests have these values in their fields."""
        return len(self.select(**fields))

    def clear(self) -> None:
        """Forget the requests so far; open watches stay counted."""
        with self._lock:
            self._requests.clear()

    def add(self, request: Request) -> None:
        """Note a request."""
        with self._lock:
            self._requests.append(request)

    def opened(self, watch: Request) -> None:
        """Note that a watch's connection is open."""
        with self._lock:
            self._open_watches[id(watch)] = watch

    def closed(self, watch: Request) -> None:
        """Note that a watch's connection is closed."""
        with self._lock:
            self._open_watches.pop(id(watch), None)
