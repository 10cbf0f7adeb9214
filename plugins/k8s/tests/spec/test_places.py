"""Where a run goes, and where its results do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowenv.errors import ConfigurationError, SpecError
from flowenv_k8s import KubernetesJobEnvironment

from .built import TWO_CONTAINERS, Environments, build

# -- where it goes ------------------------------------------------------------------------


def kubeconfig(path: Path, **contexts: str | None) -> None:
    entries = [
        {"name": name, "context": {"cluster": "c", "user": "u", "namespace": namespace}}
        for name, namespace in contexts.items()
    ]
    path.write_text(yaml.safe_dump({"contexts": entries, "current-context": next(iter(contexts))}))


def test_the_namespace_is_the_settings_the_files_or_the_contexts(
    environment: Environments, tmp_path: Path
) -> None:
    kubeconfig(tmp_path / "no-kubeconfig", one="from-context", two=None)
    manifest = {**TWO_CONTAINERS, "metadata": {"name": "j", "namespace": "from-file"}}
    assert environment(namespace="given", job_spec=manifest).target_namespace == "given"
    assert environment(job_spec=manifest).target_namespace == "from-file"
    assert environment().target_namespace == "from-context"
    assert environment(context="two").target_namespace == "default"


def test_a_context_that_is_not_there_is_an_error(environment: Environments, tmp_path: Path) -> None:
    kubeconfig(tmp_path / "no-kubeconfig", one="a", two="b")
    with pytest.raises(ConfigurationError, match=r"no context 'three'; it has: one, two"):
        build(environment(context="three"))


def test_a_serialised_environment_carries_the_manifest(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(TWO_CONTAINERS))
    made = KubernetesJobEnvironment(job_spec_file=str(path))
    path.unlink()
    again = KubernetesJobEnvironment.deserialize(json.loads(json.dumps(made.serialize())))
    assert isinstance(again, KubernetesJobEnvironment)
    assert again.manifest.data == TWO_CONTAINERS


# -- where results go ---------------------------------------------------------------------


def with_volume(**volume: Any) -> dict[str, Any]:
    flow = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    pod = {"containers": [flow], "volumes": [{"name": "shared", **volume}]}
    return {"kind": "Job", "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("url", "manifest"),
    [
        ("file:///tmp/results", None),
        ("/results", with_volume(persistentVolumeClaim={"claimName": "c"})),
        ("file:///shared/results", with_volume(emptyDir={})),
    ],
)
def test_results_on_the_pods_own_disk_are_refused_before_the_run(
    environment: Environments, url: str, manifest: dict[str, Any] | None
) -> None:
    metadata = {"image": "repo/flow:1", "results_url": url}
    with pytest.raises(SpecError, match=f"{url}, which is on the disk of the flow's container"):
        build(environment(metadata=metadata, job_spec=manifest))


def test_results_on_a_volume_of_others_are_the_users_affair(environment: Environments) -> None:
    metadata = {"image": "repo/flow:1", "results_url": "file:///shared/results"}
    manifest = with_volume(persistentVolumeClaim={"claimName": "c"})
    assert build(environment(metadata=metadata, job_spec=manifest))["job"]


def test_a_results_url_without_its_package_here_is_a_warning_and_an_unknown_one_an_error(
    environment: Environments, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        metadata = {"image": "repo/flow:1", "results_url": "gs://bucket/of-a-test"}
        build(environment(metadata=metadata))
    assert [one for one in caplog.messages if "gcsfs" in one] == caplog.messages
    assert len(caplog.messages) == 1
    with pytest.raises(ConfigurationError, match="s4"):
        build(environment(metadata={"image": "repo/flow:1", "results_url": "s4://bucket"}))
