"""What a run's log says of its cluster's workers while the flow runs."""

from __future__ import annotations

import logging
import py_compile
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import distributed
import pytest

from flowenv_dask_k8s.runs import reporting
from flowenv_dask_k8s.runs.reporting import report_bytecode, report_workers, shown_here

PATIENCE = 120.0


class Lines(logging.Handler):
    """Hands over what is logged, as it is logged."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: SimpleQueue[logging.LogRecord] = SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.put(record)

    def next(self) -> str:
        record = self.records.get(timeout=PATIENCE)
        return f"{record.levelname} {record.getMessage()}"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    monkeypatch.setattr(reporting, "_LOOK", 0.01)
    logger, handler = logging.getLogger("flowenv.dask_k8s"), Lines()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


class FakeScheduler:
    """A client of a scheduler whose workers come and go as a test says."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.scheduler = self
        self.is_lost = False
        self._asked = threading.Semaphore(0)

    def identity(self, n_workers: int) -> dict[str, Any]:
        self._asked.release()
        if self.is_lost:
            raise OSError("the scheduler is gone")
        return {"n_workers": self.workers}

    def wait_until_asked(self) -> None:
        """Return when it has been asked, as things are now."""
        while self._asked.acquire(blocking=False):
            pass
        assert self._asked.acquire(timeout=PATIENCE)

    def sync(self, call: Callable[..., Any], **arguments: Any) -> Any:
        return call(**arguments)


def test_the_scheduler_itself_is_asked_how_many_workers_there_are(lines: Lines) -> None:
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        # it knows only the address, so that nobody tells it of workers
        distributed.Client(cluster.scheduler_address) as client,
        report_workers(client),
    ):
        assert lines.next() == "INFO The cluster has 1 worker."


def test_workers_that_come_and_go_are_told(lines: Lines) -> None:
    client = FakeScheduler(1)

    with report_workers(client):
        assert lines.next() == "INFO The cluster has 1 worker."
        client.workers = 2
        assert lines.next() == "INFO The cluster has 2 workers, had 1."
        client.workers = 0
        assert lines.next() == "INFO The cluster has 0 workers, had 2."


def test_a_scheduler_that_can_not_be_asked_ends_nothing(lines: Lines) -> None:
    client = FakeScheduler(1)
    client.is_lost = True

    with report_workers(client):
        client.is_lost = False
        assert lines.next() == "INFO The cluster has 1 worker."


def test_of_a_run_that_is_told_to_stop_nobody_hears_that_its_workers_go(lines: Lines) -> None:
    client = FakeScheduler(2)

    def stopped() -> None:
        with report_workers(client):
            assert lines.next() == "INFO The cluster has 2 workers."
            client.workers = 1
            client.wait_until_asked()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert lines.records.empty()


@pytest.mark.parametrize("is_compiled", [False, True])
def test_an_image_without_bytecode_is_told_of(
    is_compiled: bool, lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "distributed.py"
    module.write_text("")
    if is_compiled:
        py_compile.compile(str(module))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "distributed")

    report_bytecode()

    assert lines.records.empty() == is_compiled
    if not is_compiled:
        assert "The image has no bytecode of Dask" in lines.next()


@pytest.mark.parametrize("is_configured", [False, True])
def test_lines_are_shown_where_nobody_has_configured_logging(
    is_configured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own, log = logging.getLogger("flowenv"), logging.getLogger("flowenv.dask_k8s")
    monkeypatch.setattr(own, "hasHandlers", lambda: is_configured)

    with shown_here():
        log.info("Dask dashboard: there")
    log.warning("Too late")

    line = " INFO flowenv.dask_k8s: Dask dashboard: there\n"
    assert capsys.readouterr().err[-len(line) :] == ("" if is_configured else line)
