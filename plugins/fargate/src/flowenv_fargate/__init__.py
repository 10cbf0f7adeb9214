"""Run flows as AWS Fargate tasks."""

from flowenv_fargate.environment import FargateTaskEnvironment

__all__ = ["FargateTaskEnvironment"]
