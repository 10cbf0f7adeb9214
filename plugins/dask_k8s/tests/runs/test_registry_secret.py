"""The pull secret that the deprecated settings ask for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from flowenv.errors import ConfigurationError, SecretNotFound
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from rigs.kubernetes import KubernetesRig

CREDENTIALS = {
    "docker-server": "registry.example",
    "docker-username": "robot",
    "docker-password": "s3cr3t",
    "docker-email": "robot@example.org",
}

SetUp = Callable[..., None]


@pytest.fixture
def set_up() -> SetUp:
    def run(**settings: Any) -> None:
        given = {"metadata": {"image": "a:1"}, "namespace": "default", "private_registry": True}
        with pytest.warns(DeprecationWarning, match="deprecated"):
            environment = DaskKubernetesEnvironment(**{**given, **settings})
        environment.setup(flows.add)

    return run


def test_it_is_made_from_the_named_secret(
    rig: KubernetesRig, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_SECRET_MINE", json.dumps(CREDENTIALS))

    set_up(docker_secret="MINE")

    made = rig.get("Secret", "default-docker")
    assert made["type"] == "kubernetes.io/dockerconfigjson"
    logins = json.loads(base64.b64decode(made["data"][".dockerconfigjson"]))
    assert logins["auths"]["registry.example"] == {
        "username": "robot",
        "password": "s3cr3t",
        "email": "robot@example.org",
        "auth": base64.b64encode(b"robot:s3cr3t").decode(),
    }


def test_one_that_is_there_is_kept(rig: KubernetesRig, set_up: SetUp) -> None:
    theirs = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "default-docker"}}
    rig.apply({**theirs, "stringData": {"a": "b"}})

    set_up()

    assert "a" in rig.get("Secret", "default-docker")["data"]


def test_credentials_that_nobody_has_are_named(rig: KubernetesRig, set_up: SetUp) -> None:
    with pytest.raises(SecretNotFound, match="DOCKER_REGISTRY_CREDENTIALS"):
        set_up()


def test_credentials_of_another_kind_are_refused_without_showing_them(
    rig: KubernetesRig, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_SECRET_MINE", '{"password": "s3cr3t"}')

    with pytest.raises(ConfigurationError, match="registry's credentials") as caught:
        set_up(docker_secret="MINE")

    assert "s3cr3t" not in str(caught.value)
