"""The log of a run: followed to its end, whatever comes between."""

import pytest

from flowenv.plugin import State
from flowenv.remote import outages
from rigs.ecs import Account, EcsRig

from .followed import OnRig, Submit

# -- log --------------------------------------------------------------------------------------


def test_the_log_is_followed_to_its_end_without_the_record(on_rig: OnRig, submit: Submit) -> None:
    run = submit(on_rig())

    assert list(run.logs(follow=True)) == ["hello"]
    assert run.wait(20).state is State.COMPLETED
    assert list(run.logs()) == ["hello"]


def test_a_throttled_log_is_read_on_without_losing_or_doubling_lines(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    run = submit(on_rig())
    with rig.faults.inject("throttling", operation="GetLogEvents", times=3) as fault:
        assert list(run.logs(follow=True)) == ["hello"]

    assert fault.struck == 3


def test_a_log_goes_on_after_an_outage_of_cloudwatch_and_says_once_that_it_is_late(
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outages, "SPOKEN_OF", 0.0)
    run = submit(on_rig())
    with rig.faults.inject("throttling", operation="GetLogEvents", times=30) as fault:
        assert list(run.logs(follow=True)) == ["hello"]

    assert fault.struck == 30
    told = [one for one in caplog.records if "No news since" in one.getMessage()]
    assert len(told) == 1
    assert run.wait(20).state is State.COMPLETED


def test_on_ec2_a_stream_without_a_prefix_is_found_by_the_containers_id(
    rig: EcsRig, on_rig: OnRig, submit: Submit, account: Account
) -> None:
    rig.register_container_instance(account.cluster)
    options = {"awslogs-group": account.log_group, "awslogs-region": rig.region}
    container = {
        "name": "main",
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    run = submit(
        on_rig(launch_type="EC2", networkConfiguration=None, containerDefinitions=[container])
    )

    assert list(run.logs(follow=True)) == ["hello"]
    assert run.result(20) == 3
