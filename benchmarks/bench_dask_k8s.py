"""Start of a Dask cluster on Kubernetes: flowenv's against bare dask-kubernetes, side by side.

    python benchmarks/bench_dask_k8s.py --starts 20

Both run from outside, on the project's Kubernetes rig with the real operator, each start in a
process of its own, in turns: from `run` to the first task's result, imports included. Bare
dask-kubernetes gets the same commands (`dask scheduler`, `dask worker`), probes and adaptivity.
Prints JSON: seconds, failed starts, and the requests that flowenv itself sent.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from rigs.kubernetes import KubernetesRig, Timing  # noqa: E402
from rigs.kubernetes.dask_operator import DaskOperator  # noqa: E402

FLOWENV = """
import time
from flowenv import flow, get_executor
from flowenv_dask_k8s import DaskKubernetesEnvironment

@flow
def first_task():
    get_executor().submit(abs, -1).result()
    return time.monotonic()

environment = DaskKubernetesEnvironment(1, 2, metadata={"image": "a:1"})
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
    custom_cluster_spec=spec, namespace="default", port_forward_cluster_ip=True, quiet=True
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

    environment = DaskKubernetesEnvironment(1, 2, metadata={"image": "a:1"}, namespace="default")
    spec = prepare(flows.add, environment=environment, parameters={"a": 1}).spec
    cluster: dict[str, Any] = spec["dask_cluster"]
    name = f"bare-{number}"
    cluster["metadata"] = {"name": name}
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=20)
    starts = parser.parse_args().starts
    ours: list[float | None] = []
    bare: list[float | None] = []
    requests: list[int] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        KubernetesRig(timing=Timing(longest_grace=1)) as rig,
        DaskOperator(rig),
    ):
        os.environ["KUBECONFIG"] = str(rig.kubeconfig(Path(folder) / "kubeconfig"))
        for number in range(starts):
            rig.requests.clear()
            ours.append(start(FLOWENV))
            requests.append(sum(one.user_agent.startswith("flowenv/") for one in rig.requests))
            bare.append(start(BARE, json.dumps(bare_spec(number))))
            # the next start must not pay for what this one leaves to be cleaned up
            for kind in ("DaskCluster", "Pod"):
                rig.wait_until(lambda kind=kind: not rig.objects(kind), f"no {kind}", 120)  # type: ignore[misc]
    pairs = [a - b for a, b in zip(ours, bare, strict=True) if a is not None and b is not None]
    print(
        json.dumps(
            {
                "flowenv": summary(ours),
                "dask_kubernetes": summary(bare),
                "median_difference_s": round(statistics.median(pairs), 2) if pairs else None,
                "requests_by_flowenv": {
                    "median": statistics.median(requests),
                    "most": max(requests),
                },
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
