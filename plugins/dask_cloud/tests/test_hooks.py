"""The hooks that don't make a cluster: sweep, doctor, explanations."""

import pytest

from flowenv.errors import PlatformUnreachable, UnsupportedOperation
from flowenv.plugin import Finding
from flowenv.registry.registry import registry
from flowenv_dask_cloud import DaskCloudProviderEnvironment


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, and nobody answers."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def found_by_doctor(provider: str, **settings: object) -> dict[str, Finding]:
    environment = DaskCloudProviderEnvironment(provider, **settings)
    hook = registry().hooks("dask_cloud").hook
    found = (one for many in hook.flowenv_check(environment=environment) for one in many)
    return {one.subject: one for one in found}


def findings(provider: str, **settings: object) -> dict[str, bool | None]:
    found = found_by_doctor(provider, **settings)
    return {subject: one.ok for subject, one in found.items()}


def test_sweep_says_so_where_it_cant_find_anything() -> None:
    environment = DaskCloudProviderEnvironment("dask_cloudprovider.aws.EC2Cluster")

    with pytest.raises(UnsupportedOperation, match="EC2Cluster"):
        registry().hooks("dask_cloud").hook.flowenv_sweep(
            environment=environment, older_than=0, delete=False
        )


def test_doctor_finds_a_protected_local_cluster() -> None:
    assert findings("distributed.LocalCluster") == {"provider": True, "scheduler": True}


def test_doctor_finds_missing_credentials_and_the_open_scheduler() -> None:
    found = findings("dask_cloudprovider.aws.FargateCluster", region_name="eu-west-1")

    assert found["credentials"] is False
    assert found["scheduler"] is False


def test_missing_credentials_are_said_in_a_sentence_with_what_to_do() -> None:
    fargate = "dask_cloudprovider.aws.FargateCluster"
    finding = found_by_doctor(fargate, region_name="eu-west-1")["credentials"]

    assert finding.message == "Unable to locate credentials."
    assert finding.hint == "Configure credentials for AWS."
    with pytest.raises(PlatformUnreachable) as raised:
        registry().hooks("dask_cloud").hook.flowenv_sweep(
            environment=DaskCloudProviderEnvironment(fargate, region_name="eu-west-1"),
            older_than=0,
            delete=False,
        )
    assert raised.value.message.endswith(finding.message)
    assert raised.value.hint == finding.hint


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"AWS_PROFILE": "nosuch"}, "nosuch"),
        (
            {
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token",
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/flows",
            },
            "/nowhere/token",
        ),
    ],
)
def test_credentials_that_cannot_be_read_are_said(
    variables: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    fargate = "dask_cloudprovider.aws.FargateCluster"
    finding = found_by_doctor(fargate, region_name="eu-west-1")["credentials"]

    assert finding.ok is False
    assert says in finding.message
    with pytest.raises(PlatformUnreachable, match=says):
        registry().hooks("dask_cloud").hook.flowenv_sweep(
            environment=DaskCloudProviderEnvironment(fargate, region_name="eu-west-1"),
            older_than=0,
            delete=False,
        )


def test_doctor_finds_a_provider_that_isnt_there() -> None:
    assert findings("dask_cloudprovider.aws.NoSuchCluster") == {"provider": False}


def test_doctor_takes_security_false_as_knowing_of_the_open_scheduler() -> None:
    assert findings("distributed.LocalCluster", security=False)["scheduler"] is True
    fargate = "dask_cloudprovider.aws.FargateCluster"
    assert findings(fargate, region_name="eu-west-1", security=False)["scheduler"] is True
