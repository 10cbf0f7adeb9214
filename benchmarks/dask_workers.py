"""What does the flow's process pay for its workers, where it makes them itself?

    python benchmarks/dask_workers.py --workers 10 50 200

For each number, in a process of its own: the run's cluster of pods, with its scheduler as a child
and a client that follows how many workers there are, as in the flow's container. The pods are
those of the scripted rig, where nothing runs; in their place a further process has so many of
Dask's workers, which join by the pods' names. Measured of the flow's process alone: CPU time from
the first request to the last worker, per worker; CPU time in ten idle seconds; memory beyond what
it had before; requests. The aim: one list and one watch while it is up, two requests a worker, and
costs a worker that don't grow with their number.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows
from flowenv_dask_k8s import DaskKubernetesEnvironment
from flowenv_dask_k8s.api.connection import dask_client
from flowenv_dask_k8s.api.spec_cluster import security_of
from flowenv_dask_k8s.cluster.interface import ClusterPlan, OwnPod
from flowenv_dask_k8s.cluster.pods.certificates import make_certificates
from flowenv_dask_k8s.cluster.pods.cluster import PodsCluster
from flowenv_dask_k8s.runs.reporting import report_workers
from flowenv_dask_k8s.spec.tls import FILES
from flowenv_k8s.plugin import connect
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet
from rigs.kubernetes.manifests import container, job, pod

IDLE = 10.0
"""Seconds for which nothing is done."""


def serve(pipe: Connection, path: str) -> None:
    """A cluster that is told to count requests, or to name its workers."""
    with KubernetesRig(kubelet=ScriptedKubelet(Script(ends_after=None))) as rig:
        rig.kubeconfig(path)
        rig.apply(job(container(["x"])))
        rig.apply(pod(container(["x"]), name="own"))
        pipe.send(rig.get("Job", "job")["metadata"]["uid"])
        while (asked := pipe.recv()) != "end":
            if asked == "count":
                verbs = ("list", "watch", "create", "delete")
                pipe.send([rig.requests.count(verb=one, resource="pods") for one in verbs])
                rig.requests.clear()
            else:
                found = rig.objects("Pod", label_selector="flowenv.io/dask=worker")
                pipe.send([one["metadata"]["name"] for one in found])


def work(pipe: Connection, folder: str) -> None:
    """Dask's workers, of the names and at the scheduler that it is told."""
    from distributed import Worker

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    address, names = pipe.recv()
    security = security_of(*(f"{folder}/{name}" for name in FILES))

    async def run() -> None:
        made = [
            Worker(address, nthreads=1, name=name, security=security, dashboard=False)
            for name in names
        ]
        await asyncio.gather(*made)
        await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


def resident() -> float:
    """This process's memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def flow(pipe: Connection, uid: str, folder: str, count: int) -> None:
    """The flow's process: makes the cluster, and measures itself."""
    environment = DaskKubernetesEnvironment(
        count, count, metadata={"image": "a:1"}, namespace="default"
    )
    prepared = prepare(flows.add, environment=environment, parameters={"a": 1})
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": uid}
    here = OwnPod("own", "127.0.0.1", folder)
    plan = ClusterPlan(prepared.spec["worker_pod"], count, count, owner=owner, here=here)
    cluster = PodsCluster(connect(), plan, prepared.flow_run.id, lambda text: None)
    import distributed.deploy.spec  # noqa: F401  # its import isn't a worker's cost

    before, cpu = resident(), time.process_time()
    cluster.open()
    with dask_client(cluster.dask) as client, report_workers(client):
        pipe.send(cluster.dask.scheduler_address)
        client.wait_for_workers(count)
        made, idle = time.process_time() - cpu, time.process_time()
        time.sleep(IDLE)
        idle = time.process_time() - idle
        pipe.send((made, idle, resident() - before))
        pipe.recv()
    cluster.close()
    pipe.send("closed")


def measure(rig: Connection, uid: str, folder: str, count: int) -> dict[str, Any]:
    """One number of workers."""
    spawned = multiprocessing.get_context("spawn")
    (pipe, flows_end), (orders, workers_end) = spawned.Pipe(), spawned.Pipe()
    process = spawned.Process(target=flow, args=(flows_end, uid, folder, count))
    workers = spawned.Process(target=work, args=(workers_end, folder))
    process.start()
    workers.start()
    address = pipe.recv()
    while len(names := _asked(rig, "names")) < count:
        time.sleep(0.1)
    orders.send((address, names))
    made, idle, memory = pipe.recv()
    pipe.send("close")
    orders.send("end")
    pipe.recv()
    process.join()
    workers.join()
    listed, watched, created, deleted = _asked(rig, "count")
    return {
        "workers": count,
        "CPU a worker, ms": round(made / count * 1000, 1),
        "CPU in 10 idle s, ms": round(idle * 1000),
        "memory, MB": round(memory, 1),
        "lists": listed,
        "watches": watched,
        "creates": created,
        "deletes": deleted,
    }


def _asked(rig: Connection, what: str) -> Any:
    rig.send(what)
    return rig.recv()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 50, 200])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/kubeconfig"
        for name, text in make_certificates().items():
            Path(folder, name).write_text(text.reveal())
        ours, theirs = multiprocessing.Pipe()
        rig = multiprocessing.Process(target=serve, args=(theirs, path))
        rig.start()
        uid = ours.recv()
        os.environ["KUBECONFIG"] = path
        for count in given.workers:
            print(json.dumps(measure(ours, uid, folder, count)), flush=True)
        ours.send("end")
        rig.join()


if __name__ == "__main__":
    main()
