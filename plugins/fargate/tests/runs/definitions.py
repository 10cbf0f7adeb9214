"""Task definitions of a family, ours and somebody else's."""

from collections.abc import Callable
from typing import Any

from flowenv.plugin import FlowRun
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import EcsRig

OnRig = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]


def revisions(rig: EcsRig, family: str) -> list[str]:
    listed = rig.client("ecs").list_task_definitions(familyPrefix=family)
    return [arn.rpartition("/")[2] for arn in listed["taskDefinitionArns"]]


def theirs(rig: EcsRig, environment: FargateTaskEnvironment, family: str, **changes: Any) -> str:
    """Somebody else's definition of that family, with a container of their own."""
    container = {"name": "theirs", "image": "flow:1", **changes}
    answer = rig.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=environment.kwargs["executionRoleArn"],
        containerDefinitions=[container],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def sent(rig: EcsRig, operation: str = "RunTask") -> Any:
    return rig.requests.of(operation)[-1].parameters
