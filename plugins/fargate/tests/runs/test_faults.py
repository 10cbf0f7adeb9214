"""Tasks that the platform fails, and an API that is throttled, late or away."""

from typing import Any

import pytest

from flowenv.errors import (
    RunCrashed,
    TransientPlatformError,
)
from flowenv.plugin import Reason, State
from flowenv.remote import outages
from flowenv_fargate.runs import handle
from rigs.ecs import EcsRig, Script

from .followed import ENDLESS, OnRig, Submit, until

# -- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason", "can_retry"),
    [
        ("image_pull", Reason.IMAGE_PULL, False),
        ("eni_failure", Reason.NETWORK, True),
        ("oom_kill", Reason.OOM_KILLED, False),
        ("spot_interruption", Reason.PREEMPTED, True),
    ],
)
def test_a_task_that_the_platform_fails_is_crashed_with_a_reason_and_a_hint(
    fault: str,
    reason: Reason,
    can_retry: bool,
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    scripts: Any,
) -> None:
    scripts.chosen = ENDLESS
    with rig.faults.inject(fault):
        status = submit(on_rig()).wait(20)

    assert (status.state, status.reason) == (State.CRASHED, reason)
    assert status.message
    assert status.hint
    assert status.can_retry is can_retry


def test_the_platforms_own_words_are_in_the_error(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    with rig.faults.inject("image_pull"), pytest.raises(RunCrashed, match="CannotPull"):
        submit(on_rig()).result(20)


def test_missing_right_after_the_start_is_not_lost(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    with rig.faults.inject("missing", times=3) as fault:
        assert run.refresh().state is State.SUBMITTED
        assert run.wait(20).state is State.COMPLETED

    assert fault.struck == 3


def test_missing_for_a_moment_later_is_not_lost_either(
    rig: EcsRig, on_rig: OnRig, submit: Submit, scripts: Any
) -> None:
    scripts.chosen = ENDLESS
    run = submit(on_rig())
    until(run, State.RUNNING)
    with rig.faults.inject("missing", times=2):
        assert run.handle is not None
        assert run.handle.status().state is State.RUNNING
    scripts.chosen = Script(exit_code=1)

    assert run.wait(20).reason is Reason.EXITED


def test_a_task_that_ecs_never_showed_is_lost_in_the_end(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "MISSING_SECONDS", 0.1)
    run = submit(on_rig())
    with rig.faults.inject("missing", times=None):
        status = run.wait(20)

    assert (status.state, status.reason) == (State.CRASHED, Reason.LOST)


def test_a_run_that_ended_more_than_an_hour_ago_has_its_outcome_from_the_log(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    for _ in range(10):  # each look moves the task one state on
        rig.client("ecs").describe_tasks(cluster="flows", tasks=[run.reference])
    until_stopped = rig.tasks.wait(run.reference, "STOPPED")
    assert run.handle is not None
    run.handle.status()
    rig.tasks.forget_stopped()

    assert until_stopped.status == "STOPPED"
    assert run.result(20) == 3


@pytest.mark.parametrize("fault", ["throttling", "credentials_expired"])
def test_a_look_that_goes_wrong_is_made_again(
    fault: str, rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    with rig.faults.inject(fault, operation="DescribeTasks") as injected:
        assert run.wait(20).state is State.COMPLETED

    assert injected.struck == 1


def test_following_bears_an_outage(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())
    run.refresh()
    with rig.faults.inject("throttling", operation="DescribeTasks", times=20) as fault:
        assert run.wait(20).state is State.COMPLETED

    assert fault.struck == 20


def test_during_an_outage_the_status_says_since_when_there_is_no_news(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    run = submit(on_rig())
    with rig.faults.inject("throttling", operation="DescribeTasks", times=20):
        seen = list(run.follow(20))

    assert seen[0].message.startswith("No news since")
    assert "DescribeTasks" in seen[0].message
    assert seen[-1].state is State.COMPLETED
    assert [one for one in seen if one.message.startswith("No news")] == seen[:1]


def test_an_outage_that_lasts_too_long_ends_the_following(
    rig: EcsRig, on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "PATIENCE", 0.1)
    run = submit(on_rig())
    with rig.faults.inject("throttling", operation="DescribeTasks", times=None):
        with pytest.raises(TransientPlatformError):
            run.wait(20)
    assert run.wait(20).state is State.COMPLETED


def test_a_task_that_does_not_start_in_time_is_stopped(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig(start_timeout=0.001))
    status = run.wait(20)

    assert (status.state, status.reason) == (State.CRASHED, Reason.DEADLINE)
    assert rig.requests.count("StopTask") == 1
