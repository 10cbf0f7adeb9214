"""Definitions: told apart by their content, compared by what matters."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv_fargate.spec.definition.comparison import all_differences, differences
from flowenv_fargate.spec.definition.identity import (
    definition_hash,
    generated_family,
    is_generated,
    tagged,
)
from flowenv_fargate.spec.tags import SPEC_HASH

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


ROLE = "arn:aws:iam::123456789012:role/flows"
UNORDERED: dict[str, Any] = {
    "portMappings": [{"containerPort": 80}, {"containerPort": 80, "protocol": "udp"}],
    "mountPoints": [{"sourceVolume": "a"}, {"sourceVolume": "b"}],
    "volumesFrom": [{"sourceContainer": "a"}, {"sourceContainer": "b"}],
    "extraHosts": [{"hostname": "a"}, {"hostname": "b"}],
    "ulimits": [{"name": "core"}, {"name": "nproc"}],
    "logConfiguration": {"secretOptions": [{"name": "a"}, {"name": "b"}]},
}


def reordered(value: Any) -> Any:
    """The same, with every list the other way round."""
    if isinstance(value, dict):
        return {key: reordered(one) for key, one in value.items()}
    return [reordered(one) for one in reversed(value)] if isinstance(value, list) else value


@pytest.mark.parametrize("field", UNORDERED)
def test_lists_without_an_order_are_compared_and_hashed_without_it(field: str) -> None:
    def of(value: Any) -> dict[str, Any]:
        return {"family": "f", "containerDefinitions": [{"name": "flow", field: value}]}

    here, there = of(UNORDERED[field]), of(reordered(UNORDERED[field]))
    less = of({} if field == "logConfiguration" else UNORDERED[field][:1])

    assert all_differences(here, there) == []
    assert definition_hash(here) == definition_hash(there)
    assert all_differences(here, less)
    assert definition_hash(here) != definition_hash(less)


def test_the_order_of_a_command_counts() -> None:
    here = {"containerDefinitions": [{"name": "flow", "command": ["a", "b"]}]}
    there = {"containerDefinitions": [{"name": "flow", "command": ["b", "a"]}]}

    assert differences(here, there)
    assert definition_hash(here) != definition_hash(there)


def test_what_ecs_adds_to_a_port_is_no_difference() -> None:
    here = {"portMappings": [{"containerPort": 80}, {"containerPort": 80, "protocol": "udp"}]}
    there = {
        "portMappings": [
            {"containerPort": 80, "hostPort": 80, "protocol": "udp"},
            {"containerPort": 80, "hostPort": 80, "protocol": "tcp"},
        ]
    }

    assert differences(here, there) == []


@pytest.mark.parametrize("field", ["executionRoleArn", "taskRoleArn"])
def test_a_role_by_name_and_by_arn_are_the_same(field: str) -> None:
    assert differences({field: "flows"}, {field: ROLE}) == []
    assert definition_hash({field: "flows"}) == definition_hash({field: ROLE})
    assert differences({field: "others"}, {field: ROLE}) == [field]
