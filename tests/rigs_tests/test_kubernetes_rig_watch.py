"""Watches of the rig, as the official client sees them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes
import pytest
from kubernetes.client.rest import ApiException

from rigs.kubernetes import KubernetesRig, ScriptedKubelet
from rigs.kubernetes.manifests import config_map

# Their methods also take plain dicts, against their annotations.
client: Any = kubernetes.client
watch: Any = kubernetes.watch


@pytest.fixture
def rig() -> Iterator[KubernetesRig]:
    with KubernetesRig(kubelet=ScriptedKubelet()) as rig:
        yield rig


def events(core: Any, count: int, **query: Any) -> list[tuple[str, str]]:
    """Return so many events of a watch of ConfigMaps."""
    found: list[tuple[str, str]] = []
    watching = watch.Watch()
    query = {"timeout_seconds": 10, **query}
    for event in watching.stream(core.list_namespaced_config_map, "default", **query):
        found.append((event["type"], event["object"].metadata.name))
        if len(found) == count:
            watching.stop()
    return found


def labelled(name: str, **labels: str) -> dict[str, Any]:
    return config_map(name) | {"metadata": {"name": name, "labels": labels}}


def version(core: Any) -> str:
    listed = core.list_namespaced_config_map("default")
    return str(listed.metadata.resource_version)


def test_a_watch_without_a_version_begins_with_what_is_there(rig: KubernetesRig, core: Any) -> None:
    rig.apply(config_map("a"))
    rig.apply(config_map("b"))
    assert events(core, 2) == [("ADDED", "a"), ("ADDED", "b")]


def test_a_watch_from_a_version_begins_with_what_came_after(rig: KubernetesRig, core: Any) -> None:
    rig.apply(config_map("a"))
    since = version(core)
    rig.apply(config_map("a", key="1"))
    rig.apply(config_map("b"))
    rig.delete("ConfigMap", "b")
    assert events(core, 3, resource_version=since) == [
        ("MODIFIED", "a"),
        ("ADDED", "b"),
        ("DELETED", "b"),
    ]


def test_a_watch_sees_what_begins_and_ceases_to_be_selected(rig: KubernetesRig, core: Any) -> None:
    since = version(core)
    rig.apply(labelled("a", on="no"))
    rig.apply(labelled("a", on="yes"))
    rig.apply(labelled("a", on="yes", more="1"))
    rig.apply(labelled("a", on="no"))
    seen = events(core, 3, resource_version=since, label_selector="on=yes")
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


def test_a_watch_of_one_object_sees_no_other(rig: KubernetesRig, core: Any) -> None:
    since = version(core)
    rig.apply(config_map("a"))
    rig.apply(config_map("b"))
    found = events(core, 1, resource_version=since, field_selector="metadata.name=b")
    assert found == [("ADDED", "b")]


def test_a_watch_ends_at_its_timeout(core: Any) -> None:
    assert events(core, 1, timeout_seconds=1, field_selector="metadata.name=none") == []


def test_a_watch_from_before_the_history_is_gone(rig: KubernetesRig, core: Any) -> None:
    rig.apply(config_map("a"))
    since = version(core)
    rig.forget_history()
    with pytest.raises(ApiException) as caught:
        events(core, 1, resource_version=since)
    assert caught.value.status == 410
    # k8s.io/apiserver/pkg/storage/cacher/watch_cache.go
    assert "too old resource version" in str(caught.value)


def test_bookmarks_tell_where_the_initial_events_end(rig: KubernetesRig, core: Any) -> None:
    rig.apply(config_map("a"))
    found = []
    watching = watch.Watch()
    for event in watching.stream(
        core.list_namespaced_config_map,
        "default",
        send_initial_events=True,
        resource_version_match="NotOlderThan",
        allow_watch_bookmarks=True,
        timeout_seconds=10,
    ):
        found.append(event)
        if event["type"] == "BOOKMARK":
            watching.stop()
    assert [event["type"] for event in found] == ["ADDED", "BOOKMARK"]
    annotations = found[1]["raw_object"]["metadata"]["annotations"]
    assert annotations == {"k8s.io/initial-events-end": "true"}


def test_open_watches_are_counted(rig: KubernetesRig, core: Any) -> None:
    stream = watch.Watch().stream(core.list_namespaced_config_map, "default", timeout_seconds=10)
    rig.apply(config_map("a"))
    next(stream)
    (open_watch,) = rig.requests.open_watches
    assert (open_watch.resource, open_watch.is_watch) == ("configmaps", True)
    stream.close()
    rig.wait_until(lambda: not rig.requests.open_watches, "the end of the watch")
