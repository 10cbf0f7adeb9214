"""What end-to-end tests of Fargate share: an environment on the rig, and flows in files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowenv import Flow
from flowenv.flows.finding import find_flow
from flowenv.plugin import configuration
from flowenv.registry import registry
from flowenv_fargate.runs import cloudwatch, tasks
from rigs.ecs import Account, EcsRig


def settings_on(rig: EcsRig, account: Account, bucket: str, **metadata: str) -> dict[str, Any]:
    """Settings of an environment that works on the rig; the bucket is made."""
    place = {"LocationConstraint": rig.region}
    rig.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    return {
        "aws_access_key_id": "AKIARIG",
        "aws_secret_access_key": "rig",
        "region_name": rig.region,
        "endpoint_url": rig.url,
        "metadata": {"image": "flow:1", **metadata},
        "cluster": account.cluster,
        "networkConfiguration": account.network_configuration,
        "executionRoleArn": account.execution_role_arn,
    }


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is slow on the rig, so nobody has to wait for the next look."""
    monkeypatch.setattr(tasks, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(cloudwatch, "POLL_SECONDS", 0.05)


@contextmanager
def as_a_new_process() -> Iterator[None]:
    """Nothing is configured or loaded, before and after."""
    configuration.cache_clear()
    registry.reset()
    yield
    configuration.cache_clear()
    registry.reset()


def flow_in(folder: Path, source: str) -> Flow[..., Any]:
    """The flow of a file with this source, which has `flow` and `flowenv`."""
    path = folder / "flows.py"
    path.write_text("import flowenv\nfrom flowenv import flow\n\n" + textwrap.dedent(source))
    return find_flow(str(path))
