"""Start of a Dask cluster on Kubernetes: flowenv's against bare dask-kubernetes, side by side.

    python benchmarks/bench_dask_k8s.py --starts 20

Both run from outside, on the project's Kubernetes rig with the real operator, each start in a
process of its own, in turns: from `run` to the first task's result, imports included. Bare
dask-kubernetes gets the same commands (`dask scheduler`, `dask worker`), probes and adaptivity.
Prints JSON: seconds, failed starts, and the requests that flowenv itself sent.

With `FLOWENV_TEST_KUBECONFIG` and `FLOWENV_TEST_IMAGE` set they run on that real cluster, where
requests aren't counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KUBECONFIG = os.environ.get("FLOWENV_TEST_KUBECONFIG")
"""The real cluster's; None for the rig."""
IMAGE = os.environ.get("FLOWENV_TEST_IMAGE", "a:1")
sys.path.insert(0, str(ROOT / "tests"))

from rigs.kubernetes import KubernetesRig, Timing  # noqa: E402
from rigs.kubernetes.dask_operator import DaskOperator  # noqa: E402

FLOWENV = """
import sys, time
from flowenv import flow, get_executor
from flowenv_dask_k8s import DaskKubernetesEnvironment

@flow
def first_task():
    get_executor().submit(abs, -1).result()
    return time.monotonic()

environment = DaskKubernetesEnvironment(1, 2, metadata={"image": sys.argv[1]})
began = time.monotonic()
print(environment.run(first_task) - began)
"""
BARE = """
import time
import json, sys
spec = json.loads(sys.argv[1])
began = time.monotonic()
from dask_kubernetes.operator import KubeCluster
from distributed import Client
with KubeCluster(
    custom_cluster_spec=spec,
    namespace=spec["metadata"]["namespace"],
    port_forward_cluster_ip=True,
    quiet=True,
) as cluster:
    cluster.adapt(minimum=1, maximum=2)
    with Client(cluster) as client:
        client.get_executor().submit(abs, -1).result()
        print(time.monotonic() - began)
"""


def bare_spec(number: int) -> dict[str, Any]:
    """The DaskCluster that flowenv would make, under another name and without its labels."""
    from flowenv.submission.lifecycle import prepare
    from flowenv.testing import flows
    from flowenv_dask_k8s import DaskKubernetesEnvironment

    environment = DaskKubernetesEnvironment(1, 2, cluster="operator", metadata={"image": IMAGE})
    spec = prepare(flows.add, environment=environment, parameters={"a": 1}).spec
    cluster: dict[str, Any] = spec["dask_cluster"]
    name = f"bare-{number}"
    cluster["metadata"] = {"name": name, "namespace": cluster["metadata"]["namespace"]}
    cluster["spec"]["scheduler"]["service"]["selector"]["dask.org/cluster-name"] = name
    return cluster


def start(program: str, *arguments: str) -> float | None:
    """Seconds of one start; None if it failed."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        return None
    return float(done.stdout.strip().splitlines()[-1])


def summary(seconds: list[float | None]) -> dict[str, Any]:
    good = [one for one in seconds if one is not None]
    return {
        "starts": len(seconds),
        "failed": len(seconds) - len(good),
        "median_s": round(statistics.median(good), 2) if good else None,
        "worst_s": round(max(good), 2) if good else None,
    }


def ratio(ours: list[float | None], bare: list[float | None]) -> float | None:
    """Of the medians of what didn't fail."""
    medians = [summary(one)["median_s"] for one in (ours, bare)]
    return round(medians[0] / medians[1], 2) if all(medians) else None


@contextlib.contextmanager
def operated_rig() -> Iterator[KubernetesRig]:
    """The rig with the operator, which the kubeconfig leads to."""
    with (
        tempfile.TemporaryDirectory() as folder,
        KubernetesRig(timing=Timing(longest_grace=1)) as rig,
        DaskOperator(rig),
    ):
        os.environ["KUBECONFIG"] = str(rig.kubeconfig(Path(folder) / "kubeconfig"))
        yield rig


def wait_until_gone(seconds: float = 180.0) -> None:
    """The next start must not pay for what this one leaves to be cleaned up."""
    from flowenv_dask_k8s.spec.resources import CLUSTER_LABEL, CLUSTERS
    from flowenv_k8s.api.client import connect
    from flowenv_k8s.api.kubeconfig import default_namespace
    from flowenv_k8s.api.resources import PODS

    client, namespace, end = connect(), default_namespace(None), time.monotonic() + seconds
    while (
        client.list(CLUSTERS, namespace)[0] or client.list(PODS, namespace, labels=CLUSTER_LABEL)[0]
    ):
        if time.monotonic() > end:
            raise TimeoutError("a start has left something")
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=20)
    starts = parser.parse_args().starts
    ours: list[float | None] = []
    bare: list[float | None] = []
    requests: list[int] = []
    with contextlib.ExitStack() as stack:
        rig = None if KUBECONFIG else stack.enter_context(operated_rig())
        os.environ["KUBECONFIG"] = KUBECONFIG or os.environ["KUBECONFIG"]
        for number in range(starts):
            if rig:
                rig.requests.clear()
            ours.append(start(FLOWENV, IMAGE))
            if rig:
                requests.append(sum(one.user_agent.startswith("flowenv/") for one in rig.requests))
            wait_until_gone()
            bare.append(start(BARE, json.dumps(bare_spec(number))))
            wait_until_gone()
    pairs = [a - b for a, b in zip(ours, bare, strict=True) if a is not None and b is not None]
    print(
        json.dumps(
            {
                "flowenv": summary(ours),
                "dask_kubernetes": summary(bare),
                "median_difference_s": round(statistics.median(pairs), 2) if pairs else None,
                "ratio_of_medians": ratio(ours, bare),
                "requests_by_flowenv": {
                    "median": statistics.median(requests),
                    "most": max(requests),
                }
                if requests
                else None,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
