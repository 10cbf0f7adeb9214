"""What the ECS rig's API remembers: tokens, tags, filters, pages, revisions, places."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rigs.ecs import EcsRig, Image, Script, ScriptedRunner
from rigs.ecs.simple_tasks import SimpleTasks


@pytest.fixture(scope="module")
def runner() -> ScriptedRunner:
    return ScriptedRunner(lambda _task: Script(running_steps=None))


@pytest.fixture(scope="module")
def rig(runner: ScriptedRunner) -> Iterator[EcsRig]:
    with EcsRig({"flow:1": Image()}, runner=runner) as rig:
        yield rig


@pytest.fixture(scope="module")
def tasks(rig: EcsRig) -> SimpleTasks:
    tasks = SimpleTasks(rig)
    tasks.register(tags=[{"key": "owner", "value": "definition"}])
    return tasks


def listed(tasks: SimpleTasks, **filters: Any) -> list[str]:
    found = tasks.ecs.list_tasks(cluster=tasks.account.cluster, **filters)
    return list(found["taskArns"])


def test_the_same_token_and_parameters_give_the_same_tasks(tasks: SimpleTasks) -> None:
    request = tasks.request(["true"], clientToken="once", count=3)

    first = tasks.ecs.run_task(**request)["tasks"]
    second = tasks.ecs.run_task(**request)["tasks"]

    assert len(first) == 3
    assert [task["taskArn"] for task in second] == [task["taskArn"] for task in first]


def test_the_same_token_with_other_parameters_is_a_conflict(tasks: SimpleTasks) -> None:
    task = tasks.run(["true"], clientToken="twice")

    with pytest.raises(ClientError) as caught:
        tasks.run(["false"], clientToken="twice")

    assert caught.value.response["Error"]["Code"] == "ConflictException"
    assert dict(caught.value.response)["resourceIds"] == [task]


def test_a_token_counts_within_its_cluster(tasks: SimpleTasks) -> None:
    tasks.ecs.create_cluster(clusterName="second")

    here = tasks.run(clientToken="two-clusters")
    there = tasks.run(clientToken="two-clusters", cluster="second")

    assert here != there


def test_tags_of_the_request_and_of_the_definition_reach_the_task(tasks: SimpleTasks) -> None:
    own = [{"key": "run", "value": "7"}]

    plain = tasks.run(tags=own)
    propagated = tasks.run(tags=own, propagateTags="TASK_DEFINITION")

    [first, second] = tasks.describe(plain, propagated)
    assert first["tags"] == own
    assert second["tags"] == [{"key": "owner", "value": "definition"}, *own]


def test_tags_are_shown_only_when_asked_for(tasks: SimpleTasks) -> None:
    task = tasks.run(tags=[{"key": "run", "value": "7"}])

    [shown] = tasks.ecs.describe_tasks(cluster=tasks.account.cluster, tasks=[task])["tasks"]

    assert "tags" not in shown


def test_a_task_can_be_tagged_later(tasks: SimpleTasks) -> None:
    task = tasks.run(tags=[{"key": "a", "value": "1"}])

    tasks.ecs.tag_resource(resourceArn=task, tags=[{"key": "b", "value": "2"}])
    tasks.ecs.untag_resource(resourceArn=task, tagKeys=["a"])

    found = tasks.ecs.list_tags_for_resource(resourceArn=task)
    assert found["tags"] == [{"key": "b", "value": "2"}]


def test_stop_task_deletes_the_tags(tasks: SimpleTasks) -> None:
    task = tasks.run(tags=[{"key": "run", "value": "7"}])

    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task)

    assert tasks.describe(task)[0]["tags"] == []


def test_tasks_are_listed_by_who_started_them_and_by_family(tasks: SimpleTasks) -> None:
    tasks.register("listed")
    task = tasks.run(taskDefinition="listed", startedBy="flowenv/run-1")

    assert listed(tasks, startedBy="flowenv/run-1") == [task]
    assert listed(tasks, family="listed") == [task]
    assert listed(tasks, startedBy="flowenv/run-2") == []


def test_stopped_tasks_are_listed_only_when_asked_for(
    tasks: SimpleTasks, runner: ScriptedRunner
) -> None:
    task = tasks.run(startedBy="stopped")
    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task)
    runner.run_to_end()

    assert listed(tasks, startedBy="stopped") == []
    assert listed(tasks, startedBy="stopped", desiredStatus="STOPPED") == [task]


def test_stopped_tasks_are_gone_after_an_hour(
    rig: EcsRig, tasks: SimpleTasks, runner: ScriptedRunner
) -> None:
    task = tasks.run()
    tasks.ecs.stop_task(cluster=tasks.account.cluster, task=task)
    runner.run_to_end()
    assert tasks.describe(task)[0]["lastStatus"] == "STOPPED"

    rig.tasks.forget_stopped()

    answer = tasks.ecs.describe_tasks(cluster=tasks.account.cluster, tasks=[task])
    assert answer["failures"] == [{"arn": task, "reason": "MISSING"}]


def test_a_task_of_another_cluster_is_missing(tasks: SimpleTasks) -> None:
    tasks.ecs.create_cluster(clusterName="elsewhere")
    task = tasks.run(cluster="elsewhere")

    answer = tasks.ecs.describe_tasks(cluster=tasks.account.cluster, tasks=[task])

    assert (answer["tasks"], answer["failures"][0]["reason"]) == ([], "MISSING")


def test_lists_come_in_pages_of_100(tasks: SimpleTasks) -> None:
    for _ in range(11):
        tasks.run(startedBy="many", count=10)

    first = tasks.ecs.list_tasks(cluster=tasks.account.cluster, startedBy="many")
    pages = tasks.ecs.get_paginator("list_tasks").paginate(
        cluster=tasks.account.cluster, startedBy="many"
    )

    assert len(first["taskArns"]) == 100
    assert len({arn for page in pages for arn in page["taskArns"]}) == 110


def test_a_family_means_its_latest_active_revision(tasks: SimpleTasks) -> None:
    first = tasks.register("revised")
    second = tasks.register("revised")
    tasks.ecs.deregister_task_definition(taskDefinition=second)

    found = tasks.ecs.describe_task_definition(taskDefinition="revised")["taskDefinition"]
    run = tasks.describe(tasks.run(taskDefinition="revised"))[0]

    assert found["taskDefinitionArn"] == first
    assert run["taskDefinitionArn"] == first


def test_revisions_are_listed_in_order_and_the_other_way_round(tasks: SimpleTasks) -> None:
    arns = [tasks.register("ordered") for _ in range(11)]

    ascending = tasks.ecs.list_task_definitions(familyPrefix="ordered")["taskDefinitionArns"]
    descending = tasks.ecs.list_task_definitions(familyPrefix="ordered", sort="DESC", maxResults=1)

    assert ascending == arns
    assert descending["taskDefinitionArns"] == arns[-1:]


def test_tags_of_a_definition_are_shown_when_asked_for(tasks: SimpleTasks) -> None:
    tags = [{"key": "spec", "value": "abc"}]
    arn = tasks.register("tagged", tags=tags)

    found = tasks.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])

    assert found["tags"] == tags
    assert found["taskDefinition"]["registeredAt"] is not None


def test_a_cluster_counts_its_tasks(tasks: SimpleTasks, runner: ScriptedRunner) -> None:
    tasks.ecs.create_cluster(clusterName="counted")
    tasks.run(cluster="counted")
    runner.step(3)
    tasks.run(cluster="counted")

    [cluster] = tasks.ecs.describe_clusters(clusters=["counted"])["clusters"]

    assert (cluster["runningTasksCount"], cluster["pendingTasksCount"]) == (1, 1)


def test_fargate_spot_by_capacity_provider_strategy(tasks: SimpleTasks) -> None:
    request = tasks.request(capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}])
    del request["launchType"]

    [task] = tasks.ecs.run_task(**request)["tasks"]

    assert (task["launchType"], task["capacityProviderName"]) == ("FARGATE", "FARGATE_SPOT")


def test_a_strategy_spreads_tasks_by_base_and_weight(tasks: SimpleTasks) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    request = tasks.request(capacityProviderStrategy=strategy, count=10)
    del request["launchType"]

    providers = [t["capacityProviderName"] for t in tasks.ecs.run_task(**request)["tasks"]]

    assert (providers.count("FARGATE"), providers.count("FARGATE_SPOT")) == (4, 6)


def test_ec2_tasks_need_an_instance_and_then_room_on_it(rig: EcsRig, tasks: SimpleTasks) -> None:
    tasks.ecs.create_cluster(clusterName="ec2")
    container = {"name": "main", "image": "flow:1", "memory": 5000}
    tasks.ecs.register_task_definition(family="large", containerDefinitions=[container])
    request = {"cluster": "ec2", "taskDefinition": "large", "launchType": "EC2"}

    with pytest.raises(ClientError, match="No Container Instances were found in your cluster"):
        tasks.ecs.run_task(**request)
    instance = rig.register_container_instance("ec2")
    placed = tasks.ecs.run_task(**request)
    full = tasks.ecs.run_task(**request)

    assert placed["tasks"][0]["containerInstanceArn"] == instance
    assert placed["tasks"][0]["lastStatus"] == "PENDING"
    assert (full["tasks"], full["failures"]) == (
        [],
        [{"arn": instance, "reason": "RESOURCE:MEMORY"}],
    )
