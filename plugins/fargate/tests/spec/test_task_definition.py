"""Definitions: told apart by their content, compared by what matters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv_fargate.spec.tags import SPEC_HASH
from flowenv_fargate.spec.task_definition import (
    all_differences,
    definition_hash,
    differences,
    generated_family,
    is_generated,
    tagged,
)

WANTED: dict[str, Any] = {
    "family": "flows",
    "cpu": "512",
    "containerDefinitions": [
        {
            "name": "flow",
            "image": "flow:1",
            "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        }
    ],
}


def found(**changes: Any) -> dict[str, Any]:
    """What DescribeTaskDefinition says: with what ECS adds, and in its own order."""
    container = {
        "name": "flow",
        "image": "flow:1",
        "cpu": 0,
        "essential": True,
        "mountPoints": [],
        "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
        **changes,
    }
    return {"family": "flows", "cpu": "512", "containerDefinitions": [container], "revision": 3}


def test_what_ecs_adds_and_reorders_is_no_difference() -> None:
    assert differences(WANTED, found()) == []


def test_a_difference_says_where_and_shows_only_harmless_values() -> None:
    there = found(image="flow:2", environment=[{"name": "A", "value": "s3cr3t"}])

    assert differences(WANTED, there) == [
        "containerDefinitions[flow].image (flow:2 there, flow:1 here)",
        "containerDefinitions[flow].environment[A].value",
        "containerDefinitions[flow].environment[B] (isn't there)",
    ]


def test_what_the_user_did_not_set_is_not_compared() -> None:
    assert differences({"cpu": "512"}, found(image="other")) == []


@pytest.mark.parametrize(("wanted", "there"), [("1 vCPU", "1024"), (1024, "1024")])
def test_sizes_are_compared_as_ecs_stores_them(wanted: Any, there: str) -> None:
    assert differences({"cpu": wanted}, {"cpu": there}) == []


def test_of_ours_what_is_there_and_no_longer_wanted_counts_too() -> None:
    more = [{"name": n, "value": "1"} for n in ("A", "B", "C")]
    more[1]["value"] = "2"

    assert all_differences(WANTED, found(environment=more)) == [
        "containerDefinitions[flow].environment[C] (no longer wanted)"
    ]


def test_the_hash_is_of_the_content_alone() -> None:
    same = {**WANTED, "family": "other", "tags": [{"key": "a", "value": "b"}]}

    assert definition_hash(WANTED) == definition_hash(same)
    assert definition_hash(WANTED) != definition_hash({**WANTED, "cpu": "256"})


def test_the_registered_definition_carries_its_hash_once() -> None:
    twice = tagged(tagged({**WANTED, "tags": [{"key": "team", "value": "a"}]}))

    assert twice["tags"] == [
        {"key": "team", "value": "a"},
        {"key": SPEC_HASH, "value": definition_hash(WANTED)},
    ]


def test_a_generated_name_follows_what_plugins_made_of_the_definition() -> None:
    family = generated_family("flow", WANTED)
    changed = tagged({**WANTED, "family": family, "cpu": "1024"})

    assert changed["family"] == generated_family("flow", {**WANTED, "cpu": "1024"})
    assert tagged(WANTED)["family"] == "flows"


@given(st.text(max_size=300))
def test_any_flow_gets_a_family_that_ecs_takes(flow_name: str) -> None:
    import re

    family = generated_family(flow_name, WANTED)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", family)
    assert is_generated(family)
