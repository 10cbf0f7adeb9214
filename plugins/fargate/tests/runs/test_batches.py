"""Many runs of one flow: what their payloads have in common is in S3, once for all."""

from __future__ import annotations

import datetime
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import flowenv
from flowenv import Flow, State
from flowenv.container.incoming_payload import read_payload
from flowenv.plugin import Reason, contract, seconds_since
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.api import clocks
from flowenv_fargate.hooks import flowenv_sweep
from flowenv_fargate.runs import account as known
from rigs.ecs import EcsRig, Script

Make = Callable[..., FargateTaskEnvironment]
NOISE = random.Random(0).randbytes(4000).hex()
ROWS = [{"n": n} for n in range(4)]


@pytest.fixture
def long_flow(write_flow: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    return write_flow(
        f"noise = '{NOISE}'\n\n@flow\ndef add(n: int, text: str = ''):\n"
        "    return len(noise) + len(text) + n\n"
    )


def bucket_of(rig: EcsRig) -> str:
    name = f"runs-{uuid.uuid4().hex[:8]}"
    with rig.requests.paused():
        where = {"LocationConstraint": rig.region}
        rig.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)
    return name


@pytest.fixture
def bucket(rig: EcsRig) -> str:
    return bucket_of(rig)


@pytest.fixture
def settings(bucket: str) -> dict[str, Any]:
    return {
        "metadata": {"image": "flow:1", "payload_url": f"s3://{bucket}/flows"},
        "runtime": "image",
    }


@pytest.fixture
def environment(on_rig: Make, settings: dict[str, Any]) -> FargateTaskEnvironment:
    return on_rig(**settings)


def stored(rig: EcsRig, bucket: str) -> list[str]:
    with rig.requests.paused():
        found = rig.client("s3").list_objects_v2(Bucket=bucket)
    return [one["Key"].removeprefix("flows/") for one in found.get("Contents") or []]


def variables(rig: EcsRig) -> list[dict[str, str]]:
    """The variables that each RunTask brought."""
    return [
        {e["name"]: e["value"] for e in one["environment"]}
        for request in rig.requests.of("RunTask")
        for one in request.parameters["overrides"]["containerOverrides"]
    ]


