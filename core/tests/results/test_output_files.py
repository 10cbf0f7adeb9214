"""Files that come back: one document, and a folder in which nobody else's file is touched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv.environments.environment import Environment
from flowenv.errors import FileConflict, PlatformError, ResultUnavailable
from flowenv.results.document import digest
from flowenv.results.object_urls import Kept, object_url
from flowenv.results.output_files import (
    LARGEST,
    MOST_FILES,
    OutputFiles,
    compressed,
    decompressed,
    is_name,
    packed,
    unpacked,
)
from flowenv.results.output_folder import output_dir
from flowenv.results.record.outcome import Outcome
from flowenv.runs.files_of_run import files_of_run
from flowenv.runs.flow_run import FlowRun
from flowenv.serialization import storage
from flowenv.states import State, Status

PLOTS = {"plots/loss.png": b"\x89PNG\n\0", "table.csv": b"a,b\n", "empty": b""}


def files(given: dict[str, bytes]) -> OutputFiles:
    return unpacked(packed(list(given.items())))


# -- one document -------------------------------------------------------------------------


_LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\")


@given(st.dictionaries(st.text(_LETTERS, min_size=1).filter(is_name), st.binary(max_size=50)))
def test_what_is_packed_is_unpacked(contents):
    assert dict(files(contents)) == contents


@pytest.mark.parametrize(
    "name",
    [
        *("", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "..", "."),
        *("a\\b", "a\nb", "a\0b", "\ud800", "x" * 256, "a/" * 600 + "a", "a\x1b[2J"),
    ],
)
def test_a_name_that_is_no_path_below_a_folder_is_refused(name):
    assert not is_name(name)
    with pytest.raises(PlatformError, match="no name of a file"):
        files({name: b"x"})


@pytest.mark.parametrize(
    "document",
    [
        *(b"", b"\n", b"{}\n", b"[[1]]\n", b'[["a"]]\n', b'[["a",-1]]\n', b'[["a",true]]\nx'),
        *(b'[["a",2]]\nx', b'[["a",1]]\nxx', b'[["a",1.0]]\nx', b"[" * 100_000 + b"\n"),
        *(b'[["a",1],["a",1]]\nxx', b'[["a",1],["a/b",1]]\nxx', b'[[["a"],1]]\nx', b'[["a",0]]'),
        json.dumps([[str(n), 0] for n in range(MOST_FILES + 1)]).encode() + b"\n",
    ],
)
def test_what_is_no_such_document_is_an_error(document):
    with pytest.raises(PlatformError, match="can't be read"):
        unpacked(document)


def test_what_grows_without_end_is_refused(monkeypatch):
    from flowenv.results import output_files

    monkeypatch.setattr(output_files, "LARGEST", 1000)
    monkeypatch.setattr(output_files, "_LARGEST_HEAD", 1000)
    with pytest.raises(PlatformError, match="too large"):
        decompressed(compressed(b"\0" * 2001))
    with pytest.raises(PlatformError, match="can't be read"):
        decompressed(b"no such thing")
    assert LARGEST > 1000


# -- in a folder --------------------------------------------------------------------------


def test_files_are_written_where_they_belong_and_once_more_changes_nothing(tmp_path):
    for _ in range(2):
        paths = files(PLOTS).save(tmp_path / "new" / "folder")
        assert {p.relative_to(tmp_path / "new/folder").as_posix() for p in paths} == set(PLOTS)
    assert (tmp_path / "new/folder/plots/loss.png").read_bytes() == PLOTS["plots/loss.png"]


@pytest.mark.parametrize("there", ["table.csv", "plots", "plots/loss.png"])
def test_what_is_there_is_not_replaced_and_nothing_else_is_written(tmp_path, there):
    path = tmp_path / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(FileConflict, match=there):
        files(PLOTS).save(tmp_path)
    assert path.read_text() == "mine"
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("link", ["plots", "table.csv", "plots/loss.png"])
@pytest.mark.parametrize("exists", [True, False])
def test_no_symbolic_link_is_followed(tmp_path, link, exists):
    elsewhere, target = tmp_path / "elsewhere", tmp_path / "target"
    (elsewhere if exists else tmp_path).mkdir(exist_ok=True)
    (target / link).parent.mkdir(parents=True)
    (target / link).symlink_to(elsewhere)
    with pytest.raises(FileConflict):
        files(PLOTS).save(target)
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


def test_a_link_that_comes_in_between_is_not_followed_either(tmp_path):
    """The contents are asked for once to compare, once to write: then the link is there."""
    asked = []

    def read(name):
        asked.append(name)
        if len(asked) == 2:
            (tmp_path / "plots").symlink_to(tmp_path.parent)
        return b"x"

    with pytest.raises(FileConflict):
        OutputFiles({"plots/x": 1}, read).save(tmp_path)
    assert not (tmp_path.parent / "x").exists()


# -- of a run -----------------------------------------------------------------------------

RUN_ID = "6f1c0a3c-6c0b-4f0e-9d0a-0a54d7a3b6c1"
OVER = Status(State.COMPLETED)


def run_with(**metadata: str) -> FlowRun:
    class Somewhere(Environment):
        backend = "toy"

    Somewhere.metadata = metadata  # type: ignore[attr-defined]
    return FlowRun(Somewhere(), id=RUN_ID, flow_name="f")


def outcome(**given: str) -> Outcome:
    return Outcome(RUN_ID, State.COMPLETED, **given)


def test_a_run_that_left_nothing_has_no_files():
    assert dict(files_of_run(run_with(), OVER, outcome())) == {}


def test_files_in_the_log_are_read_from_there():
    document = packed(list(PLOTS.items()))
    found = files_of_run(
        run_with(), OVER, outcome(files_logged=digest(document)), lambda sha, what: document
    )
    assert dict(found) == PLOTS


def test_stored_files_are_read_by_who_has_the_url_if_they_are_those(tmp_path):
    base, content = f"file://{tmp_path}", compressed(packed(list(PLOTS.items())))
    storage.write(object_url(base, RUN_ID, Kept.FILES), content)
    told = outcome(files_stored=digest(content))
    assert dict(files_of_run(run_with(results_url=base), OVER, told)) == PLOTS
    with pytest.raises(ResultUnavailable, match="isn't set here"):
        files_of_run(run_with(), OVER, told)
    storage.write(object_url(base, RUN_ID, Kept.FILES), b"another's")
    with pytest.raises(PlatformError, match="SHA-256"):
        files_of_run(run_with(results_url=base), OVER, told)


def test_files_that_stayed_behind_say_why_and_what_to_do():
    told = outcome(files_left="they have 3,000,000 bytes")
    with pytest.raises(ResultUnavailable, match=r"3,000,000 bytes\. Set results_url"):
        files_of_run(run_with(), OVER, told)


@pytest.mark.parametrize("told", [None, Outcome(RUN_ID, State.CANCELLED)])
def test_of_a_run_that_was_ended_nothing_comes_back(told):
    with pytest.raises(ResultUnavailable, match="it is Cancelled"):
        files_of_run(run_with(), Status(State.CANCELLED), told)


def test_the_record_says_where_the_files_are_also_with_a_result_that_just_fits():
    told = outcome(files_logged="a" * 64)
    for size in range(3700, 4200):
        whole = Outcome(
            RUN_ID, State.COMPLETED, result="x" * size, has_result=True, files_logged="a" * 64
        )
        record = whole.to_bytes()
        assert len(record) <= 4096
        assert Outcome.from_text(record, RUN_ID).files_logged == told.files_logged


@pytest.mark.parametrize("name", ["flowenv.toml", "sub/pyproject.toml", "Flowenv.TOML"])
def test_what_would_be_a_configuration_is_not_written_and_the_others_are(tmp_path, name):
    found = unpacked(packed([("a.txt", b"1"), (name, b'plugins = ["evil.py"]')]))
    with pytest.raises(FileConflict, match="flowenv would take for a configuration"):
        found.save(tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]
    assert found[name]


def test_an_output_folder_that_can_not_be_made_says_what_to_set(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FLOWENV_OUTPUT", str(tmp_path / "file" / "folder"))
    with pytest.raises(
        PlatformError, match=r"file/folder can't be made: Not a directory\. Set FLOWENV"
    ):
        output_dir()
