"""On which line of a TOML file a key stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowenv.settings.toml_source import TomlSource

TEXT = '''\
image = "a" # a comment with [brackets] and = signs
plugins = [
  "one",
  ["not", "a", "table"],
]
text = """
[not.a.table]
key = 1
"""
other."dotted.key" = 1

[environments.prod]
type = "k8s"
table = { a = 1, b = [1,
2] }

[ environments . "my.env" ] # a comment
type = 'local'
[[array]]
key = 1
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (["image"], 1),
        (["plugins"], 2),
        (["text"], 6),
        (["other", "dotted.key"], 10),
        (["environments", "prod"], 12),
        (["environments", "prod", "type"], 13),
        (["environments", "prod", "table"], 14),
        (["environments", "my.env"], 17),
        (["environments", "my.env", "type"], 18),
        (["array", "key"], 20),
    ],
)
def test_the_line_of_a_key(keys, line):
    assert TomlSource(Path("f.toml"), TEXT).place(*keys) == f"f.toml:{line}"


@pytest.mark.parametrize(
    ("keys", "line"),
    [(["environments", "prod", "absent"], 12), (["environments", "prod", "table", "a"], 14)],
)
def test_a_key_without_a_line_of_its_own_is_in_what_holds_it(keys, line):
    assert TomlSource(Path("f.toml"), TEXT).place(*keys) == f"f.toml:{line}"


def test_a_key_that_is_nowhere_is_in_the_file():
    assert TomlSource(Path("f.toml"), TEXT).place("absent") == "f.toml"


def test_windows_line_ends_count_once():
    assert TomlSource(Path("f.toml"), "a = 1\r\nb = 2\r\n").place("b") == "f.toml:2"


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "f.toml").write_bytes(b"\xef\xbb\xbfa = 1\n")
    source = TomlSource.read(tmp_path / "f.toml")
    assert (source.document(), source.place("a")) == ({"a": 1}, f"{tmp_path}/f.toml:1")
