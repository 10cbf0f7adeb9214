"""Tags of tasks: what may be one, where a task has them from, and the operations on them."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import AwsError
from .moto_backend import Moto
from .records import Task
from .registry import TaskRegistry
from .requests import ApiCall

Tag = dict[str, str]
_LIMIT, _KEY_LENGTH, _VALUE_LENGTH = 50, 128, 256
_SIGNS = "_./=+-:@"


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Raise AwsError for tags that ECS refuses. The rules: `tags` of RunTask in botocore."""
    texts = [text for tag in tags for text in (tag.get("key", ""), tag.get("value", ""))]
    if any(not _is_allowed(character) for text in texts for character in text):
        # github.com/prefect-archive/prefect-aws/issues/223 (RunTask)
        raise AwsError(
            "InvalidParameterException",
            "Some tags contain invalid characters. Valid characters: UTF-8 letters, spaces, "
            "numbers and _ . / = + - : @.",
        )
    keys = [tag.get("key", "") for tag in tags]
    # No public source for ECS's own words was found for any of these.
    if len(tags) > _LIMIT:
        raise _refusal(f"there are at most {_LIMIT} tags")
    if len(set(keys)) < len(keys):
        raise _refusal("each key stands once")
    if any(not 1 <= len(key) <= _KEY_LENGTH for key in keys):
        raise _refusal(f"a key has 1 to {_KEY_LENGTH} characters")
    if any(len(tag.get("value", "")) > _VALUE_LENGTH for tag in tags):
        raise _refusal(f"a value has at most {_VALUE_LENGTH} characters")
    if any(text.lower().startswith("aws:") for text in texts):
        raise _refusal("aws: is reserved")


def tags_of_task(
    parameters: Mapping[str, Any], cluster: Mapping[str, Any], of_definition: list[Tag]
) -> list[Tag]:
    """The tags that RunTask gives a task: the definition's, ECS's own, and those of the request."""
    inherited = of_definition if parameters.get("propagateTags") == "TASK_DEFINITION" else []
    managed = []
    if parameters.get("enableECSManagedTags"):
        managed = [{"key": "aws:ecs:clusterName", "value": cluster["clusterName"]}]
    return _merged(inherited + managed, parameters.get("tags") or [])


class TaskTags:
    """TagResource, UntagResource and ListTagsForResource: for tasks here, else through moto."""

    def __init__(self, moto: Moto, registry: TaskRegistry) -> None:
        self._moto = moto
        self._registry = registry

    def operations(self) -> dict[str, Callable[[ApiCall], dict[str, Any]]]:
        """The operations by name."""
        return {
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list,
        }

    def tag(self, call: ApiCall) -> dict[str, Any]:
        """Add tags, or replace their values."""
        check_tags(call.parameters["tags"])
        task = self._task(call)
        if task is None:
            return self._by_moto(call)
        with self._registry.changing(task):
            task.tags = _merged(task.tags, call.parameters["tags"])
        return {}

    def untag(self, call: ApiCall) -> dict[str, Any]:
        """Remove tags."""
        task = self._task(call)
        if task is None:
            return self._by_moto(call)
        with self._registry.changing(task):
            task.tags = [t for t in task.tags if t["key"] not in call.parameters["tagKeys"]]
        return {}

    def list(self, call: ApiCall) -> dict[str, Any]:
        """Show tags."""
        task = self._task(call)
        return self._by_moto(call) if task is None else {"tags": list(task.tags)}

    def _task(self, call: ApiCall) -> Task | None:
        arn = call.parameters["resourceArn"]
        return self._registry.find(arn) if ":task/" in arn else None

    def _by_moto(self, call: ApiCall) -> dict[str, Any]:
        return self._moto.call("ecs", call.operation, call.parameters, call.region)


def _merged(before: list[Tag], new: list[Tag]) -> list[Tag]:
    values = {tag["key"]: tag.get("value", "") for tag in [*before, *new]}
    return [{"key": key, "value": value} for key, value in values.items()]


def _is_allowed(character: str) -> bool:
    return character in _SIGNS or unicodedata.category(character)[0] in "LNZ"


def _refusal(rule: str) -> AwsError:
    return AwsError("InvalidParameterException", f"(rig) Of tags: {rule}.")
