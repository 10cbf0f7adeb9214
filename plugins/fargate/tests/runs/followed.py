"""Runs on tasks of the rig that are followed to a state."""

from collections.abc import Callable

from flowenv.plugin import FlowRun, State
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import Script

OnRig = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]
ENDLESS = Script(running_steps=None)


def until(run: FlowRun, state: State) -> None:
    """Follow a run until it has a state."""
    for status in run.follow(20):
        if status.state is state:
            return
    raise AssertionError(f"the run never got {state}, but {run.status}")
