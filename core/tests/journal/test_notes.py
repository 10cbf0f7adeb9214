"""The journal: what is noted, by several at once, for how long, and for whose eyes."""

from __future__ import annotations

import datetime
import hashlib
import multiprocessing
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from flowenv import FlowRun, RunSummary, Secret, State, Status
from flowenv.journal import store
from flowenv.journal.notes import Journal, NoJournal, journal
from flowenv.plugin import CommonEnvironment, FinishedHandle, Outcome
from flowenv.settings.user_folders import state_folder


class Elsewhere(CommonEnvironment):
    place = "elsewhere"


HERE = CommonEnvironment()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite3"


def a_run(run_id: str = "6f1c", environment: CommonEnvironment = HERE, **more: object) -> FlowRun:
    created = datetime.datetime.now(datetime.UTC)
    run = FlowRun(
        environment,
        id=run_id,
        flow_name="train",
        created=created,
        **more,  # type: ignore[arg-type]
    )
    run.handle = FinishedHandle(Outcome(run_id, State.COMPLETED, result=3, has_result=True))
    run.handle.reference = f"job/{run_id}"
    return run


def test_what_a_process_hears_of_its_run_is_known_to_the_next(path: Path) -> None:
    run = a_run(labels=["nightly"], parameters={"n": 5}, submitter="ada@mill")
    Journal(path).follow(run)
    run.observe(Status(State.RUNNING))
    run.observe(Status(State.COMPLETED))
    run.result()
    for name in ("6f1c", "job/6f1c"):
        found = Journal(path).named(name)
        assert found is not None
        summary = found.summary
        assert (summary.run_id, summary.reference, summary.flow) == ("6f1c", "job/6f1c", "train")
        assert (summary.labels, summary.parameters) == (("nightly",), {"n": "5"})
        assert (summary.submitter, summary.created) == ("ada@mill", run.created)
        assert summary.status == Status(State.COMPLETED)
        assert summary.started is not None
        assert summary.ended is not None
    assert Journal(path).named("another") is None


def test_an_outcome_is_noted_when_it_is_read(path: Path) -> None:
    run = a_run()
    Journal(path).follow(run)
    outcome = Outcome("6f1c", State.COMPLETED, result=[1], has_result=True)
    for witness in run.witnesses:
        witness(outcome)
    found = Journal(path).named("6f1c")
    assert found is not None
    assert found.outcome is not None
    assert found.outcome.value() == [1]


def test_a_run_that_was_only_picked_up_isnt_noted_unless_it_is_known(path: Path) -> None:
    picked_up = a_run()
    Journal(path).follow(picked_up, is_own=False)
    picked_up.observe(Status(State.RUNNING))
    assert Journal(path).named("6f1c") is None
    Journal(path).follow(a_run())
    picked_up.observe(Status(State.FAILED, message="no data"))
    found = Journal(path).named("6f1c")
    assert found is not None
    assert found.summary.status.message == "no data"


def test_what_is_over_stays_over_whoever_hears_of_it_last(path: Path) -> None:
    fast, slow = a_run(), a_run()
    for run in (fast, slow):
        Journal(path).follow(run)
    fast.observe(Status(State.FAILED))
    slow.observe(Status(State.RUNNING))
    slow.observe(Status(State.COMPLETED))
    found = Journal(path).named("6f1c")
    assert found is not None
    assert found.summary.status.state is State.FAILED


def test_a_place_knows_its_own_runs_only(path: Path) -> None:
    Journal(path).follow(a_run("here"))
    Journal(path).follow(a_run("there", Elsewhere()))
    assert [one.summary.run_id for one in Journal(path).at(HERE)] == ["here"]
    assert [one.summary.run_id for one in Journal(path).at(Elsewhere())] == ["there"]


def test_what_a_platform_lists_is_noted_of_known_runs(path: Path) -> None:
    Journal(path).follow(a_run())
    began = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)
    ended = began + datetime.timedelta(hours=1)
    done = Status(State.COMPLETED)
    listed = [
        RunSummary("job/6f1c", "6f1c", "train", done, started=began, ended=ended),
        RunSummary("job/other", "other", "train", Status(State.COMPLETED)),
    ]
    Journal(path).note_found(listed, HERE)
    (found,) = Journal(path).at(HERE)
    assert found.summary.seconds() == 3600
    assert found.summary.status.state is State.COMPLETED


