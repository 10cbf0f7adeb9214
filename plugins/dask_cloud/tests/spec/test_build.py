"""The provider's finished arguments."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from distributed import LocalCluster
from distributed.security import Security

from flowenv import Flow, Secret, flow
from flowenv.errors import SpecError
from flowenv.plugin import revealed
from flowenv.registry.registry import registry
from flowenv.submission.explain import masked
from flowenv.submission.lifecycle import prepare
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from flowenv_dask_cloud.spec.build import real, shown

GOLDEN = Path(__file__).parent / "golden"
FARGATE = "dask_cloudprovider.aws.FargateCluster"
LOCAL = "distributed.LocalCluster"
MACHINES = "rigs.machines.LocalMachineCluster"
RUN_ID = "123e4567-e89b-12d3-a456-426614174000"


class Sealed(LocalCluster):  # type: ignore[misc]
    """A user's class that takes nothing else."""

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(n_workers=n_workers)


class Taker(LocalCluster):  # type: ignore[misc]
    """A user's class that takes arguments of its own."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("cabinet", None)
        super().__init__(**kwargs)


@flow(image="flow:1")
def example() -> None:
    """Nothing."""


def spec_of(provider: Any = FARGATE, the_flow: Flow[..., Any] = example, **settings: Any) -> Any:
    private = {"fargate_use_private_ip": True} if provider == FARGATE else {}
    settings = {"n_workers": 1, **private, **settings}
    environment = DaskCloudProviderEnvironment(provider, **settings)
    prepared = prepare(the_flow, environment=environment)
    prepared.flow_run.id, prepared.flow_run.created = RUN_ID, None
    return prepared.spec["cloud_cluster"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "fargate",
            {
                "provider": FARGATE,
                "adaptive_min_workers": 0,
                "adaptive_max_workers": 4,
                "aws_access_key_id": "hidden",
                "aws_secret_access_key": "hidden",
                "environment": {"TOKEN": Secret("hidden")},
                "tags": {"team": "forecasting"},
            },
        ),
        ("machines", {"provider": MACHINES, "worker_options": {"nthreads": 2}}),
        ("local", {"provider": "distributed.LocalCluster"}),
        ("threads", {"provider": "distributed.LocalCluster", "processes": False}),
    ],
)
def test_the_spec_is_what_it_was(
    name: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_SUBMITTER", "ann@example")
    text = yaml.safe_dump(masked(spec_of(**settings)), sort_keys=False)
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get("FLOWENV_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    assert text == path.read_text()
    assert "hidden" not in text


def test_what_the_user_says_wins_over_the_defaults() -> None:
    arguments = spec_of(image="own:2", skip_cleanup=False, name="mine")["arguments"]

    assert arguments["image"] == "own:2"
    assert arguments["skip_cleanup"] is False
    assert arguments["name"] == "mine"


@pytest.mark.parametrize(
    ("provider", "security", "expected"),
    [
        (MACHINES, None, "temporary"),
        (MACHINES, False, "none"),
        (MACHINES, Security(), "given"),
        (FARGATE, None, "none"),
        (MACHINES, True, "temporary"),
        ("distributed.LocalCluster", None, "temporary"),
    ],
)
def test_connections_are_protected_where_the_provider_can(
    provider: str, security: Any, expected: str
) -> None:
    assert spec_of(provider, security=security)["security"] == expected


def test_hooks_can_give_scheduler_and_workers_different_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "which.py").write_text(
        "from flowenv import Secret, hookimpl\n\n"
        "@hookimpl\n"
        "def flowenv_environment_variables(target):\n"
        "    return {'ROLE': Secret(target.value), 'PREFECT__CONTEXT__IMAGE': None}\n"
    )
    monkeypatch.setenv("FLOWENV_PLUGINS", str(tmp_path / "which.py"))

    part = spec_of()

    assert part["arguments"]["environment"]["ROLE"].reveal() == "worker"
    assert part["scheduler_variables"]["ROLE"].reveal() == "scheduler"
    assert "PREFECT__CONTEXT__IMAGE" not in part["scheduler_variables"]


def test_a_provider_without_variables_has_them_reported() -> None:
    part = spec_of("distributed.LocalCluster", processes=False)

    assert "PREFECT__CONTEXT__FLOW_RUN_ID" in part["unset_variables"]
    assert "env" not in part["arguments"]


def test_building_changes_nothing_of_the_environment() -> None:
    given = {"n_workers": 1, "tags": {}, "environment": {}, "fargate_use_private_ip": True}
    environment = DaskCloudProviderEnvironment(FARGATE, **given)

    assert prepare(example, environment=environment).spec

    assert environment.kwargs == given


def test_objects_are_shown_by_name_and_come_back_themselves() -> None:
    given = {"worker_class": dict, "options": {"callback": shown, "x": [1]}, "n": 2}

    spec = shown(given)

    assert spec["worker_class"] == "builtins.dict"
    assert spec["options"]["callback"] == "flowenv_dask_cloud.spec.build.shown"
    spec["n"] = 3
    assert real(spec, given) == {**given, "n": 3}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_wokers": 1}, "Did you mean 'n_workers'"),
        ({"provider": LOCAL, "n_wokers": 1}, "Did you mean 'n_workers'"),
        ({"provider": LOCAL, "memory_limt": 1}, "Did you mean 'memory_limit'"),
        ({"provider": LOCAL, "idle_timeout": "1m"}, "Give it in scheduler_kwargs"),
        ({"provider": LOCAL, "adaptive_min_worker": 1}, "Did you mean 'adaptive_min_workers'"),
        ({"provider": MACHINES, "adaptive_min_worker": 1}, "Did you mean 'adaptive_min_workers'"),
        ({"provider": Sealed, "size": 1}, "Sealed has no argument 'size'"),
        ({"asynchronous": True}, "gets its asynchronous from the environment"),
        ({"environment": {"BIG": "x" * 9000}}, "the largest is BIG"),
        ({"environment": {"T": Secret(reference="arn:aws:ssm:1")}}, "can't resolve"),
        ({"environment": ["A=1"]}, "must be a mapping"),
        ({"security": True}, "don't reach its tasks"),
        ({"fargate_use_private_ip": False}, "security=False allows it"),
        ({"aws_access_key_id": "AKIA"}, "without its other half"),
        ({"aws_secret_access_key": "s"}, "without its other half"),
        ({"provider": MACHINES, "env_vars": {"A": "1\n2"}}, "more than one line"),
    ],
)
def test_what_the_provider_would_refuse_is_refused_before_anything_is_made(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        spec_of(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"security": False},
        {"security": Security()},
        {"security_groups": ["sg-1"]},
        {"fargate_use_private_ip": True},
        {"provider": "dask_cloudprovider.aws.ECSCluster"},  # on instances: no public address
    ],
)
def test_a_scheduler_that_the_user_has_thought_of_is_allowed(settings: dict[str, Any]) -> None:
    assert spec_of(**{"fargate_use_private_ip": False, **settings})


@pytest.mark.parametrize("argument", ["fargate_scheduler", "fargate_workers"])
def test_an_ecs_cluster_with_public_addresses_is_refused_too(argument: str) -> None:
    with pytest.raises(SpecError, match="public address"):
        spec_of("dask_cloudprovider.aws.ECSCluster", **{argument: True})


def test_no_credential_of_any_provider_is_in_the_spec() -> None:
    class Opaque:
        def __repr__(self) -> str:
            return "Opaque(hidden)"

    given = {
        "service_account_credentials": {"private_key": "hidden", "type": "hidden", "n": 1},
        "aws_session_token": "hidden",
        "auth": {"user": "hidden", "nested": [{"pass": "hidden"}]},
        "url": "https://me:hidden@example.org",
        "session": Opaque(),
        "blob": b"hidden",
    }
    part = spec_of(Taker, **given)

    assert "hidden" not in str(masked({"part": part}))
    arguments = real(part["arguments"], DaskCloudProviderEnvironment(Taker, **given).kwargs)
    assert revealed(arguments)["auth"] == given["auth"]


@pytest.mark.parametrize(
    "settings",
    [
        {"provider": LOCAL, "memory_limit": "1GB", "lifetime": "1h", "env": {"A": "1"}},
        {"provider": Taker, "cabinet": 7},
    ],
)
def test_what_the_constructor_may_take_is_left_to_it(settings: dict[str, Any]) -> None:
    arguments = {name: value for name, value in settings.items() if name != "provider"}

    assert arguments.keys() <= spec_of(**settings)["arguments"].keys()


def test_the_backend_is_found(flow_named: Callable[[str], Flow[..., Any]]) -> None:
    assert registry().environment_type("dask_cloud") is DaskCloudProviderEnvironment
