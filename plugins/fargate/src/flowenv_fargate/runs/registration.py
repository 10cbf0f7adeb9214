"""Registers task definitions: once, and only where there isn't the same one yet."""

from __future__ import annotations

import copy
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowenv.errors import PlatformError, RunConflict
from flowenv.plugin import Reason, TryAgain
from flowenv_fargate.api.client import Aws
from flowenv_fargate.api.refusals import AwsBusy, AwsRefused, Kind
from flowenv_fargate.api.service_model import parameters_of
from flowenv_fargate.api.vendor_errors import Unanswered
from flowenv_fargate.environment import FargateTaskEnvironment
from flowenv_fargate.runs.log_groups import LogGroups
from flowenv_fargate.spec.definition.comparison import all_differences, differences
from flowenv_fargate.spec.definition.identity import (
    Definition,
    definition_hash,
    flow_container_name,
    tagged,
)
from flowenv_fargate.spec.shapes import REGISTER
from flowenv_fargate.spec.tags import SPEC_HASH

REMEMBERED_FOR = 300.0
"""Seconds after which a definition that was there is looked for again."""


class DefinitionMismatch(RunConflict, ValueError):
    """The family has another task definition than the one that was asked for."""


@dataclass(frozen=True)
class Registered:
    """A revision that is there.

    Args:
        arn: of the revision.
        definition: as ECS describes it.
        ours: whether flowenv registered it, so that it has all that a flow needs.
        seen: when it was seen, on the monotonic clock.
    """

    arn: str
    definition: Mapping[str, Any]
    ours: bool
    seen: float


