"""Uses a Dask cluster on a rig, and prints what it saw as JSON.

A program of its own, because kr8s leaves connections open when it ends, which the test suite
treats as errors.
"""

from __future__ import annotations

import json
from typing import Any

from dask_kubernetes.operator import KubeCluster
from distributed import Client


def main() -> None:
    """Connect to the cluster ``c1``, compute, scale up, and close it."""
    seen: dict[str, Any] = {}
    cluster = KubeCluster.from_name(
        "c1", namespace="default", shutdown_on_close=True, port_forward_cluster_ip=True, quiet=True
    )
    with Client(cluster, timeout=20) as client:
        client.wait_for_workers(1, timeout=30)
        seen["sum"] = sum(client.gather(client.map(lambda number: number**2, range(10))))
        cluster.scale(2)
        client.wait_for_workers(2, timeout=30)
        seen["workers"] = len(client.scheduler_info()["workers"])
        seen["variable"] = client.submit(lambda: __import__("os").environ["FROM_SPEC"]).result()
    cluster.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