class TestStoring:
    """On a rig whose tasks run nothing."""

    def test_it_is_stored_once_and_each_run_brings_its_own_part(
        self,
        rig: EcsRig,
        bucket: str,
        environment: FargateTaskEnvironment,
        long_flow: Flow[..., Any],
    ) -> None:
        flowenv.map(long_flow, ROWS, environment=environment)

        assert rig.requests.count("PutObject") == rig.requests.count("HeadObject") == 1
        assert rig.requests.count("RegisterTaskDefinition") <= 1
        assert rig.requests.count("RunTask") == len(ROWS)
        [key] = stored(rig, bucket)
        assert "/batches/" in key
        for one in variables(rig):
            assert key in one[contract.PAYLOAD_COMMON]
            assert len(one[contract.PAYLOAD]) < 1000

    def test_it_and_flowenv_leave_room_for_an_own_part_with_urls_of_temporary_credentials(
        self, rig: EcsRig, on_rig: Make, settings: dict[str, Any], long_flow: Flow[..., Any]
    ) -> None:
        given = {**settings, "runtime": "shipped", "aws_session_token": "t" * 1300}

        flowenv.map(long_flow, ROWS, environment=on_rig(**given))

        assert rig.requests.count("PutObject") == 2
        assert all(one[contract.PAYLOAD].startswith("data:") for one in variables(rig))

    def test_its_url_holds_for_a_week_at_most(
        self, rig: EcsRig, on_rig: Make, settings: dict[str, Any], long_flow: Flow[..., Any]
    ) -> None:
        patient = on_rig(**settings, start_timeout=8 * 24 * 3600)

        flowenv.map(long_flow, ROWS[:2], environment=patient)

        assert NOISE.encode() in read_payload(variables(rig)[0][contract.PAYLOAD_COMMON])

    def test_a_part_that_is_smaller_than_its_url_comes_with_each_run(
        self,
        rig: EcsRig,
        bucket: str,
        environment: FargateTaskEnvironment,
        write_flow: Callable[[str], Flow[..., Any]],
    ) -> None:
        flow = write_flow(f"text = '{'x' * 8000}'\n\n@flow\ndef add(n: int):\n    return n\n")

        flowenv.map(flow, ROWS, environment=environment)

        assert stored(rig, bucket) == []
        assert all(contract.PAYLOAD_COMMON not in one for one in variables(rig))

    @pytest.mark.parametrize("place", [{}, {"payload_url": "/srv/payloads"}])
    def test_without_a_place_in_s3_each_run_brings_all(
        self,
        place: dict[str, str],
        rig: EcsRig,
        on_rig: Make,
        write_flow: Callable[[str], Flow[..., Any]],
    ) -> None:
        flow = write_flow(f"noise = '{NOISE[:4200]}'\n\n@flow\ndef add(n: int):\n    return n\n")

        flowenv.map(flow, ROWS, environment=on_rig(metadata={"image": "flow:1", **place}))

        assert all(contract.PAYLOAD_COMMON not in one for one in variables(rig))
        assert rig.requests.count("PutObject") == 0

    def test_an_own_part_that_is_too_long_is_stored_for_its_run_and_goes_with_it(
        self,
        rig: EcsRig,
        bucket: str,
        environment: FargateTaskEnvironment,
        long_flow: Flow[..., Any],
        scripts: Any,
    ) -> None:
        rows = [{"n": n, "text": random.Random(n).randbytes(7000).hex()} for n in range(2)]
        scripts.chosen = Script(running_steps=None)

        batch = flowenv.map(long_flow, rows, environment=environment)

        assert len(stored(rig, bucket)) == 3
        batch.cancel()
        [key] = stored(rig, bucket)
        assert "/batches/" in key

    def test_it_is_swept_when_no_living_run_needs_it(
        self,
        rig: EcsRig,
        bucket: str,
        environment: FargateTaskEnvironment,
        long_flow: Flow[..., Any],
        scripts: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def swept() -> list[str]:
            found = flowenv_sweep(environment, older_than=0, delete=True)
            return [one.name for one in found if one.kind == "batch payload"]

        scripts.chosen = Script(running_steps=None)
        batch = flowenv.map(long_flow, ROWS[:2], environment=environment)
        assert swept() == []  # the next run needs it
        later = "flowenv_fargate.runs.sweep.seconds_since"
        monkeypatch.setattr(later, lambda then: seconds_since(then) + 25 * 3600)
        assert swept() == []  # and so do those that live
        batch.cancel()
        looks = (swept() for _ in range(9))  # each moves the tasks one step
        assert len(next(filter(None, looks))) == 1
        assert stored(rig, bucket) == []

    def test_a_machine_whose_clock_is_ahead_neither_sweeps_nor_writes_it_too_early(
        self,
        rig: EcsRig,
        bucket: str,
        environment: FargateTaskEnvironment,
        long_flow: Flow[..., Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        flowenv.map(long_flow, ROWS[:2], environment=environment).cancel()
        ahead = datetime.timedelta(hours=25)
        monkeypatch.setattr(clocks, "now", lambda: datetime.datetime.now(datetime.UTC) + ahead)
        for user in ("sweep", "shared_objects"):
            name = f"flowenv_fargate.runs.{user}.seconds_since"
            monkeypatch.setattr(name, lambda then: seconds_since(then - ahead))

        for _ in range(9):  # each moves the tasks one step
            found = flowenv_sweep(environment, older_than=0, delete=True)
            assert "batch payload" not in {one.kind for one in found}
        known.forget()
        flowenv.map(long_flow, ROWS[2:], environment=environment)
        assert rig.requests.count("PutObject") == 1

    def test_an_old_one_is_written_again_before_a_sweep_may_take_it(
        self,
        rig: EcsRig,
        environment: FargateTaskEnvironment,
        long_flow: Flow[..., Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        flowenv.map(long_flow, ROWS[:2], environment=environment)
        known.forget()  # as another process
        flowenv.map(long_flow, ROWS[2:], environment=environment)
        assert rig.requests.count("PutObject") == 1

        known.forget()
        later = "flowenv_fargate.runs.shared_objects.seconds_since"
        monkeypatch.setattr(later, lambda then: seconds_since(then) + 13 * 3600)
        flowenv.map(long_flow, [{"n": 5}, {"n": 6}], environment=environment)

        assert rig.requests.count("PutObject") == 2


def test_a_run_that_somebody_else_cancels_stops_what_waits(
    rig: EcsRig, on_rig: Make, scripts: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def wait(n: int) -> int:
        return n

    scripts.chosen = Script(running_steps=None)

    environment = on_rig(metadata={"image": "flow:1"}, runtime="image")
    batch = flowenv.map(wait, ROWS, environment=environment, at_once=1)
    other = flowenv.attach(batch.rows[0].reference or "", environment)
    assert other.cancel().state is State.CANCELLED
    assert batch.wait(60) == {State.CANCELLED: len(ROWS)}
    assert rig.requests.count("RunTask") == 1
    assert "Row 1 of the batch" in caplog.text


def test_who_picks_a_batch_up_looks_after_the_runs_that_go_on(
    rig: EcsRig, on_rig: Make, scripts: Any
) -> None:
    def wait(n: int) -> int:
        return n

    scripts.chosen = Script(running_steps=None)
    environment = on_rig(metadata={"image": "flow:1"}, runtime="image")
    flowenv.map(wait, ROWS[:2], environment=environment, name="picked-up")
    known.forget()  # as another process

    batch = flowenv.map(wait, ROWS[:2], environment=environment, name="picked-up")

    assert rig.requests.count("RunTask") == 2
    assert all(not row.look().state.is_final for row in batch.rows)
    assert batch.cancel() == {State.CANCELLED: 2}


class TestRunning:
    """On a rig whose tasks are processes."""

    @pytest.fixture
    def place(self, running_rig: EcsRig) -> str:
        return bucket_of(running_rig)

    @pytest.fixture
    def theirs(self, working_settings: dict[str, Any], place: str) -> FargateTaskEnvironment:
        metadata = {"image": "flow:1", "payload_url": f"s3://{place}/flows"}
        given = {**working_settings, "metadata": metadata, "runtime": "image"}
        return FargateTaskEnvironment(**given)

    def test_both_parts_arrive_and_another_process_reads_the_results(
        self, theirs: FargateTaskEnvironment, long_flow: Flow[..., Any]
    ) -> None:
        batch = flowenv.map(long_flow, ROWS[:2], environment=theirs)
        ids = [row.run.id for row in batch.rows if row.run]
        known.forget()

        results = [flowenv.attach(one, theirs).result(60) for one in ids]

        assert results == [8000, 8001]

    def test_another_content_is_not_run(
        self,
        running_rig: EcsRig,
        place: str,
        theirs: FargateTaskEnvironment,
        long_flow: Flow[..., Any],
    ) -> None:
        flowenv.map(long_flow, ROWS[:2], environment=theirs).wait(60)
        [key] = stored(running_rig, place)
        with running_rig.requests.paused():
            s3 = running_rig.client("s3")
            s3.put_object(Bucket=place, Key=f"flows/{key}", Body=b'{"flow": "evil"}')

        batch = flowenv.map(long_flow, [{"n": 7}, {"n": 8}], environment=theirs)
        batch.wait(60)

        for row in batch.rows:
            assert row.run is not None
            assert row.run.status.reason is Reason.START_ERROR
            assert "isn't the one that this run was submitted with" in row.run.status.message