def test_a_secret_that_was_revealed_is_in_no_journal(path: Path) -> None:
    Secret("correct horse").reveal()
    run = a_run(parameters={"note": "correct horse", "password": "hunter2"})
    Journal(path).follow(run)
    for witness in run.witnesses:
        witness(Outcome("6f1c", State.FAILED, message="no correct horse"))
    run.observe(Status(State.FAILED, message="no correct horse", hint="correct horse"))
    content = path.read_bytes()
    assert b"horse" not in content
    assert b"hunter2" not in content
    assert b"6f1c" in content


def test_nobody_else_can_read_it(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    path.touch(mode=0o644)
    Journal(path).follow(a_run())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_oldest_are_forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_RUNS", 3)
    for number in range(5):
        Journal(path).follow(a_run(f"run-{number}"))
    known = [one.summary.run_id for one in Journal(path).at(HERE)]
    assert known == ["run-4", "run-3", "run-2"]


def test_an_entry_that_is_too_large_is_left_out(path: Path) -> None:
    Journal(path).follow(a_run(labels=["x" * store.LARGEST]))
    assert Journal(path).named("6f1c") is None


def _submit_ten(path: Path, number: int) -> None:
    for i in range(10):
        run = a_run(f"{number}-{i}")
        Journal(path).follow(run)
        run.observe(Status(State.COMPLETED))


def test_threads_and_processes_write_at_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fork = multiprocessing.get_context("fork")
    writers: list[Any] = [
        *(fork.Process(target=_submit_ten, args=(path, n)) for n in range(2)),
        *(threading.Thread(target=_submit_ten, args=(path, n)) for n in range(2, 5)),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = Journal(path).at(HERE)
    assert len(found) == 50
    assert {one.summary.status.state for one in found} == {State.COMPLETED}
    assert caplog.text == ""


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE runs SET about = 'no JSON'",
        "UPDATE runs SET about = '[]'",
        "UPDATE runs SET created = 'never', seen = 'never'",
        "DROP TABLE runs",
    ],
)
def test_what_somebody_has_written_into_it_hurts_nobody(path: Path, spoilt: str) -> None:
    Journal(path).follow(a_run())
    database = sqlite3.connect(path)
    database.execute(spoilt)
    database.commit()
    database.close()
    assert Journal(path).at(HERE) == []
    assert Journal(path).named("6f1c") is None
    run = a_run()
    Journal(path).follow(run)
    assert run.observe(Status(State.RUNNING))


@pytest.mark.parametrize(
    "about", ["{}", '{"state": "Odd"}', '{"state": "Running"}', '{"state": "Running", "flow": []}']
)
def test_an_entry_of_another_kind_is_passed_over(path: Path, about: str) -> None:
    Journal(path).follow(a_run())
    database = sqlite3.connect(path)
    database.execute("UPDATE runs SET about = ?", (about,))
    database.commit()
    database.close()
    assert len(Journal(path).at(HERE)) in (0, 1)


def test_a_flow_that_submits_others_keeps_no_journal_in_its_container(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD", "payload.json")
    assert isinstance(journal(), NoJournal)


def test_the_tests_keep_out_of_the_users_own_folder() -> None:
    assert not state_folder().is_relative_to(Path("~").expanduser())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_result_that_came_by_a_log_is_kept_unless_it_is_large(path: Path) -> None:
    run = a_run()
    Journal(path).follow(run)
    large = b"x" * (store.LARGEST_DOCUMENT + 1)
    for content in (b"small", large):
        for witness in run.document_witnesses:
            witness(digest(content), content)
    assert Journal(path).document(digest(b"small")) == b"small"
    assert Journal(path).document(digest(large)) is None
    assert Journal(path).document(digest(b"never seen")) is None


def test_the_oldest_results_are_forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_DOCUMENTS", 2)
    run = a_run()
    Journal(path).follow(run)
    contents = [b"0", b"1", b"2"]
    for content in contents:
        run.document_witnesses[0](digest(content), content)
    kept = [Journal(path).document(digest(content)) for content in contents]
    assert kept == [None, b"1", b"2"]


def test_a_result_that_somebody_has_changed_is_none(path: Path) -> None:
    run = a_run()
    Journal(path).follow(run)
    run.document_witnesses[0](digest(b"right"), b"right")
    database = sqlite3.connect(path)
    database.execute("UPDATE documents SET content = ?", (b"wrong",))
    database.commit()
    database.close()
    assert Journal(path).document(digest(b"right")) is None


def test_a_journal_without_results_has_none(path: Path) -> None:
    assert Journal(path).document("0") is None
    Journal(path).follow(a_run())
    assert Journal(path).document("0") is None
