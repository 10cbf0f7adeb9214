"""Accounts are found as AWS's own tools find them, and what can't be found is said."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.utils import ContainerMetadataFetcher

from flowenv.errors import PlatformError, PlatformUnreachable
from flowenv.plugin import FlowRun, Reason
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.api import service_model
from rigs.ecs import EcsRig
from rigs.ecs.credentials import BROKEN, WORKING, credentials

OnRig = Callable[..., FargateTaskEnvironment]
Submit = Callable[..., FlowRun]
ROLE = "arn:aws:iam::123456789012:role/flows"
NOTHING_GIVEN: dict[str, Any] = dict.fromkeys(
    ("aws_access_key_id", "aws_secret_access_key", "region_name", "endpoint_url")
)


@pytest.fixture
def use(rig: EcsRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the variables of one way to find credentials, and no others."""
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)  # between its tries

    def set_variables(way: str) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in credentials(way, rig, tmp_path).items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.mark.parametrize("way", WORKING)
def test_a_run_with_what_boto3_finds(
    way: str, use: Callable[[str], None], on_rig: OnRig, submit: Submit
) -> None:
    use(way)

    assert submit(on_rig(**NOTHING_GIVEN)).result(20) == 3


SAYS = {
    "no such profile": "nosuch",
    "half a key": "half",
    "nothing": "credentials",
    "process is not there": "no-such-program",
    "process fails": "log in first",
    "process says nonsense": "credential_process",
    "web identity token is not there": "web-identity-token",
    "container token is not there": "container-token",
    "container token is refused": "credentials",
}


@pytest.mark.parametrize("way", BROKEN)
def test_credentials_that_cannot_be_used_are_said_with_a_hint(
    way: str, use: Callable[[str], None], on_rig: OnRig, submit: Submit
) -> None:
    use(way)
    service_model.parameters_of.cache_clear()  # as in a new process
    service_model._model.cache_clear()
    with pytest.raises(PlatformUnreachable) as refused:
        submit(on_rig(**NOTHING_GIVEN))

    assert SAYS[way] in str(refused.value)
    assert refused.value.hint
    assert refused.value.reason is Reason.ACCESS_DENIED


@pytest.mark.parametrize("way", ["role", "web identity"])
def test_a_role_that_may_not_be_assumed_is_named(
    way: str, use: Callable[[str], None], rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    use(way)
    operation = "AssumeRole" if way == "role" else "AssumeRoleWithWebIdentity"
    fault = rig.faults.inject("access_denied", operation=operation, times=None)
    with fault, pytest.raises(PlatformError, match=f"refused {operation}.*{ROLE}") as refused:
        submit(on_rig(**NOTHING_GIVEN))

    assert "trust policy" in refused.value.hint


def test_a_profile_can_be_a_setting(
    use: Callable[[str], None],
    rig: EcsRig,
    on_rig: OnRig,
    submit: Submit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use("profile")
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    submit(on_rig(**NOTHING_GIVEN, profile_name="keys"))

    assert rig.requests.of("RunTask")[-1].access_key_id == "AKIARIG"


def test_a_role_to_assume_can_be_a_setting(rig: EcsRig, on_rig: OnRig, submit: Submit) -> None:
    submit(on_rig(role_arn=ROLE))

    assert rig.requests.of("AssumeRole")[-1].parameters["RoleArn"] == ROLE
    assert rig.requests.of("AssumeRole")[-1].access_key_id == "AKIARIG"
    assert rig.requests.of("RunTask")[-1].access_key_id != "AKIARIG"


def test_a_role_of_a_setting_that_may_not_be_assumed_is_named(
    rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    fault = rig.faults.inject("access_denied", operation="AssumeRole", times=None)
    with fault, pytest.raises(PlatformError, match="refused AssumeRole"):
        submit(on_rig(role_arn=ROLE))


@pytest.mark.parametrize(
    "operation", ["DescribeTaskDefinition", "RegisterTaskDefinition", "RunTask", "DescribeTasks"]
)
@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_page_of_a_proxy_is_no_answer_and_is_asked_again(
    status: int, operation: str, rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    family = f"family-{operation}-{status}"
    with rig.faults.inject("html", operation=operation, status=status) as fault:
        assert submit(on_rig(family=family)).result(20) == 3
    assert fault.struck == 1


@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_proxy_that_stays_is_named(
    status: int, rig: EcsRig, on_rig: OnRig, submit: Submit
) -> None:
    fault = rig.faults.inject("html", operation="RunTask", status=status, times=None)
    with fault, pytest.raises(PlatformUnreachable, match="a web page came"):
        submit(on_rig())


def test_a_key_is_never_used_with_anothers_secret(
    on_rig: OnRig, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    for half in ("aws_access_key_id", "aws_secret_access_key"):
        environment = on_rig(**{half: None})
        with pytest.raises(PlatformUnreachable, match="half"):
            submit(environment)
