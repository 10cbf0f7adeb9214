"""A result as a file has it: as it is, or as the file's name says."""

from __future__ import annotations

import io
import os
import stat

import pytest

from flowenv.errors import ConfigurationError, FlowenvError
from flowenv.results.saved import content_for
from flowenv.results.whole_files import OWN, SHARED, check_writable, write_whole


@pytest.mark.parametrize(
    ("value", "name", "content"),
    [
        (b"\x89PNG", "loss.png", b"\x89PNG"),
        (bytearray(b"ab"), "ab", b"ab"),
        ("h\xe4llo\r\n", "a.txt", "h\xe4llo\r\n".encode()),
        ("no \udce4", "-", b"no \xe4"),
        ("no \ud800", "-", rb"no \ud800"),
        (["\ud800"], "a.json", b'[\n  "\\ud800"\n]\n'),
        ("a", "a.JSON", b'"a"\n'),
        ({"a": [1]}, "data", b'{\n  "a": [\n    1\n  ]\n}\n'),
        ({"a": [1]}, "data.txt", b"{'a': [1]}\n"),
        (None, "none.json", b"null\n"),
        ({1, 2}, "set.txt", b"{1, 2}\n"),
    ],
)
def test_bytes_and_text_are_as_they_are_and_all_else_as_the_name_says(value, name, content):
    assert content_for(value, name) == content


def test_a_form_that_a_result_has_not_names_those_that_it_has(recwarn):
    with pytest.raises(FlowenvError, match=r"type list .* to a\.png\. .* \.json or \.txt\."):
        content_for([1], "a.png")
    with pytest.raises(FlowenvError, match=r"type set .* to a\.json\. .* ends in \.txt\."):
        content_for({1}, "a.json")


def test_a_result_that_python_cannot_write_is_said():
    with pytest.raises(FlowenvError, match=r"type int can't be written to a\.txt: ValueError: "):
        content_for(10**6000, "a.txt")


def test_tables_and_arrays_have_forms_of_their_own():
    pandas = pytest.importorskip("pandas")
    numpy = pytest.importorskip("numpy")
    pytest.importorskip("pyarrow")
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert content_for(table, "t.csv") == content_for(table, "-") == b"a,b\n1,x\n2,y\n"
    assert content_for(table.set_index("b"), "t.csv") == b"b,a\nx,1\ny,2\n"
    for name in ("t.parquet", "t"):
        found = pandas.read_parquet(io.BytesIO(content_for(table, name)))
        assert found.equals(table)
    array = numpy.arange(3)
    assert list(numpy.load(io.BytesIO(content_for(array, "a.npy")))) == [0, 1, 2]
    with pytest.raises(FlowenvError, match=r"\.parquet or \.csv or \.txt"):
        content_for(table, "t.png")
    mixed = pandas.DataFrame({"a": pandas.Series([1, "x"], dtype=object)})
    assert content_for(mixed, "t.csv") == b"a\n1\nx\n"
    for value, name in ((mixed, "t.parquet"), (numpy.array([{}, 1], dtype=object), "a.npy")):
        with pytest.raises(FlowenvError, match="can't be written to"):
            content_for(value, name)


def test_a_write_that_is_interrupted_leaves_what_was_there(tmp_path, monkeypatch):
    def interrupted(*paths):
        raise KeyboardInterrupt

    path = tmp_path / ("a" * 251 + ".txt")  # the longest name that there can be
    write_whole(path, b"one", "result")
    monkeypatch.setattr(type(path), "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"two", "result")
    assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], b"one")


def test_a_file_is_replaced_as_a_whole_and_a_pipe_is_written_to(tmp_path):
    path = tmp_path / "a.txt"
    for content in (b"one", b"two"):
        write_whole(path, content, "result", mode=OWN)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == OWN
    assert list(tmp_path.iterdir()) == [path]
    path.chmod(0o640)
    for mode, left in ((SHARED, 0o640), (OWN, OWN)):
        write_whole(path, b"two", "result", mode=mode)
        assert stat.S_IMODE(path.stat().st_mode) == left
    read, write = os.pipe()
    write_whole(type(path)(f"/dev/fd/{write}"), b"three", "result")
    assert os.read(read, 9) == b"three"
    os.close(read)
    os.close(write)
    with pytest.raises(ConfigurationError, match="The result can't be written to"):
        check_writable(tmp_path / "none" / "a", "result")
