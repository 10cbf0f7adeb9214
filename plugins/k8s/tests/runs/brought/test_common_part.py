"""What the payloads of a batch's runs share: stored once, and nobody else's is taken for it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flowenv
from flowenv import Batch
from flowenv.errors import PlatformError, RunConflict
from flowenv.flows.finding import find_flow
from flowenv.plugin import Environment, Leftover
from flowenv_k8s.api.client import Client, connect, forget_connections
from flowenv_k8s.api.resources import CONFIG_MAPS, SECRETS
from flowenv_k8s.runs import sweep
from flowenv_k8s.runs.brought import use
from flowenv_k8s.runs.brought.brought_again import bring
from flowenv_k8s.runs.brought.common_part import forget_common
from flowenv_k8s.runs.brought.runtime import forget_runtime
from flowenv_k8s.spec.common_part import common_of
from rigs.kubernetes import KubernetesRig

LARGE = 20_000
FLOW = """
from flowenv import flow

@flow
def twice(n: int):
    return 2 * n
"""
Map = Callable[..., Batch]


@pytest.fixture
def submit(
    rig: KubernetesRig, tmp_path: Path, environment: Callable[..., Environment]
) -> Iterator[Map]:
    """Submit a batch of a flow whose file is large."""
    path = tmp_path / "large_flow.py"
    path.write_text(f"{FLOW}# {'x' * LARGE}\n")
    twice = find_flow(f"{path}:twice")
    made: list[Batch] = []

    def submit(count: int, **options: Any) -> Batch:
        rows = [{"n": n} for n in range(count)]
        made.append(flowenv.map(twice, rows, environment=environment(), **options))
        return made[-1]

    yield submit
    for batch in made:
        batch.cancel()
    for one in rig.objects("ConfigMap"):
        rig.delete("ConfigMap", one["metadata"]["name"])
    rig.wait_until(lambda: not rig.objects("Secret"), "the Secrets' going with their owners")


def shared(rig: KubernetesRig) -> list[str]:
    return [name for one in rig.objects("Secret") if "batch-" in (name := one["metadata"]["name"])]


def swept(environment: Environment) -> list[Leftover]:
    return list(sweep.sweep(connect(), environment, older_than=0.0, delete=True))  # type: ignore[arg-type]


def test_the_flow_is_stored_once_for_a_batch(rig: KubernetesRig, submit: Map) -> None:
    submit(5)
    (name,) = shared(rig)
    assert {common_of(one["spec"]["template"]["spec"]) for one in rig.objects("Job")} == {name}
    sizes = {one["metadata"]["name"]: len(str(one)) for one in rig.objects("Secret")}
    assert sizes.pop(name) > LARGE
    assert max(sizes.values()) < 3000
    made = Counter(one.resource for one in rig.requests if one.verb == "create")
    assert made == {"configmaps": 2, "secrets": 6, "jobs": 5}  # one brings flowenv
    submit(5)
    assert shared(rig) == [name]


def test_a_single_run_has_all_of_its_payload(rig: KubernetesRig, submit: Map) -> None:
    submit(1)
    assert shared(rig) == []


def test_what_somebody_else_has_put_there_is_not_run(
    rig: KubernetesRig, client: Client, submit: Map
) -> None:
    first = submit(2)
    made = first.rows[0].run.spec
    assert made
    first.cancel()
    rig.delete("ConfigMap", made["common"]["config_map"]["metadata"]["name"])
    rig.wait_until(lambda: not shared(rig), "the Secret's going with its owner")
    owner = client.create(CONFIG_MAPS, made["common"]["config_map"])
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "uid": owner["metadata"]["uid"]}
    reference["name"] = owner["metadata"]["name"]
    metadata = {**made["common"]["secret"]["metadata"], "ownerReferences": [reference]}
    evil = {"common.json": base64.b64encode(b"{}").decode()}
    secret = {**made["common"]["secret"], "metadata": metadata, "data": evil}
    del secret["stringData"]
    client.create(SECRETS, secret)
    forget_common(client, "default", owner["metadata"]["name"])
    jobs = len(rig.objects("Job"))
    with pytest.raises(RunConflict, match="is already there and isn't this run's"):
        submit(2)
    assert len(rig.objects("Job")) == jobs


def test_it_is_brought_again_if_somebody_removes_it_while_a_run_waits(
    rig: KubernetesRig, submit: Map
) -> None:
    run = submit(2).rows[0].run
    (name,) = shared(rig)
    rig.delete("ConfigMap", name)
    rig.wait_until(lambda: not shared(rig), "the Secret's going with its owner")
    lacking = run.handle.tracker.lacking  # type: ignore[union-attr]
    words = f'MountVolume.SetUp failed for volume "flowenv-batch" : secret "{name}" not found'
    lacking.hear([{"metadata": {"uid": "1"}, "count": 1, "message": words}])
    lacking.bring_again()
    assert shared(rig) == [name]
    rig.requests.clear()
    lacking.hear([{"metadata": {"uid": "1"}, "count": 1, "message": words}])  # no news
    lacking.bring_again()
    assert len(rig.requests) == 0


def test_a_sweep_removes_it_when_no_run_needs_it(
    rig: KubernetesRig, submit: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = submit(2)
    environment = batch.rows[0].draft.environment
    (name,) = shared(rig)
    monkeypatch.setattr(use, "age_of", lambda found: 2 * 86400.0)
    assert name not in [one.name for one in swept(environment)]
    assert shared(rig) == [name]
    batch.cancel()
    left = swept(environment)
    assert f"default/{name}" in [
        one.name for one in left if one.kind == "ConfigMap" and one.removed
    ]
    rig.wait_until(lambda: not shared(rig), "the Secret's going with its owner")


def listed(environment: Environment) -> dict[str, Leftover]:
    """The ConfigMaps that a sweep would remove."""
    found = sweep.sweep(connect(), environment, older_than=0.0, delete=False)  # type: ignore[arg-type]
    return {one.name.partition("/")[2]: one for one in found if one.kind == "ConfigMap"}


def test_a_sweep_leaves_what_a_run_has_come_to_need_since_it_was_listed(
    rig: KubernetesRig, submit: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = submit(2)
    (name,) = shared(rig)
    batch.cancel()
    monkeypatch.setattr(use, "age_of", lambda found: 2 * 86400.0)
    left = listed(batch.rows[0].draft.environment)[name]
    submit(2)
    with pytest.raises(PlatformError, match="come to be needed"):
        left.removal()  # type: ignore[misc]
    assert shared(rig) == [name]


def test_an_old_one_that_a_run_is_about_to_need_is_marked_and_no_sweep_removes_it(
    rig: KubernetesRig, submit: Map, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = submit(2)
    made = batch.rows[0].run.spec
    assert made
    (name,) = shared(rig)
    batch.cancel()
    monkeypatch.setattr(use, "age_of", lambda found: 2 * 86400.0)
    before = listed(batch.rows[0].draft.environment)
    both = {one["metadata"]["name"] for one in rig.objects("ConfigMap")}
    assert set(before) == both
    forget_connections()
    forget_runtime(connect(), "default", made["runtime"]["metadata"]["name"])
    with rig.access.denied("patch", "configmaps"):  # that is no reason not to run
        bring(connect(), made)
    assert set(listed(batch.rows[0].draft.environment)) == both
    forget_connections()
    forget_runtime(connect(), "default", made["runtime"]["metadata"]["name"])
    bring(connect(), made)
    for one in before.values():  # a sweep that has seen them before
        with pytest.raises(PlatformError, match="come to be needed"):
            one.removal()  # type: ignore[misc]
    assert listed(batch.rows[0].draft.environment) == {}
    assert shared(rig) == [name]
