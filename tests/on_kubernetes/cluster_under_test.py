"""The cluster that end-to-end tests run on: the rig, or a real one.

A real one has the kubeconfig that `FLOWENV_TEST_KUBECONFIG` names, and `FLOWENV_TEST_IMAGE` names
an image that it can pull, with this flowenv, the plugin that is tested, and what the examples
import. The tests look at either through its API.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import kubernetes
import pytest
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from flowenv_k8s.api.kubeconfig import default_namespace
from rigs.kubernetes import KubernetesRig

T = TypeVar("T")

KUBECONFIG = os.environ.get("FLOWENV_TEST_KUBECONFIG")
"""The real cluster's kubeconfig; None for the rig."""
IMAGE = os.environ.get("FLOWENV_TEST_IMAGE", "repo/flow:1")
"""The image of the tests' flows."""
BOKEH_IMAGE = os.environ.get("FLOWENV_TEST_IMAGE", "repo/bokeh:1")
"""One with bokeh, for Dask's reports."""
PATIENCE = 300.0 if KUBECONFIG else 180.0
"""Seconds for a run to end, or for its objects to be gone."""
PULL_SECONDS = 30 if KUBECONFIG else 2
"""Seconds in which it is certain that an image can't be pulled."""

_LOOK = 0.1


def needs_the_rig(why: str) -> pytest.MarkDecorator:
    """Mark a test that can't run on a real cluster."""
    return pytest.mark.skipif(KUBECONFIG is not None, reason=why)


class ClusterUnderTest:
    """A cluster, looked at through its API.

    Args:
        kubeconfig: how it is reached.
        namespace: where the tests' objects are.
        api: the official client's dynamic one.
    """

    def __init__(self, kubeconfig: Path, namespace: str, api: Any) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace
        self._api = api

    def objects(self, kind: str, label_selector: str = "") -> list[dict[str, Any]]:
        """The objects of a kind in the namespace."""
        found = self._of(kind).get(namespace=self.namespace, label_selector=label_selector)
        items: list[dict[str, Any]] = found.to_dict()["items"]
        return items

    def names(self, kind: str, label_selector: str = "") -> list[str]:
        """Their names."""
        return [one["metadata"]["name"] for one in self.objects(kind, label_selector)]

    def delete(
        self, kind: str, name: str, *, at_once: bool = False, propagation: str = "Background"
    ) -> None:
        """Delete an object, if it is there, with all that it owns.

        Args:
            kind: its kind.
            name: its name.
            at_once: have a pod's processes killed, without any time to end.
            propagation: what becomes of what it owns.
        """
        options: dict[str, Any] = {"propagationPolicy": propagation}
        if at_once:
            options["gracePeriodSeconds"] = 0
        with suppress(NotFoundError):
            self._of(kind).delete(name, namespace=self.namespace, body=options)

    def annotate(self, kind: str, name: str, annotations: dict[str, str]) -> None:
        """Add annotations to an object, or change them."""
        self.patch(kind, name, {"metadata": {"annotations": annotations}})

    def patch(self, kind: str, name: str, patch: dict[str, Any]) -> None:
        """Merge a patch into an object."""
        self._of(kind).patch(
            patch,
            name,
            self.namespace,
            content_type="application/merge-patch+json",
        )

    @contextmanager
    def other_namespace(self, labels: dict[str, str]) -> Iterator[str]:
        """A namespace of its own, for as long as the block lasts."""
        name = f"flowenv-{uuid.uuid4().hex[:8]}"
        self._of("Namespace").create({"metadata": {"name": name, "labels": labels}})
        try:
            yield name
        finally:
            self._of("Namespace").delete(name)

    def wait_until(self, holds: Callable[[], T], what: str, timeout: float = PATIENCE) -> T:
        """Wait until a function returns something true, and return that.

        Raises:
            TimeoutError: it didn't in time; `what` is in the message.
        """
        end = time.monotonic() + timeout
        while not (answer := holds()):
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not come to hold within {timeout:g} s")
            threading.Event().wait(_LOOK)
        return answer

    def _of(self, kind: str) -> Any:
        if kind.startswith("Dask"):
            return self._api.resources.get(kind=kind, api_version="kubernetes.dask.org/v1")
        return self._api.resources.get(kind=kind)


@contextmanager
def cluster_under_test(
    rig: KubernetesRig | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterUnderTest]:
    """Connect to the cluster, and make it the one that `KUBECONFIG` names.

    Args:
        rig: the running rig; None for the real cluster.
        folder: where files go.
        monkeypatch: of the test.
    """
    path = Path(KUBECONFIG or "") if rig is None else rig.kubeconfig(folder / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(path))
    configuration: Any = kubernetes.config
    dynamic: Any = DynamicClient
    with configuration.new_client_from_config(str(path)) as client:
        api = dynamic(client, cache_file=str(folder / "discovery"))
        yield ClusterUnderTest(path, default_namespace(None), api)


def description() -> str:
    """The real cluster in one line: its version, its nodes and what runs their containers."""
    configuration: Any = kubernetes.config
    with configuration.new_client_from_config(KUBECONFIG) as client:
        version = kubernetes.client.VersionApi(client).get_code().git_version
        try:
            nodes: list[Any] = kubernetes.client.CoreV1Api(client).list_node().items
        except kubernetes.client.ApiException as error:
            return f"Kubernetes {version}; its nodes can't be seen ({error.reason})"
    infos = [node.status.node_info for node in nodes]
    runtimes = sorted({f"{one.container_runtime_version}, {one.os_image}" for one in infos})
    kubelets = sorted({one.kubelet_version for one in infos})
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    return f"Kubernetes {version}, {count} (kubelet {', '.join(kubelets)}; {'; '.join(runtimes)})"
