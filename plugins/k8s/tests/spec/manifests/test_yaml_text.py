"""YAML is read as `kubectl` 1.36 reads it: each row is what it made of the text."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flowenv_k8s.spec.manifests.yaml_scalars import NotYaml
from flowenv_k8s.spec.manifests.yaml_text import DEEPEST, Path_, Place, documents


def read(text: str) -> Any:
    (document,) = documents(text)
    return document.data


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *((one, one) for one in ("12:30", "1:2", "190:20:30", "=", "0b", "0x")),
        *((one, one) for one in ("yEs", "tRUE", "nULL", "1a", "1,000", "1-2", "..", "1e400")),
        *((one, one) for one in ("2024-01-02", "2024-01-02T10:00:00Z", "._5", "+", "_1")),
        *((one, True) for one in ("y", "Y", "yes", "Yes", "YES", "on", "On", "true", "TRUE")),
        *((one, False) for one in ("n", "N", "no", "off", "Off", "false", "False")),
        *((one, None) for one in ("~", "null", "Null", "NULL", "")),
        *(("0755", 493), ("0o755", 493), ("0O17", 15), ("0_7", 7), ("00", 0), ("-0", 0)),
        *(("0x1F", 31), ("0X1f", 31), ("-0x1f", -31), ("0b101", 5), ("-0b11", -3), ("0B11", 3)),
        *(("+12", 12), ("-12", -12), ("1_000", 1000), ("1__0", 10), ("1_", 1)),
        *(("1.10", 1.1), (".5", 0.5), ("-.5", -0.5), ("1.", 1), ("1e3", 1000), ("1.5e-3", 0.0015)),
        *(("1.0", 1), ("08.5", 8.5), ("089", 89), ("1_0.5", 10.5)),
        *(("!!str 12", "12"), ("!!int '12'", 12), ("!!float 1.5", 1.5), ("!!bool yes", True)),
        *(("'12'", "12"), ('"yes"', "yes"), ("!!binary aGVsbG8=", "hello"), ("!foo 12", "12")),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(text: str, meant: object) -> None:
    found = read(f"v: {text}\n")["v"]
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize("text", [".nan", "+.inf", "-.Inf", "!!int x", "!!bool 1", "!!binary ?"])
def test_what_kubectl_refuses_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(NotYaml) as caught:
        documents(f"a: 1\nv: {text}\n")
    assert caught.value.line == 2


def test_keys_are_text() -> None:
    assert read("{yes: 1, 12: 2, 0755: 3, 1.10: 4, a: 5}") == {
        "true": 1,
        "12": 2,
        "493": 3,
        "1.1": 4,
        "a": 5,
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("~: 1", "a key must be a text"),
        ("[a]: 1", "a key must be a text"),
        ("{a: 1, a: 2}", "the key 'a' comes twice"),
        ("a: &a [1, *a]", "an anchor contains itself"),
        ("a: *b", "unknown anchor 'b'"),
        ("<<: 3", "'<<' needs a mapping"),
        ("a: [1", "did not find"),
        ("a: " + "[" * (DEEPEST + 1), "nested deeper"),
        ("[" * 200_000, "nested deeper"),
    ],
)
def test_a_text_that_can_not_be_meant_is_refused(text: str, problem: str) -> None:
    with pytest.raises(NotYaml, match=problem):
        documents(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{x: 3, <<: *b}", {"x": 1, "z": 2}),  # as kubectl: later wins
        ("{<<: *b, x: 3}", {"x": 3, "z": 2}),
        ("{<<: [{x: 5, q: 6}, *b]}", {"x": 5, "z": 2, "q": 6}),
        ("{<<: {q: 1}}", {"q": 1}),
        ("{'<<': 1}", {"<<": 1}),
        ("[*b, *b]", [{"x": 1, "z": 2}] * 2),
    ],
)
def test_aliases_and_merges(text: str, meant: object) -> None:
    assert read(f"base: &b {{x: 1, z: 2}}\nv: {text}\n")["v"] == meant


def test_aliases_that_multiply_are_refused_at_once() -> None:
    bomb = "a: &a [" + ", ".join(["x"] * 9) + "]\n"
    for last, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [" + ", ".join([f"*{last}"] * 9) + "]\n"
    assert len(bomb) < 460
    began = time.process_time()
    with pytest.raises(NotYaml, match="multiply"):
        documents(bomb)
    assert time.process_time() - began < 2


def test_aliases_that_nest_are_refused_too() -> None:
    levels = "\n".join(
        f"a{n}: &a{n} " + "[" * 50 + (f"*a{n - 1}" if n else "1") + "]" * 50 for n in range(40)
    )
    with pytest.raises(NotYaml, match="nest deeper"):
        documents(levels)


def test_every_part_has_its_line_and_is_known_as_it_is_written() -> None:
    (document,) = documents("a:\n  mode: 0755\n  b:\n  - yes\n  - &x 1.10\nc: *x\n")
    expected: dict[Path_, Place] = {
        ("a", "mode"): Place(2, "0755"),
        ("a", "b"): Place(3),
        ("a", "b", 0): Place(4, "yes"),
        ("a", "b", 1): Place(5, "1.10"),
        ("c",): Place(6, "1.10"),
    }
    assert {path: document.places[path] for path in expected} == expected


def test_documents_without_anything_do_not_count() -> None:
    assert [one.data for one in documents("---\n---\na: 1\n---\n# nothing\n...\n---\nb: 2\n")] == [
        {"a": 1},
        {"b": 2},
    ]
