"""The layered merge: every sentence of its rules, and what holds for any layers."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv import Secret
from flowenv.contract import EXTRA_LOGGERS, LOGGING_LEVEL, Target
from flowenv.contract.variables import SPEC_FILE, Layer, Variables
from flowenv.errors import SpecError


def merge(layers, existing=(), target=Target.FLOW):
    return Variables(lambda _: layers).merge(existing, target)


def below(values, name="configuration"):
    return Layer(name, values)


def above(values, name="contract"):
    return Layer(name, values, above_file=True)


def hook(values, name="plugin acme"):
    return Layer(name, values, above_file=True, replaces_references=True)


def test_later_layers_win_and_the_users_file_sits_between():
    layers = [
        below(dict.fromkeys("abcd", "low")),
        above({"c": "high", "d": "high"}),
        hook({"d": "hook"}),
    ]
    file = [{"name": n, "value": "file"} for n in "bcd"]
    assert merge(layers, file).values == {"a": "low", "b": "file", "c": "high", "d": "hook"}


def test_an_entry_says_which_layers_had_set_it_before():
    merged = merge([below({"a": "1"}), above({"a": "3"})], [{"name": "a", "value": "2"}])
    (entry,) = merged
    assert (entry.layer, entry.replaced) == ("contract", ("configuration", SPEC_FILE))


def test_the_files_entries_keep_their_order_and_come_last():
    file = [{"name": n, "value": "1"} for n in "zayb"]
    merged = merge([below({"m": "0", "y": "0"}), above({"z": "9"})], file)
    assert [entry.name for entry in merged] == ["m", "z", "a", "y", "b"]


def test_a_reference_of_the_file_is_kept():
    reference = {"secretKeyRef": {"name": "s", "key": "k"}}
    merged = merge([below({"a": "1"}), above({"a": "3"})], [{"name": "a", "valueFrom": reference}])
    (entry,) = merged
    assert (entry.reference, entry.value, entry.layer) == (reference, None, SPEC_FILE)


def test_a_hook_replaces_a_reference():
    merged = merge([hook({"a": "3"})], [{"name": "a", "valueFrom": {"fieldRef": {}}}])
    (entry,) = merged
    assert (entry.reference, entry.value) == (None, "3")


def test_none_removes_a_variable_and_says_who_did():
    merged = merge([hook({"a": None})], [{"name": "a", "value": "1"}])
    assert merged.values == {}
    (removed,) = merged.removed
    assert (removed.name, removed.layer) == ("a", "plugin acme")


def test_what_was_removed_can_be_set_again_by_a_later_layer():
    merged = merge(
        [hook({"a": None}, "first"), hook({"a": "2"}, "second")], [{"name": "a", "value": "1"}]
    )
    assert merged.values == {"a": "2"}
    assert merged.removed == ()


def test_removing_what_is_not_there_leaves_no_trace():
    merged = merge([hook({"a": None})])
    assert (merged.entries, merged.removed) == ((), ())


def test_a_secret_stays_a_secret_and_is_masked_as_json():
    merged = merge([hook({"token": Secret("hidden")})])
    assert merged.secrets == {"token": Secret("hidden")}
    assert "hidden" not in repr(merged)
    assert merged.entries[0].to_json()["value"] == "***"


def test_an_empty_value_of_the_file_is_a_value():
    merged = merge([below({"a": "1"})], [{"name": "a", "value": ""}])
    assert merged.values == {"a": ""}


def test_an_entry_without_a_value_is_an_empty_one():
    assert merge([], [{"name": "a"}]).values == {"a": ""}


def test_the_layers_of_a_target_are_asked_for_once():
    asked = []
    variables = Variables(lambda target: asked.append(target) or [])
    variables.merge()
    variables.merge()
    variables.merge(target=Target.WORKER)
    assert asked == [Target.FLOW, Target.WORKER]


def test_every_merge_is_kept_for_explanations():
    variables = Variables(lambda target: [below({"a": "1"})])
    merged = variables.merge(container="main")
    assert variables.merged == [merged]
    assert merged.container == "main"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"value": "1"}], r"no name: \['value'\]"),
        ([{"name": "", "value": "1"}], "no name"),
        (["A=1"], "no name: str"),
        ([{"name": "a"}, {"name": "a"}], "a comes twice"),
        ([{"name": "a", "value": "1", "valueFrom": {"x": 1}}], "both a value and a valueFrom"),
        ([{"name": "a", "value": 1}], "a has a int as its value. .* quotes"),
        ([{"name": "a", "value": 0}], "a has a int"),
        ([{"name": "a", "value": True}], "a has a bool"),
    ],
)
def test_a_wrong_entry_of_the_file_is_an_error(entries, message):
    with pytest.raises(SpecError, match=message):
        merge([], entries)


def test_an_error_about_an_entry_does_not_show_its_value():
    with pytest.raises(SpecError) as raised:
        merge([], [{"value": "s3cr3t"}])
    assert "s3cr3t" not in str(raised.value)


def test_a_changed_reference_does_not_reach_the_users_data():
    file = [{"name": "a", "valueFrom": {"secretKeyRef": {"name": "s"}}}]
    merged = merge([], file)
    merged.entries[0].reference["secretKeyRef"]["name"] = "changed"
    assert file[0]["valueFrom"]["secretKeyRef"]["name"] == "s"


NAMES = st.sampled_from("abcdef")
# a NUL character is refused, in a file as elsewhere
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3)
VALUES = st.dictionaries(NAMES, st.none() | TEXTS | st.builds(Secret, TEXTS))
LAYERS = st.lists(
    st.builds(Layer, st.sampled_from(["one", "two"]), VALUES, st.booleans(), st.booleans())
)
FILES = st.lists(
    st.fixed_dictionaries({"name": NAMES, "value": TEXTS})
    | st.fixed_dictionaries({"name": NAMES, "valueFrom": st.just({"fieldRef": {"f": "x"}})}),
    unique_by=lambda entry: entry["name"],
)


@given(LAYERS, FILES)
def test_there_is_one_entry_a_name(layers, file):
    merged = merge(layers, file)
    names = [entry.name for entry in (*merged.entries, *merged.removed)]
    assert len(names) == len(set(names))


@given(LAYERS, FILES)
def test_the_last_layer_that_sets_a_name_wins(layers, file):
    merged = {entry.name: entry for entry in merge(layers, file)}
    order = [layer for layer in layers if not layer.above_file]
    order += [layer for layer in layers if layer.above_file]
    for name in "abcdef":
        setters = [layer for layer in order if name in layer.values]
        if setters and setters[-1].above_file and setters[-1].replaces_references:
            last = setters[-1].values[name]
            assert (merged[name].value if name in merged else None) == last


@given(LAYERS, FILES)
def test_nothing_that_is_given_is_changed(layers, file):
    before = copy.deepcopy((layers, file))
    merge(layers, file)
    assert (layers, file) == before


@given(LAYERS, FILES)
def test_the_same_merge_gives_the_same_entries(layers, file):
    assert merge(layers, file) == merge(layers, file)


@given(FILES)
def test_without_layers_the_file_stays_as_it_is(file):
    merged = merge([], file)
    assert [(e.name, e.value or "", e.reference) for e in merged] == [
        (e["name"], e.get("value", ""), e.get("valueFrom")) for e in file
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            LOGGING_LEVEL,
            "bogus",
            "(set by: configuration) is 'bogus', which is no logging level: DEBUG",
        ),
        (EXTRA_LOGGERS, "3", "(set by: configuration) is '3', which is no list of names"),
    ],
)
def test_a_logging_variable_that_no_process_could_read_is_refused(
    name: str, value: str, said: str
) -> None:
    layer = Layer("configuration", {name: value})
    with pytest.raises(SpecError) as caught:
        Variables(lambda _: [layer]).merge()
    assert f"{name} {said}" in str(caught.value)


@pytest.mark.parametrize("value", ["debug", "", "Warn", "$(LEVEL)"])
def test_a_logging_level_may_be_written_in_many_ways(value: str) -> None:
    layer = Layer("configuration", {LOGGING_LEVEL: value})
    assert Variables(lambda _: [layer]).merge().values == {LOGGING_LEVEL: value}
