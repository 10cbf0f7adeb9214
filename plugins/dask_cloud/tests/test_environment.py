"""What the environment accepts, shows and writes down."""

import inspect
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from distributed import LocalCluster
from distributed.security import Security

from flowenv import Environment, Secret, make_environment
from flowenv.errors import SettingError
from flowenv_dask_cloud import DaskCloudProviderEnvironment

FARGATE = "dask_cloudprovider.aws.FargateCluster"


def resize(parameters: dict[str, Any], provider_kwargs: dict[str, Any]) -> None:
    provider_kwargs["n_workers"] = 2


def test_the_constructor_takes_what_the_contract_says_in_that_order() -> None:
    parameters = inspect.signature(DaskCloudProviderEnvironment).parameters.values()

    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [
        "provider_class",
        "adaptive_min_workers",
        "adaptive_max_workers",
        "security",
        "executor_kwargs",
        "labels",
        "on_execute",
        "on_start",
        "on_exit",
        "metadata",
    ]
    assert all(p.default is None for p in parameters if p.name in positional[1:])


def test_importing_the_package_imports_no_vendor() -> None:
    code = "import sys, flowenv_dask_cloud; print({'dask', 'distributed'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_a_class_travels_by_its_name() -> None:
    data = DaskCloudProviderEnvironment(LocalCluster, n_workers=2).serialize()

    assert data["provider_class"] == "distributed.deploy.local.LocalCluster"
    read = Environment.deserialize(json.loads(json.dumps(data)))
    assert isinstance(read, DaskCloudProviderEnvironment)
    assert read.kwargs == {"n_workers": 2}


def test_nothing_secret_is_written_down_or_shown() -> None:
    environment = DaskCloudProviderEnvironment(
        FARGATE,
        security=Security(require_encryption=True, tls_client_key="-----PRIVATE-----"),
        aws_secret_access_key="hidden-1",
        environment={"PLAIN": "seen", "TOKEN": Secret("hidden-2")},
        on_execute=resize,
    )

    written = json.dumps(environment.serialize()) + repr(pickle.dumps(environment))
    assert "seen" in written
    for text in (written, repr(environment)):
        assert "hidden" not in text
        assert "PRIVATE" not in text


def test_credentials_of_any_provider_are_neither_written_down_nor_shown() -> None:
    environment = DaskCloudProviderEnvironment(
        "dask_cloudprovider.gcp.GCPCluster",
        service_account_credentials={"private_key": "hidden-1", "client_email": "hidden-2"},
        aws_session_token="hidden-3",
        auth={"user": "hidden-4", "deep": [{"password": "hidden-5"}], "blob": b"hidden-6"},
        docker_args="-e API_TOKEN=hidden-7",
        env_vars={"API_KEY": "hidden-8", "PLAIN": "seen"},
        url="https://me:hidden-9@example.org",
        executor_kwargs={"client_kwargs": {"token": b"hidden-10"}},
        n_workers=2,
    )
    written = json.dumps(environment.serialize()) + repr(pickle.dumps(environment))

    assert "hidden" not in repr(environment) + repr(vars(environment)["kwargs"]["auth"]["user"])
    # what is not called like a credential travels, but isn't shown
    assert "hidden" not in written.replace("hidden-7", "")
    assert "seen" in written
    assert "seen" not in repr(environment)
    assert "'n_workers': 2" in repr(environment)


@pytest.mark.parametrize("copied", ["pickle", "json"])
def test_a_copy_by_pickle_or_json_has_everything_but_secrets(copied: str) -> None:
    environment = DaskCloudProviderEnvironment(
        FARGATE,
        adaptive_min_workers=0,
        adaptive_max_workers=3,
        security=False,
        labels=["nightly"],
        metadata={"image": "flow:1"},
        start_timeout=30,
        aws_access_key_id="hidden",
        tags={"team": "a"},
    )

    if copied == "pickle":
        copy: Any = pickle.loads(pickle.dumps(environment))
    else:
        copy = Environment.deserialize(environment.serialize())

    expected = {**vars(environment), "kwargs": {"tags": {"team": "a"}}}
    assert vars(copy) == expected


def test_pickling_leaves_the_environment_as_it_is() -> None:
    environment = DaskCloudProviderEnvironment(FARGATE, token="t")

    pickle.dumps(environment)

    assert environment.kwargs["token"].reveal() == "t"


def test_it_can_be_made_by_name_with_the_providers_arguments() -> None:
    environment = make_environment("dask_cloud", {"provider_class": FARGATE, "n_workers": 3})

    assert isinstance(environment, DaskCloudProviderEnvironment)
    assert environment.kwargs == {"n_workers": 3}


class Outer:
    class Provider(LocalCluster):
        """A provider's class that can be named, if only through another."""


def made_in_a_function() -> type:
    class Provider(LocalCluster):
        pass

    return Provider


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (made_in_a_function(), "can't be imported by that name"),
        ("no_such_library.Cluster", "there is no module no_such_library"),
        ("distributed.no_such_module.Cluster", "there is no module"),
        ("json.nothing.Cluster", "there is no module"),
        ("FargateCluster", "no dotted name"),
        (".Cluster", "no dotted name"),
        ("a.", "no dotted name"),
    ],
)
def test_a_provider_that_can_not_be_imported_by_name_is_refused(provider: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        DaskCloudProviderEnvironment(provider)


@pytest.mark.parametrize("provider", [FARGATE, LocalCluster, Outer.Provider])
def test_one_that_can_is_taken_and_no_module_is_imported_for_it(provider: Any) -> None:
    assert DaskCloudProviderEnvironment(provider).provider_class is provider


def test_a_most_without_a_fewest_is_refused() -> None:
    with pytest.raises(SettingError, match="adaptive_min_workers isn't"):
        DaskCloudProviderEnvironment(FARGATE, adaptive_max_workers=3)


@pytest.mark.parametrize(
    ("minimum", "maximum", "adapt"),
    [
        (None, None, None),
        (0, None, {"minimum": 0}),
        (1, 4, {"minimum": 1, "maximum": 4}),
    ],
)
def test_a_minimum_also_0_makes_it_adaptive(
    minimum: int | None, maximum: int | None, adapt: dict[str, int] | None
) -> None:
    assert DaskCloudProviderEnvironment(FARGATE, minimum, maximum).adapt == adapt


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"provider_class": "FargateCluster"}, "no dotted name"),
        ({"provider_class": dict}, "must be a Dask Cluster class"),
        ({"adaptive_max_workers": 2}, "adaptive_min_workers isn't"),
        ({"adaptive_min_workers": 3, "adaptive_max_workers": 2}, "at least"),
        ({"adaptive_min_workers": -1}, "0 or more"),
        ({"security": "tls"}, "must be a distributed.Security"),
        ({"executor_kwargs": {"client_kwarg": {}}}, "Did you mean 'client_kwargs'"),
        ({"executor_kwargs": {"debug": True}}, "which is silence_logs of the provider"),
        ({"start_timeout": 0}, "above 0"),
        ({"on_execute": "resize"}, "must be a function"),
    ],
)
def test_a_wrong_setting_is_a_type_error_that_names_it(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message) as raised:
        DaskCloudProviderEnvironment(**{"provider_class": FARGATE, **settings})
    assert isinstance(raised.value, TypeError)
