"""flowenv travels with the run by way of S3: an image needs only Python."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow, preview
from flowenv.errors import RunCrashed, SpecError
from flowenv.payload.runtime import shipped_runtime
from flowenv.plugin import Reason, configuration, seconds_since
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.hooks import flowenv_sweep
from flowenv_fargate.runs import account as known
from rigs.ecs import EcsRig, Image, Script

Make = Callable[..., FargateTaskEnvironment]
WHERE = "@flow\ndef where():\n    import flowenv\n    return flowenv.__file__\n"


def python_alone(folder: Path, python: str = sys.executable) -> Image:
    """An image that has Python, and nothing else that can be imported."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    return Image(environment={"PATH": f"{folder}/bin:{os.defpath}"})


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EcsRig]:
    folder = tmp_path_factory.mktemp("images")
    old = folder / "old" / "flowenv.py"
    old.parent.mkdir()
    old.write_text("raise ImportError('too old')")
    bare = python_alone(folder / "bare")
    with EcsRig(
        {
            "python:bare": bare,
            "python:nothing": Image(environment={"PATH": str(folder)}),
            "flow:old": Image(environment={**bare.environment, "PYTHONPATH": str(old.parent)}),
        },
        stop_timeout=1,
    ) as rig:
        yield rig


@pytest.fixture
def bucket(aws: EcsRig) -> str:
    name = f"runs-{uuid.uuid4().hex[:8]}"
    with aws.requests.paused():
        place = {"LocationConstraint": aws.region}
        aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    aws.requests.clear()
    return name


@pytest.fixture(scope="module")
def settings(aws: EcsRig) -> dict[str, Any]:
    account = aws.prepare()
    return {
        "aws_access_key_id": "AKIARIG",
        "aws_secret_access_key": "rig",
        "region_name": aws.region,
        "endpoint_url": aws.url,
        "cluster": account.cluster,
        "networkConfiguration": account.network_configuration,
        "executionRoleArn": account.execution_role_arn,
    }


@pytest.fixture
def make(settings: dict[str, Any], bucket: str) -> Make:
    def make_environment(image: str = "python:bare", **others: Any) -> FargateTaskEnvironment:
        metadata = {"image": image, "payload_url": f"s3://{bucket}/flows"}
        return FargateTaskEnvironment(**{**settings, "metadata": metadata, **others})

    return make_environment


@pytest.fixture
def where(write_flow: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    return write_flow(WHERE)


def stored(aws: EcsRig, bucket: str) -> list[str]:
    with aws.requests.paused():
        found = aws.client("s3").list_objects_v2(Bucket=bucket)
    return [one["Key"] for one in found.get("Contents") or []]


@pytest.mark.parametrize("image", ["python:bare", "flow:old"])
def test_a_flow_runs_in_an_image_without_flowenv_and_in_one_with_an_older(
    image: str, make: Make, where: Flow[..., Any]
) -> None:
    name = shipped_runtime(FargateTaskEnvironment.shipped).name
    assert f"/{name}/flowenv/" in make(image).execute(where).result(60)


def test_another_content_is_not_run(
    aws: EcsRig, bucket: str, make: Make, where: Flow[..., Any]
) -> None:
    make().execute(where).result(60)
    [key] = stored(aws, bucket)
    with aws.requests.paused():
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"another")
    with pytest.raises(RunCrashed, match="is not what was sent with the run"):
        make().execute(where).result(60)


def test_an_object_that_has_gone_is_a_start_error_that_shows_no_url(
    aws: EcsRig, bucket: str, make: Make, where: Flow[..., Any]
) -> None:
    make().execute(where).result(60)
    [key] = stored(aws, bucket)
    with aws.requests.paused():
        aws.client("s3").delete_object(Bucket=bucket, Key=key)
    run = make().execute(where)
    run.wait(60)
    assert run.status.reason is Reason.START_ERROR
    assert "cannot be read there: HTTP Error 404" in run.status.message
    assert "X-Amz" not in "".join(run.logs()) + run.status.message


def test_an_image_without_python_is_a_start_error(make: Make, where: Flow[..., Any]) -> None:
    run = make("python:nothing").execute(where)
    run.wait(60)
    assert run.status.reason is Reason.START_ERROR
    assert "python" in run.status.hint


def test_definitions_do_not_depend_on_it(make: Make, where: Flow[..., Any]) -> None:
    shipped, image = (preview(where, make(runtime=one)).spec for one in ("shipped", "image"))
    assert shipped["task_definition"] == image["task_definition"]
    assert "command" not in image["run_task"]["overrides"]["containerOverrides"][0]


def test_an_existing_definition_gets_it_too(
    aws: EcsRig, bucket: str, where: Flow[..., Any], settings: dict[str, Any]
) -> None:
    logs = {"awslogs-group": "/flows", "awslogs-region": aws.region, "awslogs-stream-prefix": "x"}
    with aws.requests.paused(), contextlib.suppress(Exception):
        aws.client("logs").create_log_group(logGroupName="/flows")
    with aws.requests.paused():
        aws.client("ecs").register_task_definition(
            family="theirs",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            executionRoleArn=settings["executionRoleArn"],
            containerDefinitions=[
                {
                    "name": "main",
                    "image": "python:bare",
                    "command": ["true"],
                    "logConfiguration": {"logDriver": "awslogs", "options": logs},
                }
            ],
        )
    given = {n: v for n, v in settings.items() if n != "executionRoleArn"}
    metadata = {"payload_url": f"s3://{bucket}/flows"}
    environment = FargateTaskEnvironment(**given, taskDefinition="theirs", metadata=metadata)
    assert "/flowenv/" in environment.execute(where).result(60)


