"""Overrides: measured as ECS counts them, and the payload that fits into them."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv import Secret
from flowenv.container.incoming_payload import read_payload
from flowenv.contract import PAYLOAD
from flowenv.errors import SpecError
from flowenv_fargate.spec.overrides import (
    LIMIT,
    check_length,
    data_url,
    inline_secrets,
    measure,
    put_payload_inline,
)


def overrides(**variables: Any) -> dict[str, Any]:
    entries = [{"name": name, "value": value} for name, value in variables.items()]
    return {"containerOverrides": [{"name": "flow", "environment": entries}]}


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=50), max_size=5))
def test_the_measure_is_what_boto3_sends(variables: dict[str, str]) -> None:
    plain = overrides(**variables)
    masked = overrides(**{name: Secret(value) for name, value in variables.items()})

    assert measure(plain) == measure(masked) == len(json.dumps(plain))


def test_exactly_the_limit_is_taken_and_one_more_is_refused() -> None:
    room = LIMIT - measure(overrides(LONG=""))
    check_length(overrides(LONG="x" * room))

    with pytest.raises(SpecError, match=r"8193 characters; ECS takes 8192\. Largest: LONG"):
        check_length(overrides(LONG="x" * (room + 1)))


def test_a_refusal_shows_no_secret() -> None:
    with pytest.raises(SpecError) as refused:
        check_length(overrides(TOKEN=Secret("s3cr3t" * 2000)))

    assert "s3cr3t" not in str(refused.value)


@given(st.binary())
def test_a_payload_is_read_back_from_its_url(payload: bytes) -> None:
    assert gzip.decompress(read_payload(data_url(payload))) == payload


def test_the_same_payload_gives_the_same_url() -> None:
    assert data_url(b"payload") == data_url(b"payload")


def test_a_payload_that_does_not_fit_leaves_the_override_as_it_was() -> None:
    import random

    found = overrides(A="1")
    [override] = found["containerOverrides"]

    assert not put_payload_inline(found, override, random.Random(0).randbytes(9000))
    assert found == overrides(A="1")
    assert put_payload_inline(found, override, b"small")
    assert override["environment"][-1]["name"] == PAYLOAD


def test_secrets_in_the_overrides_are_known_by_name() -> None:
    assert inline_secrets(overrides(A="1", TOKEN=Secret("x"))) == ["TOKEN"]
