"""Run by test_ecs_rig_dask: a FargateCluster in a process of its own.

dask-cloudprovider cleans up in finalizers that run at the interpreter's end, which a test process
can't wait for. Prints one line of JSON.
"""

import json
import os
import sys
from typing import Any

from dask_cloudprovider.aws import FargateCluster
from distributed import Client


def square(number: int) -> int:
    return number * number


def compute_and_adapt(arguments: dict[str, Any]) -> dict[str, Any]:
    """Compute on one worker, let the cluster grow to two, close it."""
    with FargateCluster(n_workers=1, **arguments) as cluster, Client(cluster) as client:
        squares = client.gather(client.map(square, range(5)))
        cluster.adapt(minimum=2, maximum=2, interval="100ms")
        client.wait_for_workers(2, timeout=30)
        workers = len(client.scheduler_info()["workers"])
    return {"squares": squares, "workers": workers}


def open_and_close(arguments: dict[str, Any]) -> dict[str, Any]:
    """Only start a scheduler, and close."""
    with FargateCluster(n_workers=0, **arguments) as cluster:
        return {"scheduler": cluster.scheduler_address}


if __name__ == "__main__":
    what, arguments = sys.argv[1], json.loads(sys.argv[2])
    arguments |= {"fargate_use_private_ip": True, "skip_cleanup": True}
    result = {"compute": compute_and_adapt, "open": open_and_close}[what](arguments)
    print(json.dumps(result), flush=True)
    # Leave before the finalizers: what is there now is what close() has left.
    os._exit(0)
