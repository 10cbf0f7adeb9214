"""What there is in a rig's account that costs money, or that somebody has to remove one day."""

from .rig import EcsRig


def contents(rig: EcsRig) -> set[str]:
    """Tasks that haven't stopped, clusters, task definitions, roles and security groups.

    Returns:
        Their ARNs; security groups by name.
    """
    ecs, iam, ec2 = rig.client("ecs"), rig.client("iam"), rig.client("ec2")
    with rig.requests.paused():
        clusters = ecs.list_clusters()["clusterArns"]
        described = ecs.describe_clusters(clusters=clusters)["clusters"] if clusters else []
        return {
            *(task.arn for task in rig.tasks.visible() if task.status != "STOPPED"),
            *(one["clusterArn"] for one in described if one["status"] == "ACTIVE"),
            *ecs.list_task_definitions()["taskDefinitionArns"],
            *(role["Arn"] for role in iam.list_roles()["Roles"]),
            *(group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]),
        }


def log_streams(rig: EcsRig) -> set[str]:
    """All log streams, as `group/stream`."""
    logs = rig.client("logs")
    with rig.requests.paused():
        return {
            f"{group['logGroupName']}/{stream['logStreamName']}"
            for group in logs.describe_log_groups()["logGroups"]
            for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])[
                "logStreams"
            ]
        }
