"""Runs of the flows that look at their own Dask cluster, on the rig."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import flowenv
from flowenv.flows.finding import find_flow
from flowenv.runs.flow_run import FlowRun
from flowenv_dask_k8s import DaskKubernetesEnvironment
from on_kubernetes.clean_slate import clean_slate
from on_kubernetes.cluster_under_test import cluster_under_test
from on_kubernetes.dask_objects import wait_until_nothing_is_left
from rigs.kubernetes import KubernetesRig

FLOWS = Path(__file__).parents[2] / "plugins" / "dask_k8s" / "tests" / "flows" / "cluster_flows.py"
"""Flows that look at their own cluster."""
IMAGE = "repo/flow:1"
PATIENCE = 180.0
"""Seconds for a run to end, on a busy machine; a tenth on one that has nothing else to do."""


@contextmanager
def nothing_stays(rig: KubernetesRig, folder: Path) -> Iterator[None]:
    """The rig is the current context; of runs that end inside the block nothing may be left.

    Args:
        rig: the running rig, with the operator.
        folder: an empty one, which the block works in.
    """
    with pytest.MonkeyPatch.context() as patch, clean_slate(patch, folder):
        patch.setenv("KUBECONFIG", str(rig.kubeconfig(folder / "kubeconfig")))
        rig.requests.clear()
        yield
        rig.faults.clear()
        with cluster_under_test(rig, folder, patch) as cluster:
            wait_until_nothing_is_left(cluster, "")


def submit(name: str, settings: dict[str, Any] | None = None, **parameters: Any) -> FlowRun:
    """Submit one of the flows that look at their cluster; without workers unless told to.

    Args:
        name: the flow's.
        settings: of the environment, further ones.
        **parameters: the flow's.
    """
    small: dict[str, Any] = {"min_workers": 0, "max_workers": 1, "nthreads": 1}
    small["cluster"] = "operator"
    chosen = {"metadata": {"image": IMAGE}, **small, **(settings or {})}
    return flowenv.submit(
        find_flow(f"{FLOWS}:{name}"),
        environment=DaskKubernetesEnvironment(**chosen),
        parameters=parameters,
    )


def of_runs(rig: KubernetesRig, kind: str) -> list[Any]:
    """The objects of a kind that belong to runs."""
    return rig.objects(kind, label_selector="flowenv.io/run-id")
