"""Which log configurations RegisterTaskDefinition refuses.

Source of the rules: LogConfiguration and FirelensConfiguration in botocore's service model of ECS.
"""

from collections.abc import Mapping
from typing import Any

from .errors import AwsError


def check_log_configurations(parameters: Mapping[str, Any]) -> None:
    """Raise AwsError for what ECS refuses in the log configurations of a definition."""
    containers = parameters["containerDefinitions"]
    fargate = "FARGATE" in (parameters.get("requiresCompatibilities") or [])
    for container in containers:
        if _driver(container) == "awslogs":
            _check_awslogs(container["logConfiguration"].get("options") or {})
            if fargate:
                _check_awslogs_on_fargate(parameters, container["logConfiguration"])
    _check_firelens(containers)


def _driver(container: Mapping[str, Any]) -> str | None:
    configuration: Mapping[str, Any] = container.get("logConfiguration") or {}
    return configuration.get("logDriver")


def _check_awslogs(options: Mapping[str, str]) -> None:
    missing = [name for name in ("awslogs-region", "awslogs-group") if not options.get(name)]
    if missing:
        # github.com/aws-cloudformation/cfn-lint/issues/1787, where both are missing
        raise AwsError(
            "ClientException", f"Log driver awslogs requires options: {', '.join(missing)}"
        )


def _check_awslogs_on_fargate(
    parameters: Mapping[str, Any], configuration: Mapping[str, Any]
) -> None:
    if not parameters.get("executionRoleArn"):
        # github.com/virtual-kubelet/virtual-kubelet/issues/193
        raise AwsError(
            "ClientException",
            "Fargate requires task definition to have execution role ARN to support log "
            "driver awslogs.",
        )
    if "awslogs-stream-prefix" not in configuration["options"]:
        # github.com/aws/aws-cdk/issues/1422
        raise AwsError(
            "ClientException",
            "Fargate requires log configuration options to include awslogs-stream-prefix to "
            "support log driver awslogs.",
        )


def _check_firelens(containers: list[Mapping[str, Any]]) -> None:
    routers = [c["firelensConfiguration"] for c in containers if c.get("firelensConfiguration")]
    sources = [c for c in containers if _driver(c) == "awsfirelens"]
    if routers and not sources:
        # github.com/aws/amazon-cloudwatch-logs-for-fluent-bit/issues/20
        raise AwsError(
            "ClientException",
            "When a firelensConfiguration object is specified, at least one container has to be "
            "configured with the awsfirelens log driver.",
        )
    if sources and not routers:
        # github.com/fabfuel/ecs-deploy/issues/164
        raise AwsError(
            "ClientException",
            "When awsfirelens log driver is specified in log configuration, a firelens "
            "configuration object must be configured in one of the containers.",
        )
    if any(router.get("type") not in ("fluentd", "fluentbit") for router in routers):
        # The values are botocore's; no public source for the words was found.
        raise AwsError("ClientException", "(rig) A firelens type is fluentd or fluentbit.")