class Definitions:
    """The task definitions of one account, as far as this process needs them.

    Args:
        aws: calls AWS.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._known: dict[str, Registered] = {}
        self._revisions: dict[str, Mapping[str, Any]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self.log_groups = LogGroups(aws)

    def ensure(self, environment: FargateTaskEnvironment, definition: Definition) -> Registered:
        """The revision to run; registered if the family has no such one.

        Args:
            environment: whose arguments and `on_mismatch` count.
            definition: the spec's finished task definition.

        Raises:
            DefinitionMismatch: if the family has another definition; says in what.
            PlatformError: if AWS refuses.
        """
        wanted = tagged(definition)
        # of somebody else's definition only what was given counts: it may differ for one hash
        given = json.dumps([environment.on_mismatch, _given(environment)], default=str)
        digest = hashlib.sha256(given.encode()).hexdigest()
        key = f"{wanted['family']}/{definition_hash(wanted)}/{digest}"
        registered = self._remembered(key, lambda: self._ensure(environment, wanted))
        if registered.ours:
            self._ensure_log_group(environment, wanted, needed=False)
        return registered

    def existing(self, name: str) -> Registered:
        """An existing definition, by family, `family:revision` or ARN.

        Raises:
            PlatformError: if it isn't there.
        """
        return self._remembered(name, lambda: self._existing(name))

    def revision(self, arn: str) -> Mapping[str, Any]:
        """One revision's definition, also if it is no longer active; it never changes."""
        if arn not in self._revisions:
            answer = self._aws.call("ecs", "DescribeTaskDefinition", {"taskDefinition": arn})
            self._revisions[arn] = answer["taskDefinition"]
        return self._revisions[arn]

    def forget(self) -> None:
        """Look for all definitions again."""
        self._known.clear()

    def _remembered(self, key: str, find: Any) -> Registered:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:  # of many runs at once, one looks
            known = self._known.get(key)
            if known is None or time.monotonic() - known.seen > REMEMBERED_FOR:
                known = self._known[key] = find()
                self._revisions[known.arn] = known.definition
            return known

    def _existing(self, name: str) -> Registered:
        found = self.describe(name)
        if found is None:
            raise PlatformError(
                f"There is no active task definition {name!r}.",
                hint="Check taskDefinition and the region, or leave it out to have one registered.",
                reason=Reason.CONFIGURATION,
            )
        definition, _ = found
        return Registered(definition["taskDefinitionArn"], definition, False, time.monotonic())

    def describe(self, name: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        """A definition and its tags; None if there is no active one of that name."""
        parameters = {"taskDefinition": name, "include": ["TAGS"]}
        try:
            answer = self._aws.call("ecs", "DescribeTaskDefinition", parameters)
        except AwsRefused as error:
            if error.refusal.kind is Kind.ABSENT:
                return None
            raise
        definition = answer["taskDefinition"]
        if definition.get("status") != "ACTIVE":
            return None
        tags = {tag["key"]: tag.get("value", "") for tag in answer.get("tags") or []}
        return definition, tags

    def _ensure(self, environment: FargateTaskEnvironment, wanted: Definition) -> Registered:
        def attempt() -> Registered:
            # again after each: an answer may be lost, or another process registers the same
            if found := self._same(environment, wanted):
                return found
            try:
                return self._register(environment, wanted)
            except (AwsBusy, Unanswered) as error:
                raise TryAgain(error) from error.__cause__

        return self._aws.retries.call(attempt)

    def _same(self, environment: FargateTaskEnvironment, wanted: Definition) -> Registered | None:
        """The family's latest revision, if it will do; None if one must be registered."""
        found = self.describe(wanted["family"])
        if found is None:
            return None
        definition, tags = found
        ours = SPEC_HASH in tags
        if ours and tags[SPEC_HASH] == definition_hash(wanted):
            return Registered(definition["taskDefinitionArn"], definition, True, time.monotonic())
        if ours:
            differing = all_differences(_located(wanted, self._aws), definition)
        else:
            differing = differences(_set_by_user(environment, wanted, definition), definition)
            if not differing:
                arn = definition["taskDefinitionArn"]
                return Registered(arn, definition, False, time.monotonic())
        if environment.on_mismatch == "register":
            return None
        raise DefinitionMismatch(
            f"The family {wanted['family']} has another task definition, "
            f"{definition['taskDefinitionArn'].rpartition('/')[2]}; it differs in "
            f"{', '.join(differing[:6]) or 'something that ECS does not show'}.",
            hint="Use another family (or none, for one of its own), on_mismatch='register' for a "
            "new revision, or taskDefinition alone to run it as it is.",
        )

    def _register(self, environment: FargateTaskEnvironment, wanted: Definition) -> Registered:
        request = _located(wanted, self._aws)
        self._ensure_log_group(environment, wanted, needed=True)
        answer = self._aws.call("ecs", "RegisterTaskDefinition", request, tries=1)
        definition = answer["taskDefinition"]
        return Registered(definition["taskDefinitionArn"], definition, True, time.monotonic())

    def _ensure_log_group(
        self, environment: FargateTaskEnvironment, wanted: Definition, *, needed: bool
    ) -> None:
        """Make the log group, where the log settings are flowenv's and not the user's."""
        containers = environment.kwargs.get("containerDefinitions") or [{}]
        logs = wanted["containerDefinitions"][0].get("logConfiguration")
        if logs is not None and "logConfiguration" not in containers[0]:
            self.log_groups.ensure(logs["options"], needed=needed)


def _located(definition: Definition, aws: Aws) -> Definition:
    """The definition with the region in the log settings that lack it."""
    result = copy.deepcopy(definition)
    for container in result["containerDefinitions"]:
        logs = container.get("logConfiguration") or {}
        if logs.get("logDriver") == "awslogs":
            logs.setdefault("options", {}).setdefault("awslogs-region", aws.region)
    return result


def _given(environment: FargateTaskEnvironment) -> dict[str, Any]:
    """The user's arguments of the definition."""
    return {k: v for k, v in environment.kwargs.items() if k in parameters_of(REGISTER).members}


def _set_by_user(
    environment: FargateTaskEnvironment, wanted: Definition, found: Mapping[str, Any]
) -> dict[str, Any]:
    """Of the definition only what the user set: their arguments, and the flow's image."""
    given = _given(environment)
    containers = copy.deepcopy(given.get("containerDefinitions") or [{}])
    first = containers[0]
    # a first container without a name is whichever comes first there
    first.setdefault("name", flow_container_name(found))
    first["image"] = wanted["containerDefinitions"][0]["image"]
    for name in ("command", "entryPoint"):
        first.pop(name, None)  # the run brings its own, or is refused
    return {**given, "containerDefinitions": containers}
