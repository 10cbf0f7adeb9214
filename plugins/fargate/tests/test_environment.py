"""The environment: its settings, where credentials come from, and where they never go."""

import inspect
import pickle
import subprocess
import sys
from typing import Any

import pytest

from flowenv import Environment
from flowenv.errors import SettingError
from flowenv_fargate import FargateTaskEnvironment

CREDENTIALS: dict[str, Any] = {
    "aws_access_key_id": "AKIAGIVEN",
    "aws_secret_access_key": "given-secret",
    "aws_session_token": "given-token",
}


def secretive() -> FargateTaskEnvironment:
    containers = [{"name": "flow", "environment": [{"name": "KEY", "value": "hidden-value"}]}]
    return FargateTaskEnvironment(
        **CREDENTIALS, region_name="eu-west-1", labels=["l"], containerDefinitions=containers
    )


def test_the_settings_have_the_documented_order_and_defaults() -> None:
    parameters = inspect.signature(FargateTaskEnvironment).parameters
    positional = {n: p.default for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}

    assert list(positional.items()) == [
        ("launch_type", "FARGATE"),
        ("aws_access_key_id", None),
        ("aws_secret_access_key", None),
        ("aws_session_token", None),
        ("region_name", None),
        ("executor", None),
        ("labels", None),
        ("on_start", None),
        ("on_exit", None),
        ("metadata", None),
    ]


def test_credentials_and_region_default_to_environment_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "REGION_NAME": "eu-north-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    found = FargateTaskEnvironment()

    assert found.aws_access_key_id == "id"
    assert found.aws_secret_access_key == "secret"
    assert found.aws_session_token == "token"
    assert found.region_name == "eu-north-1"


@pytest.mark.parametrize("given", ["", None])
def test_an_empty_text_counts_as_not_given(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.setenv("REGION_NAME", "eu-north-1")
    assert FargateTaskEnvironment(region_name=given).region_name == "eu-north-1"
    monkeypatch.setenv("REGION_NAME", "")
    assert FargateTaskEnvironment(region_name=given).region_name is None


def test_a_session_token_of_the_variables_is_not_mixed_with_a_given_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAOTHER")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the other key")

    found = FargateTaskEnvironment(aws_access_key_id="AKIA", aws_secret_access_key="s")

    assert found.aws_session_token is None


def test_serialised_data_have_neither_credentials_nor_keyword_arguments() -> None:
    data = secretive().serialize()

    assert data["type"] == "fargate"
    assert data["region_name"] == "eu-west-1"
    assert data["labels"] == ["l"]
    assert not {"kwargs", "containerDefinitions", *CREDENTIALS} & data.keys()


def test_serialised_data_give_an_environment_again() -> None:
    found = Environment.deserialize(secretive().serialize())

    assert isinstance(found, FargateTaskEnvironment)
    assert (found.region_name, found.labels, found.kwargs) == ("eu-west-1", {"l"}, {})


def test_a_pickle_has_neither_credentials_nor_keyword_arguments() -> None:
    data = pickle.dumps(secretive())
    found = pickle.loads(data)

    for text in (b"given-secret", b"given-token", b"AKIAGIVEN", b"hidden-value"):
        assert text not in data
    assert found.kwargs == {}
    assert found.aws_access_key_id is None
    assert found.labels == {"l"}


def test_attributes_read_as_text_and_who_lists_them_sees_none() -> None:
    shown = repr(vars(secretive())) + repr(vars(secretive().own_copy()))

    assert secretive().aws_secret_access_key == "given-secret"
    for text in ("given-secret", "given-token", "AKIAGIVEN", "hidden-value"):
        assert text not in shown


def test_a_repr_masks_credentials_and_keyword_arguments() -> None:
    shown = repr(secretive())

    assert "containerDefinitions=***" in shown
    assert "region_name='eu-west-1'" in shown
    for text in ("given-secret", "given-token", "AKIAGIVEN", "hidden-value"):
        assert text not in shown


def test_environments_with_other_arguments_are_not_equal() -> None:
    assert FargateTaskEnvironment(cpu="256") == FargateTaskEnvironment(cpu="256")
    assert FargateTaskEnvironment(cpu="256") != FargateTaskEnvironment(cpu="512")


def test_arguments_are_copied_so_that_nothing_changes_the_callers_own() -> None:
    containers: list[dict[str, Any]] = [{"name": "flow"}]
    found = FargateTaskEnvironment(containerDefinitions=containers)
    containers[0]["name"] = "changed"

    assert found.kwargs["containerDefinitions"][0]["name"] == "flow"


@pytest.mark.parametrize(
    "wrong", [{"launch_type": "LAMBDA"}, {"labels": "l"}, {"start_timeout": "1"}]
)
def test_a_wrong_type_is_an_error_that_names_the_setting(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        FargateTaskEnvironment(**wrong)


def test_importing_and_making_it_imports_no_vendor_library() -> None:
    program = (
        "import sys, flowenv_fargate.hooks as h\n"
        "h.FargateTaskEnvironment(labels=['l'])\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('boto3', 'botocore')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"
