"""A browser for the tests, where the machine has one: Chromium, told what to do through a pipe."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DEADLINE = 30.0
"""Seconds for an answer."""


def found() -> str | None:
    """The browser's program; None if the machine has none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Page:
    """A page in the browser.

    Attributes:
        complaints: what the browser had to say: exceptions, what its policy refused.
        requested: the URLs that were loaded.
    """

    def __init__(self, ask: Any, url: str, width: int, *, is_dark: bool) -> None:
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._url, self._is_there, self._is_loaded = url, False, False
        self._ask = ask
        target = ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._do(f"{domain}.enable")
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self._do("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[scheme])
        self._do("Page.navigate", url=url)
        end = time.monotonic() + DEADLINE
        while not self._is_loaded:
            assert time.monotonic() < end, "the page isn't loaded"
            self._do("Runtime.enable")  # any answer has the news before it
            threading.Event().wait(0.01)

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        options = {"awaitPromise": True, "returnByValue": True}
        answer = self._do("Runtime.evaluate", expression=script, **options)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """The texts of the elements that are to be seen."""
        return list(
            self.evaluate(
                f"Array.from(document.querySelectorAll({json.dumps(selector)}))"
                ".filter((one) => one.checkVisibility()).map((one) => one.innerText)"
            )
        )

    def click(self, selector: str) -> None:
        """Click an element."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def type(self, selector: str, text: str) -> None:
        """Have a text in a field, as if it were typed."""
        self.evaluate(
            f"(() => {{ const field = document.querySelector({json.dumps(selector)});"
            f"field.value = {json.dumps(text)}; field.dispatchEvent(new Event('input')); }})()"
        )

    def show_as(self, media: str) -> None:
        """Show it as on `screen` or, for `print`, on paper."""
        self._do("Emulation.setEmulatedMedia", media=media)

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        return dict(self._ask(method, self._session, self._note, **parameters))

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params") or {}
        if event["method"] == "Page.frameNavigated":
            self._is_there = self._is_there or told["frame"]["url"] == self._url
        elif event["method"] == "Page.loadEventFired":
            self._is_loaded = self._is_there  # else it was that of the empty page
        elif event["method"] == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])


class Browser:
    """A browser without a window, which lives as long as its block."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._numbers = itertools.count(1)
        self._rest = b""

    def open(self, path: Path, *, width: int = 1200, is_dark: bool = False) -> Page:
        """Open a page of this machine."""
        return Page(self.ask, path.as_uri(), width, is_dark=is_dark)

    def ask(
        self, method: str, session: str = "", note: Any = lambda event: None, **parameters: Any
    ) -> dict[str, Any]:
        """Ask for something, and wait for the answer."""
        number = next(self._numbers)
        request = {"id": number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        os.write(self._write, json.dumps(request).encode() + b"\0")
        for answer in self._answers():
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            if "method" in answer:
                note(answer)
        raise AssertionError("The browser has ended.")

    def _answers(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" in self._rest:
                one, _, self._rest = self._rest.partition(b"\0")
                yield json.loads(one)
            assert select.select([self._read], [], [], DEADLINE)[0], "no answer"
            if not (more := os.read(self._read, 65536)):
                return
            self._rest += more


@contextlib.contextmanager
def browser(program: str, folder: Path) -> Iterator[Browser]:
    """A browser.

    Args:
        program: its path.
        folder: where it may keep what it likes.
    """
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               "--remote-debugging-pipe", f"--user-data-dir={folder}")  # fmt: skip
    # it reads from 3 and writes to 4
    script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["/bin/bash", "-c", script, "sh", program, *options],
        pass_fds=(theirs_in, theirs_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_in, ours_out)
    finally:
        os.close(ours_out)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
        os.close(ours_in)
