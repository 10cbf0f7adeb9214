"""Names and labels fit Kubernetes' limits, whatever a flow is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv.errors import SpecError
from flowenv_k8s.spec import names
from flowenv_k8s.spec.labels import label_of

ids = st.uuids().map(str)


@given(st.text(), ids, st.sampled_from([63, 53]))
def test_an_object_name_is_valid_and_ends_with_the_run(
    text: str, run_id: str, longest: int
) -> None:
    suffix = names.run_suffix(run_id)
    made = names.object_name(text, suffix, longest)
    assert names.is_name(made, longest)
    assert made.endswith("-" + suffix)
    assert "." not in made


@given(st.text(min_size=1))
def test_a_label_value_is_valid_or_refused(text: str) -> None:
    if not text.strip():
        with pytest.raises(SpecError):
            names.label_value(text)
    else:
        value = names.label_value(text)
        assert value
        assert names.is_label_value(value)


@given(st.text(min_size=1).filter(str.strip))
def test_a_label_key_is_valid(text: str) -> None:
    assert names.is_label_key(label_of(text))


@given(st.lists(st.text(min_size=1, max_size=80).filter(str.strip), min_size=2, unique=True))
def test_different_labels_stay_different(texts: list[str]) -> None:
    assert len({label_of(text) for text in texts}) == len(texts)


def test_a_valid_label_stays_readable() -> None:
    assert label_of("nightly-2.b") == "flowenv.io/label-nightly-2.b"


@pytest.mark.parametrize("name", ["-a", "a-", "A", "a_b", "", "a" * 64, "a..b", 3])
def test_what_kubernetes_refuses_is_no_name(name: object) -> None:
    assert not names.is_name(name)


@pytest.mark.parametrize("key", ["/a", "a/", "a/b/c", "A/b", "-a", "a" * 64])
def test_what_kubernetes_refuses_is_no_label_key(key: str) -> None:
    assert not names.is_label_key(key)
