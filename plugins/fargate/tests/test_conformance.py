"""The backend passes the kit that every backend has to pass, in tasks that really run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from flowenv.testing import BackendConformance
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import EcsRig

SUBMITTER = """
import json
from flowenv_fargate import FargateTaskEnvironment
environment = FargateTaskEnvironment(**json.loads('{settings}'))
"""


@pytest.mark.filterwarnings("ignore:Secret values of:UserWarning")
class TestConformance(BackendConformance):
    kill_points = (
        "flowenv_fargate.runs.submission:find_definition",
        "flowenv_fargate.runs.submission:_run",
    )

    @pytest.fixture(autouse=True)
    def _account(self, running_rig: EcsRig, working_settings: dict[str, Any]) -> None:
        self.rig = running_rig
        self.settings = working_settings
        self.submitter = SUBMITTER.format(settings=json.dumps(working_settings))

    def make_environment(self, **settings: Any) -> FargateTaskEnvironment:
        return FargateTaskEnvironment(**{**self.settings, **settings})

    def make_environment_with(self, entries: Sequence[dict[str, str]]) -> FargateTaskEnvironment:
        containers = [{"name": "main", "environment": list(entries)}]
        return self.make_environment(containerDefinitions=containers)

    def hold(self) -> AbstractContextManager[Any]:
        """Tasks wait for their network interface."""
        return self.rig.hold("PROVISIONING")

    def leftovers(self) -> list[str]:
        """What still runs in the account after a sweep."""
        living = [task for task in self.rig.tasks.visible() if task.desired_status != "STOPPED"]
        return [*super().leftovers(), *(task.arn for task in living)]
