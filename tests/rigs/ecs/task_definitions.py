"""Task definitions: moto's, with ECS's checks, latest ACTIVE revisions, order and pages."""

import threading
from collections.abc import Callable
from typing import Any

from .definitions import check_definition, normalised
from .errors import AwsError
from .moto_backend import Moto
from .paging import page
from .records import now
from .requests import ApiCall
from .stored_definitions import as_stored, compatibilities


class TaskDefinitions:
    """Answers the task definition operations, and finds what RunTask shall run."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto
        self._added: dict[str, dict[str, Any]] = {}
        self._registering = threading.Lock()

    def operations(self) -> dict[str, Callable[[ApiCall], dict[str, Any]]]:
        """The operations by name."""
        return {
            "RegisterTaskDefinition": self.register,
            "DescribeTaskDefinition": self.describe,
            "DeregisterTaskDefinition": self.deregister,
            "ListTaskDefinitions": self.list,
        }

    def to_run(
        self, task_definition: str, region: str
    ) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """The definition that RunTask means, and its tags."""
        try:
            parameters = {"taskDefinition": task_definition, "include": ["TAGS"]}
            found = self._described(parameters, region)
        except AwsError:
            # github.com/Cloud-CV/EvalAI/issues/2419 (CreateService)
            raise AwsError("ClientException", "TaskDefinition not found.") from None
        return found["taskDefinition"], found.get("tags") or []

    def register(self, call: ApiCall) -> dict[str, Any]:
        """Check, then register a new revision."""
        parameters = normalised(call.parameters)
        check_definition(parameters)
        parameters = as_stored(parameters, self._moto.account_id)
        with self._registering:
            answer = self._moto.call("ecs", call.operation, parameters, call.region)
        definition = answer["taskDefinition"]
        self._added[definition["taskDefinitionArn"]] = {
            "registeredAt": now(),
            "registeredBy": f"arn:aws:iam::{self._moto.account_id}:user/rig",
            "compatibilities": compatibilities(parameters),
            "networkMode": parameters.get("networkMode") or "bridge",
        }
        self._add(definition)
        # moto answers without the tags; ECS has them beside the definition.
        return answer | {"tags": parameters.get("tags") or []}

    def describe(self, call: ApiCall) -> dict[str, Any]:
        """Describe a revision; of a family the latest ACTIVE one."""
        return self._described(dict(call.parameters), call.region)

    def deregister(self, call: ApiCall) -> dict[str, Any]:
        """Make a revision INACTIVE."""
        answer = self._moto.call("ecs", call.operation, call.parameters, call.region)
        definition = answer["taskDefinition"]
        added = self._added.setdefault(definition["taskDefinitionArn"], {})
        added.setdefault("deregisteredAt", now())
        self._add(definition)
        return answer

    def list(self, call: ApiCall) -> dict[str, Any]:
        """List revisions by family and number, or, with `sort` DESC, the other way round."""
        arns = self._moto.call("ecs", call.operation, call.parameters, call.region)
        descending = call.parameters.get("sort") == "DESC"
        ordered = sorted(arns["taskDefinitionArns"], key=_family_and_revision, reverse=descending)
        return page("taskDefinitionArns", ordered, call.parameters)

    def _described(self, parameters: dict[str, Any], region: str) -> dict[str, Any]:
        name = parameters["taskDefinition"].rpartition("/")[2]
        if ":" not in name:
            parameters["taskDefinition"] = self._latest_active(name, region)
        answer = self._moto.call("ecs", "DescribeTaskDefinition", parameters, region)
        self._add(answer["taskDefinition"])
        return answer

    def _latest_active(self, family: str, region: str) -> str:
        listed = self._moto.call(
            "ecs", "ListTaskDefinitions", {"familyPrefix": family, "status": "ACTIVE"}, region
        )["taskDefinitionArns"]
        if not listed:
            # github.com/sil-org/ecs-deploy/issues/145
            raise AwsError("ClientException", "Unable to describe task definition.")
        return str(max(listed, key=_family_and_revision))

    def _add(self, definition: dict[str, Any]) -> None:
        """What ECS tells of a definition and moto doesn't, or otherwise."""
        definition.update(self._added.get(definition["taskDefinitionArn"], {}))


def _family_and_revision(arn: str) -> tuple[str, int]:
    family, _, revision = arn.rpartition("/")[2].partition(":")
    return family, int(revision)
