"""How a run is found again: tokens, tags, and what is left when the tags are gone."""

import datetime
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv.contract import FLOW_RUN_ID, PAYLOAD
from flowenv.errors import SpecError
from flowenv.plugin import Marks
from flowenv_fargate.spec.tags import (
    MARKS,
    Identity,
    client_token,
    decode,
    encode,
    run_tags,
    started_by,
)
from flowenv_fargate.spec.tags import RUN_ID as RUN_TAG

RUN_ID = "11111111-2222-3333-4444-555555555555"
CREATED = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
labels = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=20
)


def task(**fields: Any) -> dict[str, Any]:
    return {"taskArn": "arn", "taskDefinitionArn": "arn:…:task-definition/fam:3", **fields}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_in_the_characters_of_a_tag(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9+\-=._:/@]*", encode(text))
    assert decode(encode(text)) == text


@given(labels, st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_flow_and_labels_are_read_back_from_the_tags(found: list[str], flow: str) -> None:
    tags = run_tags(Marks(RUN_ID, flow, tuple(found), CREATED))
    identity = Identity.of(task(tags=tags, startedBy=started_by(RUN_ID)))

    assert identity is not None
    assert (identity.run_id, identity.labels, identity.created) == (RUN_ID, tuple(found), CREATED)
    assert flow.startswith(identity.flow)
    assert all(len(tag["value"]) <= 256 and len(tag["key"]) <= 128 for tag in tags)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text()))
def test_as_many_parameters_as_a_tag_holds_are_read_back(given: dict[str, str]) -> None:
    given.pop("…", None)
    tags = run_tags(Marks(RUN_ID, "flow", parameters=given, submitter="me@größe"))
    identity = Identity.of(task(tags=tags, startedBy=started_by(RUN_ID)))

    assert identity is not None
    assert identity.submitter == "me@größe"
    read = dict(identity.parameters)
    more = read.pop("…", "0 more")
    assert list(given.items())[: len(read)] == list(read.items())
    assert len(read) + int(more.removesuffix(" more")) == len(given)
    assert all(len(tag["value"]) <= 256 for tag in tags)


def test_what_is_left_out_is_counted_once() -> None:
    given = {"a": "1", "b": "x" * 300, "…": "3 more"}
    tags = run_tags(Marks(RUN_ID, "flow", parameters=given))
    identity = Identity.of(task(tags=tags, startedBy=started_by(RUN_ID)))
    assert identity is not None
    assert identity.parameters == {"a": "1", "…": "4 more"}


def test_a_label_that_no_tag_can_hold_is_refused() -> None:
    with pytest.raises(SpecError, match="label"):
        run_tags(Marks(RUN_ID, "flow", ("x" * 257,)))


def test_client_token_and_started_by_are_what_ecs_takes() -> None:
    assert re.fullmatch(r"[\x21-\x7e]{1,64}", client_token(RUN_ID))
    assert re.fullmatch(r"[A-Za-z0-9_/-]{1,128}", started_by(RUN_ID))
    assert client_token(RUN_ID) == client_token(RUN_ID)


def test_a_stopped_task_without_tags_is_known_by_started_by() -> None:
    identity = Identity.of(task(startedBy=started_by(RUN_ID)))

    assert identity is not None
    assert (identity.run_id, identity.flow) == (RUN_ID, "fam")


def test_a_task_with_the_users_started_by_and_no_tags_is_known_by_its_overrides() -> None:
    variables = [{"name": FLOW_RUN_ID, "value": RUN_ID}, {"name": PAYLOAD, "value": "data:"}]
    overrides = {"containerOverrides": [{"name": "flow", "environment": variables}]}
    identity = Identity.of(task(startedBy="me", overrides=overrides), "me")

    assert identity is not None
    assert (identity.run_id, identity.container) == (RUN_ID, "flow")


@pytest.mark.parametrize("started", [None, "somebody", "flowenv/../../x", "flowenv/"])
def test_tags_alone_make_no_run(started: str | None) -> None:
    copied = run_tags(Marks(RUN_ID, "flow", ("nightly",), CREATED))

    assert Identity.of(task(tags=copied, startedBy=started)) is None


@pytest.mark.parametrize("said", ["", "nonsense", "[]", "{" * 5000, '{"flowenv:labels.x": 3}'])
def test_nonsense_in_tags_and_marks_stops_nobody(said: str) -> None:
    variables = [{"name": PAYLOAD, "value": "data:"}, {"name": MARKS, "value": said}]
    overrides = {"containerOverrides": [{"name": "flow", "environment": variables}]}
    for tags in ([], [{"key": RUN_TAG, "value": said}, {"key": "flowenv:labels.x"}]):
        seen = task(startedBy=started_by(RUN_ID), overrides=overrides, tags=tags)
        identity = Identity.of(seen)
        assert identity is not None
        assert identity.run_id == RUN_ID


def test_anybody_elses_task_is_no_run() -> None:
    assert Identity.of(task(startedBy="ecs-svc/123", tags=[{"key": "team", "value": "a"}])) is None
