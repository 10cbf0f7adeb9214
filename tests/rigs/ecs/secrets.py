"""Values of a container's `secrets`, from Secrets Manager and the SSM parameter store.

Forms of `valueFrom`: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""

import json
from typing import Any

from .errors import AwsError
from .lifecycle import StartFailure
from .moto_backend import Moto
from .records import Container, Task

# github.com/aws-samples/dataops-platform-airflow-dbt/issues/12 and
# github.com/aws/copilot-cli/issues/2095
_PREFIX = (
    "ResourceInitializationError: unable to pull secrets or registry auth: "
    "execution resource retrieval failed: unable to retrieve "
)


def secret_values(moto: Moto, task: Task, container: Container) -> dict[str, str]:
    """The container's secret variables.

    Raises StartFailure where a secret can't be had, as the task then doesn't start.
    """
    return {
        secret["name"]: _value(moto, task.region, secret["valueFrom"])
        for secret in container.definition.get("secrets") or []
    }


def _value(moto: Moto, region: str, value_from: str) -> str:
    if ":secretsmanager:" in value_from:
        return _from_secrets_manager(moto, value_from)
    return _from_parameter_store(moto, region, value_from)


def _from_secrets_manager(moto: Moto, value_from: str) -> str:
    """`arn:…:secret:NAME[:json-key:version-stage:version-id]`; an empty part means the default."""
    parts = value_from.split(":")
    arn = ":".join(parts[:7])
    json_key, stage, version = [*parts[7:], "", "", ""][:3]
    wanted: dict[str, Any] = {"SecretId": arn}
    if stage:
        wanted["VersionStage"] = stage
    if version:
        wanted["VersionId"] = version
    try:
        value: str = moto.call("secretsmanager", "GetSecretValue", wanted, parts[3])["SecretString"]
        return str(json.loads(value)[json_key]) if json_key else value
    except AwsError as error:
        detail = f"failed to fetch secret {arn} from secrets manager: {error}"
    except (KeyError, ValueError) as error:
        # Seen form for bad JSON: github.com/rileydakota/valheim-ecs-fargate-cdk/issues/9; these
        # words are ours.
        detail = f"(rig) secret {arn} has no JSON key {json_key}: {error!r}"
    raise StartFailure(
        f"{_PREFIX}secret from asm: service call has been retried 1 time(s): {detail}"
    )


def _from_parameter_store(moto: Moto, region: str, value_from: str) -> str:
    """A parameter's name, or `arn:…:parameter/NAME`, where the slash may belong to the name."""
    names = [value_from]
    if value_from.startswith("arn:"):
        region = value_from.split(":")[3]
        slashed = value_from.partition(":parameter")[2]
        names = [slashed, slashed.lstrip("/")]
    error: AwsError | None = None
    for name in names:
        wanted = {"Name": name, "WithDecryption": True}
        try:
            return str(moto.call("ssm", "GetParameter", wanted, region)["Parameter"]["Value"])
        except AwsError as refused:
            error = error or refused
    raise StartFailure(
        f"{_PREFIX}secrets from ssm: service call has been retried 1 time(s): {error}"
    )
