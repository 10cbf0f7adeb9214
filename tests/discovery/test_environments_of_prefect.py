"""What Prefect 0.x has serialised is read: the types by their old names."""

from __future__ import annotations

from typing import Any

import pytest

from flowenv import Environment
from flowenv.errors import ConfigurationError

BASE = {"__version__": "0.15.1", "labels": ["b", "a"], "metadata": {"image": "a:1"}}
OF_DASK = {
    "docker_secret": None,
    "max_workers": 2,
    "min_workers": 1,
    "private_registry": False,
}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("LocalEnvironment", {}),
        ("KubernetesJobEnvironment", {}),
        ("DaskKubernetesEnvironment", OF_DASK),
        ("FargateTaskEnvironment", {}),
        ("DaskCloudProviderEnvironment", {"provider_class": "distributed.LocalCluster"}),
    ],
)
def test_an_environment_of_prefect_loads_and_is_serialised_by_todays_name(
    kind: str, more: dict[str, Any]
) -> None:
    found = Environment.deserialize({**BASE, **more, "type": kind})
    assert type(found).__name__ == kind
    assert found.labels == {"a", "b"}
    assert found.metadata == {"image": "a:1"}
    data = found.serialize()
    assert data["type"] == type(found).backend
    assert data["labels"] == ["a", "b"]
    assert Environment.deserialize(data).serialize() == data


def test_one_that_lacks_its_provider_says_so() -> None:
    with pytest.raises(ConfigurationError, match="says no provider_class"):
        Environment.deserialize({**BASE, "type": "DaskCloudProviderEnvironment"})
