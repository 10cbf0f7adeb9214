"""What many want to note at once is written together."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowenv import State, Status
from flowenv.journal import gathering, store
from flowenv.journal.database import JournalUnusable
from flowenv.journal.notes import Journal
from flowenv.journal.store import Change, Entry, Store

from .test_notes import HERE, a_run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often a file was opened."""
    counted, real = Counter[Path](), store.opened

    @contextmanager
    def opened(path: Path, **options: bool) -> Iterator[Any]:
        counted[path] += 1
        with real(path, **options) as database:
            yield database

    monkeypatch.setattr(store, "opened", opened)
    return counted


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite3"


def entry(run_id: str) -> tuple[str, Change]:
    return run_id, lambda before: Entry(run_id, f"job/{run_id}", "k8s", "here", 1.0, 1.0, {})


def test_what_threads_want_to_write_at_once_one_of_them_writes(
    path: Path, opened: Counter[Path]
) -> None:
    found, goes_on = Store(path), threading.Event()

    def slow(before: Entry | None) -> None:
        assert goes_on.wait(60)

    threads = [threading.Thread(target=found.update, args=([("slow", slow)],))]
    threads += [threading.Thread(target=found.update, args=([entry(f"{n}")],)) for n in range(7)]
    threads[0].start()
    while opened[path] < 1:
        goes_on.wait(0.001)
    for thread in threads[1:]:
        thread.start()
    while len(found._waiting) < 7:
        goes_on.wait(0.001)
    goes_on.set()
    for thread in threads:
        thread.join()
    assert opened[path] == 2
    assert set(found.references("k8s", "here")) == {f"{n}" for n in range(7)}


def interrupted(before: Entry | None) -> None:
    raise KeyboardInterrupt


def wrong(before: Entry | None) -> None:
    raise ValueError("no entry")


def test_what_was_to_be_written_with_an_interrupted_one_is_written_by_the_next(path: Path) -> None:
    found = Store(path)
    found._waiting.append(store._Updates([entry("another")]))
    once: list[Change] = [interrupted]

    def is_interrupted_once(before: Entry | None) -> Entry | None:
        return once.pop()(before) if once else None

    with pytest.raises(KeyboardInterrupt):
        found.update([("6f1c", is_interrupted_once)])
    found.update([entry("next")])
    assert set(found.references("k8s", "here")) == {"another", "next"}


def test_of_what_cannot_be_written_one_hears_and_nothing_waits(path: Path) -> None:
    found = Store(path)
    found._waiting.append(store._Updates([entry("another")]))
    with pytest.raises(JournalUnusable, match="no entry"):
        found.update([("6f1c", wrong)])
    assert not found._waiting


def hear(journal: Journal, number: int) -> None:
    run = a_run(f"run-{number}")
    journal.follow(run)
    run.observe(Status(State.RUNNING))


def noted(path: Path) -> int:
    found = Journal(path).at(HERE)
    assert {one.summary.status.state for one in found} == {State.RUNNING}
    return len(found)


def test_what_threads_hear_in_a_block_is_noted_at_its_end(
    path: Path, opened: Counter[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "INTERVAL", 3600.0)
    journal = Journal(path)

    def hear_in_thread(number: int) -> None:
        with here():
            hear(journal, number)

    with journal.together() as here:
        threads = [threading.Thread(target=hear_in_thread, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert opened[path] == 1
    assert noted(path) == 20


def test_a_block_that_lasts_notes_what_is_heard_again_and_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "INTERVAL", 0.0)
    journal = Journal(path)
    with journal.together() as here, here():
        for number in range(3):
            hear(journal, number)
            assert noted(path) == number + 1


def test_another_thread_notes_what_it_hears_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "INTERVAL", 3600.0)
    journal = Journal(path)
    with journal.together() as here, here():
        hear(journal, 1)
        thread = threading.Thread(target=hear, args=(journal, 2))
        thread.start()
        thread.join()
        assert noted(path) == 1
    assert noted(path) == 2


def test_what_was_heard_before_an_error_is_noted_too(path: Path) -> None:
    journal = Journal(path)

    def fail() -> None:
        with journal.together() as here, here():
            hear(journal, 1)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert noted(path) == 1
    hear(journal, 2)
    assert noted(path) == 2