class TestWhereItComesFrom:
    """It travels where there is a store, and where somebody has said so."""

    def test_by_default_it_travels_where_there_is_a_store(self, make: Make) -> None:
        environment = make()
        assert environment.ships_runtime
        assert environment.default_image == f"python:3.{sys.version_info.minor}-slim"

    @pytest.mark.parametrize("place", [None, "/srv/payloads"])
    def test_without_a_store_it_is_in_the_image(
        self, place: str | None, settings: dict[str, Any]
    ) -> None:
        metadata = {"payload_url": place} if place else {}
        environment = FargateTaskEnvironment(**settings, metadata=metadata)
        assert not environment.ships_runtime
        assert environment.default_image is None

    def test_as_configured(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FLOWENV_RUNTIME", "image")
        configuration.cache_clear()
        assert not make().ships_runtime
        assert make(runtime="shipped").ships_runtime

    def test_a_missing_store_is_an_error_with_both_ways_out(
        self, settings: dict[str, Any], where: Flow[..., Any]
    ) -> None:
        environment = FargateTaskEnvironment(**settings, runtime="shipped")
        with pytest.raises(SpecError, match=r"no place.*payload_url.*pip install flowenv"):
            preview(where, environment)

    def test_a_missing_image_and_store_is_an_error_with_both_ways_out(
        self, settings: dict[str, Any], where: Flow[..., Any]
    ) -> None:
        with pytest.raises(SpecError, match=r"none is set.*payload_url"):
            preview(where, FargateTaskEnvironment(**settings))


def test_a_url_of_temporary_credentials_leaves_room(
    make: Make, write_flow: Callable[[str], Flow[..., Any]]
) -> None:
    """The payload goes into the store before the request outgrows what ECS takes."""
    noise = random.Random(0).randbytes(1500).hex()
    flow = write_flow(f"noise = '{noise}'\n\n@flow\ndef noisy():\n    return len(noise)\n")
    environment = make(aws_session_token="t" * 1000)
    assert "payload" in preview(flow, environment).spec
    assert environment.execute(flow).result(60) == 3000


class TestTheObject:
    """One object for all runs of a cluster, on a rig that runs nothing."""

    @pytest.fixture
    def place(self, rig: EcsRig) -> str:
        name = f"runs-{uuid.uuid4().hex[:8]}"
        with rig.requests.paused():
            where = {"LocationConstraint": rig.region}
            rig.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)
        return name

    @pytest.fixture
    def environment(self, on_rig: Make, place: str) -> FargateTaskEnvironment:
        return on_rig(metadata={"image": "flow:1", "payload_url": f"s3://{place}/flows"})

    def test_is_written_once_and_not_asked_for_again_by_the_same_process(
        self,
        rig: EcsRig,
        place: str,
        environment: FargateTaskEnvironment,
        small_flow: Flow[..., Any],
    ) -> None:
        def calls() -> tuple[int, int]:
            return rig.requests.count("HeadObject"), rig.requests.count("PutObject")

        environment.execute(small_flow)
        assert calls() == (1, 1)
        environment.execute(small_flow)
        assert calls() == (1, 1)
        known.forget()  # as another process
        environment.execute(small_flow)
        assert calls() == (2, 1)
        [key] = stored(rig, place)
        assert key.endswith(f"/runtimes/{shipped_runtime(environment.shipped).name}")

    def test_is_written_over_where_another_content_has_its_name(
        self,
        rig: EcsRig,
        place: str,
        environment: FargateTaskEnvironment,
        small_flow: Flow[..., Any],
    ) -> None:
        environment.execute(small_flow)
        [key] = stored(rig, place)
        with rig.requests.paused():
            rig.client("s3").put_object(Bucket=place, Key=key, Body=b"another")
        known.forget()
        environment.execute(small_flow)
        with rig.requests.paused():
            found = rig.client("s3").get_object(Bucket=place, Key=key)["Body"].read()
        assert found == shipped_runtime(environment.shipped).content

    def test_is_swept_when_no_living_run_needs_it(
        self,
        rig: EcsRig,
        place: str,
        environment: FargateTaskEnvironment,
        small_flow: Flow[..., Any],
        scripts: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def swept(*, delete: bool = False) -> list[str]:
            found = flowenv_sweep(environment, older_than=0, delete=delete)
            return [one.name for one in found if one.kind == "flowenv"]

        scripts.chosen = Script(running_steps=None)
        run = environment.execute(small_flow)
        [key] = stored(rig, place)
        assert swept(delete=True) == []  # the next run needs it
        later = "flowenv_fargate.runs.sweep.seconds_since"
        monkeypatch.setattr(later, lambda then: seconds_since(then) + 25 * 3600)
        assert swept(delete=True) == []
        run.cancel()
        looks = (swept(delete=True) for _ in range(9))  # each moves the task one step
        assert next(filter(None, looks)) == [f"s3://{place}/{key}"]
        assert stored(rig, place) == []
        environment.execute(small_flow)
        assert stored(rig, place) == [key]
