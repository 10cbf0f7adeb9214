"""What an AWS account needs before tasks can run in it."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


class ClientFactory(Protocol):
    """Makes boto3 clients."""

    def __call__(self, name: str) -> Any:
        """A client for the service."""


@dataclass(frozen=True)
class Account:
    """Names and ARNs of what `EcsRig.prepare` has made."""

    cluster: str
    cluster_arn: str
    subnets: list[str]
    security_group: str
    execution_role: str
    execution_role_arn: str
    task_role_arn: str
    log_group: str
    region: str

    @property
    def network_configuration(self) -> dict[str, Any]:
        """RunTask's `networkConfiguration`."""
        return {
            "awsvpcConfiguration": {
                "subnets": self.subnets,
                "securityGroups": [self.security_group],
                "assignPublicIp": "DISABLED",
            }
        }

    def log_configuration(self, prefix: str = "run") -> dict[str, Any]:
        """A container's `logConfiguration`."""
        return {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": self.log_group,
                "awslogs-region": self.region,
                "awslogs-stream-prefix": prefix,
            },
        }


def prepare_account(client: ClientFactory, region: str, cluster: str) -> Account:
    """Make a cluster, a security group, two roles and a log group; the subnets are there."""
    ec2, iam = client("ec2"), client("iam")
    made = client("ecs").create_cluster(
        clusterName=cluster, capacityProviders=["FARGATE", "FARGATE_SPOT"]
    )["cluster"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    group = ec2.create_security_group(
        GroupName=f"{cluster}-tasks",
        Description="Tasks of the rig",
        VpcId=subnets["Subnets"][0]["VpcId"],
    )
    roles = {
        name: iam.create_role(
            RoleName=f"{cluster}-{name}", AssumeRolePolicyDocument=json.dumps(_TRUST)
        )["Role"]
        for name in ("execution", "task")
    }
    log_group = f"/ecs/{cluster}"
    client("logs").create_log_group(logGroupName=log_group)
    return Account(
        cluster=cluster,
        cluster_arn=made["clusterArn"],
        subnets=[subnet["SubnetId"] for subnet in subnets["Subnets"]],
        security_group=group["GroupId"],
        execution_role=roles["execution"]["RoleName"],
        execution_role_arn=roles["execution"]["Arn"],
        task_role_arn=roles["task"]["Arn"],
        log_group=log_group,
        region=region,
    )
