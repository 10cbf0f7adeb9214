"""What is found out about a provider's class."""

import pytest
from distributed import LocalCluster, SpecCluster

from flowenv.errors import SettingError
from flowenv_dask_cloud.spec.providers import Facts, load_provider


class Quiet(LocalCluster):  # type: ignore[misc]
    """A user's own subclass."""


class Fixed(LocalCluster):  # type: ignore[misc]
    """One that doesn't let its base's arguments be given."""

    def __init__(self, n_workers: int = 1) -> None:
        super().__init__(n_workers=n_workers)


class Other(SpecCluster):  # type: ignore[misc]
    """Another library's cluster."""

    def __init__(self, image: str = "", env: dict[str, str] | None = None, **kwargs: object):
        super().__init__(**kwargs)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("dask_cloudprovider.aws.FargateCluster", Facts("ecs", "environment", "image", False)),
        ("dask_cloudprovider.aws.ECSCluster", Facts("ecs", "environment", "image", False)),
        ("dask_cloudprovider.aws.EC2Cluster", Facts("machines", "env_vars", "docker_image", True)),
        ("rigs.machines.LocalMachineCluster", Facts("machines", "env_vars", "docker_image", True)),
        (Quiet, Facts("local", "env", None, True)),
        (Fixed, Facts("local", None, None, None)),
        (Other, Facts("other", "env", "image", None)),
    ],
)
def test_what_is_known_of_a_class_and_of_those_derived_from_it(
    name: str | type, facts: Facts
) -> None:
    assert load_provider(name).facts == facts


@pytest.mark.parametrize(
    ("name", "accepts"),
    [
        ("dask_cloudprovider.aws.FargateCluster", True),
        ("dask_cloudprovider.aws.EC2Cluster", False),
        ("distributed.LocalCluster", False),
    ],
)
def test_skip_cleanup_is_looked_for_in_all_constructors(name: str, accepts: bool) -> None:
    assert load_provider(name).accepts("skip_cleanup") is accepts


@pytest.mark.parametrize("name", ["distributed.NoCluster", "distributed.Client", "nowhere.X"])
def test_a_name_that_is_no_cluster_class_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match=name):
        load_provider(name)


def test_a_misspelt_class_gets_the_name_that_was_meant() -> None:
    with pytest.raises(SettingError, match=r"Did you mean 'distributed\.LocalCluster'"):
        load_provider("distributed.LocalClustr")
