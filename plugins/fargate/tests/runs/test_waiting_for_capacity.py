"""A capacity provider brings an instance for a task that has none: until then its run is queued."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

import flowenv
from flowenv.plugin import FlowRun, Reason, State
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.hooks import flowenv_sweep
from rigs.ecs import EcsRig

Make = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]


@pytest.fixture
def cluster() -> str:
    return f"instances-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def on_instances(rig: EcsRig, on_rig: Make, cluster: str) -> Make:
    strategy = [{"capacityProvider": rig.add_capacity_provider(cluster)}]

    def make(**settings: object) -> FargateTaskEnvironment:
        where = {"cluster": cluster, "networkConfiguration": None}
        return on_rig(**where, capacityProviderStrategy=strategy, **settings)

    return make


def test_it_is_submitted_and_queued_and_says_for_what_it_waits(
    on_instances: Make, submit: Submit, cluster: str
) -> None:
    environment = on_instances()
    run = submit(environment)

    for seen in (run, flowenv.attach(run.id, environment)):
        assert seen.refresh().state is State.SUBMITTED
        assert seen.status.message == f"The task waits for an instance of instances-of-{cluster}."
        [queued] = seen.phases()
        assert (queued.name, queued.ended) == ("queued", None)


def test_it_goes_on_when_there_is_an_instance(
    rig: EcsRig, on_instances: Make, submit: Submit, cluster: str
) -> None:
    run = submit(on_instances())
    run.refresh()
    rig.register_container_instance(cluster)

    assert run.result(60) == 3
    assert [phase.name for phase in run.phases()][:3] == ["queued", "scheduling", "pulling"]


def test_it_is_stopped_after_start_timeout_and_swept(on_instances: Make, submit: Submit) -> None:
    environment = on_instances(start_timeout=0.3)
    [followed, left] = [submit(environment) for _ in range(2)]

    status = followed.wait(60)

    assert (status.state, status.reason) == (State.CRASHED, Reason.DEADLINE)
    swept = flowenv_sweep(environment, older_than=0.0, delete=True)
    assert left.id in {one.run_id for one in swept if one.kind == "task"}
