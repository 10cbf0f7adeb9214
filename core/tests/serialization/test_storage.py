"""Objects at a URL: written, read and removed through fsspec."""

from __future__ import annotations

import json
import sys

import pytest

from flowenv.errors import ConfigurationError, PlatformError
from flowenv.serialization import storage


def test_what_is_written_is_read(tmp_path):
    url = f"file://{tmp_path}/a/b/object"
    storage.write(url, b"data")
    assert storage.read(url) == b"data"


def test_writing_again_replaces(tmp_path):
    url = f"file://{tmp_path}/object"
    storage.write(url, b"first")
    storage.write(url, b"[2]")
    assert json.loads(storage.read(url)) == [2]


def test_what_is_removed_is_gone_and_again_makes_no_difference(tmp_path):
    url = f"file://{tmp_path}/object"
    storage.write(url, b"data")
    storage.remove(url)
    storage.remove(url)
    with pytest.raises(PlatformError, match="can't be read"):
        storage.read(url)


def test_what_can_not_be_written_is_an_error_of_the_platform(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match="can't be written"):
        storage.write(f"file://{tmp_path}/file/object", b"data")


def test_an_unknown_scheme_is_an_error():
    with pytest.raises(ConfigurationError, match="no URL that fsspec knows"):
        storage.read("odd://x/y")


def test_without_fsspec_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigurationError, match="pip install fsspec"):
        storage.read("s3://x/y")


# -- what is known before anything is written --------------------------------------------


@pytest.mark.parametrize("url", ["file:///x", "memory://x", "/x", "simplecache::file:///x"])
def test_no_package_is_missing_for_what_fsspec_does_itself(url):
    assert storage.missing_package(url) == ""


def test_the_package_of_a_scheme_is_named():
    assert storage.missing_package("gs://bucket/x") == "gcsfs"
    assert storage.missing_package("simplecache::gs://bucket/x") == "gcsfs"


def test_an_unknown_scheme_is_a_mistake():
    with pytest.raises(ConfigurationError, match="s4"):
        storage.missing_package("s4://bucket/x")
