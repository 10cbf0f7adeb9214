"""A result that somebody else has written, or tells of, does nothing where it is read."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow, FlowRun, State, Status
from flowenv.errors import FlowenvError, PayloadError, PlatformError, ResultUnavailable
from flowenv.plugin import Outcome, configuration
from flowenv.results import logged as logged_result
from flowenv.results.document import ResultDocument, digest
from flowenv.results.lines import lines_of
from flowenv.results.output_files import packed
from flowenv.results.stored import read_result, store_result
from flowenv.serialization.plain_data import NotData, decode_data
from flowenv.submission.lifecycle import prepare
from flowenv_local import LocalEnvironment

RUN_ID = "6f1c0a3c-6c0b-4f0e-9d0a-0a54d7a3b6c1"


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """What an exploit makes."""
    return tmp_path / "ran"


@pytest.fixture
def documents(ran: Path) -> dict[str, Any]:
    """Results that run something when they are read as objects."""
    command = f"touch {ran}"
    pickled = {"$pickle": base64.b64encode(pickle.dumps(Runs(command))).decode()}
    called = {
        "$executor": {"$object": "subprocess:call"},
        "settings": {"args": ["touch", str(ran)]},
    }
    return {
        "a pickle": pickled,
        "a call": called,
        "a name": {"$object": "this:s"},
        "a pickle in a list": [1, pickled],
        "a pickle in a mapping": {"a": {"b": pickled}},
        "a pickle in a tuple": {"$items": "tuple", "value": [pickled]},
        "a pickle in plain": {"$plain": {"$items": pickled}},
        "a pickle behind data": {"$text": "path", "value": "a", **pickled},
    }


KINDS = (
    *("a pickle", "a call", "a name", "a pickle in a list", "a pickle in a mapping"),
    *("a pickle in a tuple", "a pickle in plain", "a pickle behind data"),
)


@pytest.mark.parametrize("kind", KINDS)
class TestAResultThatActs:
    def test_is_refused(self, documents: dict[str, Any], kind: str, ran: Path) -> None:
        with pytest.raises(NotData):
            decode_data(documents[kind])
        assert not ran.exists()

    def test_is_refused_in_a_store_with_the_right_digest(
        self, documents: dict[str, Any], kind: str, ran: Path, tmp_path: Path
    ) -> None:
        content = json.dumps(documents[kind]).encode()
        (tmp_path / f"{RUN_ID}.json").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        with pytest.raises(ResultUnavailable, match="allow_pickle=True"):
            read_result(f"file://{tmp_path}", RUN_ID, digest)
        assert not ran.exists()


@pytest.mark.parametrize(
    "document",
    [
        {"$text": "path"},
        {"$text": ["path"], "value": "a"},
        {"$text": "eval", "value": "1"},
        {"$text": "datetime", "value": "yesterday"},
        {"$items": "list", "value": [1]},
        {"$items": "set", "value": [[1]]},
        {"$items": "set", "value": 1},
        {"$plain": [1]},
        {"$items": "dict", "value": [[[], 1]]},
        {"$items": "dict", "value": [1]},
        {"$text": "decimal", "value": "x"},
        {"$scalar": "O", "value": 1},
        {"$scalar": "<f8", "value": "x"},
        {"$scalar": 1, "value": 1},
        {"$frame": "eval", "value": ""},
        {"$frame": ["pandas"], "value": ""},
        {"$array": "AAAA"},
        {"$array": 1},
        {"$array": base64.b64encode(b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O'}   ").decode()},
    ],
)
def test_nonsense_is_an_error_that_says_so(document: Any) -> None:
    with pytest.raises(PayloadError, match="can't be read"):
        decode_data(document)


def test_a_result_as_deep_as_a_mine_is_an_error(tmp_path: Path) -> None:
    content = b"[" * 200_000
    (tmp_path / f"{RUN_ID}.json").write_bytes(content)
    with pytest.raises(PlatformError, match="nested too deeply"):
        read_result(f"file://{tmp_path}", RUN_ID, hashlib.sha256(content).hexdigest())


def test_another_result_than_the_record_tells_of_is_not_read(tmp_path: Path) -> None:
    digest = store_result(f"file://{tmp_path}", RUN_ID, ResultDocument.of((1, 2)).content())
    store_result(f"file://{tmp_path}", RUN_ID, ResultDocument.of((1, 3)).content())
    with pytest.raises(PlatformError, match="SHA-256 is another"):
        read_result(f"file://{tmp_path}", RUN_ID, digest, allow_pickle=True)


def test_a_run_id_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("1")
    (tmp_path / "results").mkdir()
    with pytest.raises(FlowenvError, match="no run's id"):
        read_result(f"file://{tmp_path}/results", "../a", hashlib.sha256(b"1").hexdigest())


# -- records ------------------------------------------------------------------------------


class Told:
    """A handle whose record somebody else has written."""

    reference = "there"

    def __init__(self, record: str) -> None:
        self.record = record

    def follow(self, timeout: float | None = None) -> Any:
        yield Status(State.COMPLETED)

    def outcome(self) -> Outcome | None:
        return Outcome.from_text(self.record, RUN_ID)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FlowRun]:
    monkeypatch.setenv("FLOWENV_RESULTS_URL", f"file://{tmp_path}/results")
    configuration.cache_clear()
    monkeypatch.setattr(configuration, "cache_clear", configuration.cache_clear)

    def make(**record: Any) -> FlowRun:
        run = prepare(Flow(dict, name="f"), environment=LocalEnvironment()).flow_run
        run.id = RUN_ID
        run.handle = Told(json.dumps({"run": RUN_ID, "state": "Completed", **record}))
        return run

    return make


@pytest.mark.parametrize("name", ["result_url", "stored", "url", "place"])
def test_no_place_is_taken_from_a_record(
    told: Callable[..., FlowRun], tmp_path: Path, name: str, documents: dict[str, Any], ran: Path
) -> None:
    evil = tmp_path / "evil.json"
    evil.write_text(json.dumps(documents["a pickle"]))
    run = told(**{name: f"file://{evil}", "result_type": "dict"})
    with pytest.raises(FlowenvError):
        run.result(allow_pickle=True)
    assert not ran.exists()


def test_a_pickle_is_read_where_the_caller_says_so(
    told: Callable[..., FlowRun], tmp_path: Path
) -> None:
    point = dataclasses.make_dataclass("Point", ["x"])
    digest = store_result(
        f"file://{tmp_path}/results", RUN_ID, ResultDocument.of(point(1)).content()
    )
    run = told(stored=digest, result_type="Point")
    with pytest.raises(ResultUnavailable, match="isn't only data"):
        run.result()
    assert run.result(allow_pickle=True).x == 1


def test_or_where_the_configuration_says_so(
    told: Callable[..., FlowRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flowenv.toml").write_text("allow_pickle = true\n")
    monkeypatch.setenv("FLOWENV_CONFIG", str(tmp_path / "flowenv.toml"))
    configuration.cache_clear()
    digest = store_result(f"file://{tmp_path}/results", RUN_ID, ResultDocument.of(print).content())
    assert told(stored=digest, result_type="function").result() is print


# -- files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../escaped", "/tmp/escaped", "a/../../escaped", "..", "a\\..\\escaped", "a\nb"]
)
def test_no_file_of_a_run_leaves_the_folder_that_its_reader_chooses(
    told: Callable[..., FlowRun], tmp_path: Path, name: str
) -> None:
    document = packed([(name, b"mine")])
    run = told(files_logged=hashlib.sha256(document).hexdigest())
    lines = lines_of(RUN_ID, document)
    run.handle.logs = lambda follow: iter(lines or ())  # type: ignore[union-attr,method-assign]
    with pytest.raises(PlatformError, match="no name of a file"):
        run.files().save(tmp_path / "a" / "chosen")
    assert not list(tmp_path.rglob("escaped"))


def test_files_of_another_digest_count_for_nothing(
    told: Callable[..., FlowRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logged_result, "PAUSES", (0.0,))
    document = packed([("a", b"mine")])
    run = told(files_logged="0" * 64)
    lines = [line.replace(digest(document)[:16], "0" * 16) for line in lines_of(RUN_ID, document)]
    run.handle.logs = lambda follow: iter(lines)  # type: ignore[union-attr,method-assign]
    with pytest.raises(ResultUnavailable):
        run.files()
