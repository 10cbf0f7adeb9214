"""Results and files of any size, by S3: from a Fargate task to the submitter and to others."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from end_to_end.fargate_runs import as_a_new_process, flow_in, look_often, settings_on

from flowenv import Flow, State, attach
from flowenv.errors import PlatformError
from flowenv.plugin import Reason
from flowenv.serialization import storage
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import EcsRig, Image

pytestmark = pytest.mark.slow  # importing s3fs takes seconds, here and in each task

URL = "s3://results/flows"


@pytest.fixture(scope="module")
def rig() -> Iterator[EcsRig]:
    with EcsRig({"flow:1": Image.of_interpreter()}, stop_timeout=2) as rig:
        yield rig


@pytest.fixture(scope="module")
def settings(rig: EcsRig) -> dict[str, Any]:
    account = rig.prepare()
    made = settings_on(rig, account, "results", results_url=URL)
    return {**made, "taskRoleArn": account.task_role_arn}


@pytest.fixture(autouse=True)
def clean_slate(rig: EcsRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process finds the rig as any of AWS's clients finds AWS: by variables."""
    monkeypatch.chdir(tmp_path)
    for name, value in rig.environment().items():
        monkeypatch.setenv(name, value)
    look_often(monkeypatch)
    with as_a_new_process():
        yield


@pytest.fixture
def write_flow(tmp_path: Path) -> Callable[[str], Flow[..., Any]]:
    return lambda source: flow_in(tmp_path, source)


LARGE = """
import random

@flow
def large():
    content = random.Random(7).randbytes(5_000_000)
    (flowenv.output_dir() / "model.bin").write_bytes(content[:3_000_000])
    return {"model": content}
"""


def test_a_large_result_and_large_files_come_back_to_whoever_asks(
    settings: dict[str, Any], write_flow: Callable[[str], Flow[..., Any]], rig: EcsRig
) -> None:
    run = FargateTaskEnvironment(**settings).execute(write_flow(LARGE))
    model = run.result(60)["model"]

    assert len(model) == 5_000_000
    assert run.files()["model.bin"] == model[:3_000_000]
    attached = attach(run.reference, FargateTaskEnvironment(**settings))
    assert attached.result()["model"] == model
    assert attached.files()["model.bin"] == model[:3_000_000]
    found = rig.client("s3").list_objects_v2(Bucket="results")["Contents"]
    assert sorted(one["Key"] for one in found) == [f"flows/{run.id}.files", f"flows/{run.id}.json"]


def test_a_task_that_may_not_write_there_ends_before_its_flow(
    settings: dict[str, Any], write_flow: Callable[[str], Flow[..., Any]], rig: EcsRig
) -> None:
    flow = write_flow("@flow\ndef loud():\n    print('called')\n")
    with rig.faults.inject("access_denied", operation="PutObject", times=None):
        run = FargateTaskEnvironment(**settings).execute(flow)
        status = run.wait(60)

    assert (status.state, status.reason) == (State.CRASHED, Reason.START_ERROR)
    assert "s3:PutObject" in status.message
    assert "the right to write there" in status.hint
    assert "called" not in list(run.logs())


def test_who_may_not_read_there_hears_why_and_can_ask_again(
    settings: dict[str, Any], write_flow: Callable[[str], Flow[..., Any]], rig: EcsRig
) -> None:
    flow = write_flow("@flow\ndef long():\n    return 'x' * 9000\n")
    run = FargateTaskEnvironment(**settings).execute(flow)
    run.wait(60)
    with rig.faults.inject("access_denied", operation="GetObject", times=None):
        with pytest.raises(PlatformError, match=f"{URL}/{run.id}.json can't be read: .*GetObject"):
            run.result()

    assert run.result() == "x" * 9000


def test_to_write_and_to_read_are_all_the_rights_that_are_needed(
    settings: dict[str, Any], rig: EcsRig
) -> None:
    for operation in ("HeadBucket", "ListObjects", "CreateBucket", "DeleteObject"):
        rig.faults.inject("access_denied", operation=operation, times=None)
    try:
        storage.try_out(f"{URL}/trial")
        storage.write(f"{URL}/object", b"data")
        assert storage.read(f"{URL}/object", 4) == b"data"
    finally:
        rig.faults.clear()


def test_a_bucket_that_is_not_there_is_not_made(rig: EcsRig) -> None:
    before = rig.requests.count("CreateBucket")
    with pytest.raises(PlatformError, match="bucket does not exist"):
        storage.write("s3://mistyped/object", b"data")
    assert rig.requests.count("CreateBucket") == before
