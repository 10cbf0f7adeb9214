"""Starts of Dask on Kubernetes, by turns: flowenv's two ways, bare dask-kubernetes, a plain Job.

    FLOWENV_TEST_KUBECONFIG=… FLOWENV_TEST_IMAGE=… python benchmarks/bench_dask_k8s.py --starts 20

Each start is a process of its own, timed from its beginning until it prints the line that the first
task's result makes; the plain Job's flow prints that line without Dask:

- `job`: `flowenv run` of a Job;
- `pods`, `operator`: `flowenv run` with `cluster="pods"` and `cluster="operator"`;
- `bare`: a script with dask-kubernetes' `KubeCluster`, its workers started by the same commands.

And how long it takes from more work to the third worker's first task (`growth`), and from the
creation of a pod until it runs (`pod`). Prints JSON: medians, the worst, failures, the CPU seconds
of each process of `pods`, and the machine's load.

The default service account of the namespace needs the Roles `flow-runner` and
`flow-runner-operator`, and the image `dask-kubernetes`. Without a real cluster it is the project's
rig with the real operator, where a pod is a process of this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KUBECONFIG = os.environ.get("FLOWENV_TEST_KUBECONFIG")
"""The real cluster's; None for the rig."""
IMAGE = os.environ.get("FLOWENV_TEST_IMAGE", "a:1")
sys.path.insert(0, str(ROOT / "tests"))

from rigs.kubernetes import KubernetesRig, Timing  # noqa: E402
from rigs.kubernetes.dask_operator import DaskOperator  # noqa: E402

LINE = "the first result"
FLOWS = """
from flowenv import flow, get_executor


def cpu():
    import os

    spent = os.times()
    return spent.user + spent.system


@flow
def job():
    print("the first result", flush=True)


@flow
def pods():
    get_executor().submit(abs, -1).result()
    print("the first result", flush=True)
    from distributed import get_client

    client = get_client()
    (worker,) = client.run(cpu).values()
    print(f"cpu {cpu():.2f} {client.run_on_scheduler(cpu):.2f} {worker:.2f}", flush=True)


@flow
def operator():
    get_executor().submit(abs, -1).result()
    print("the first result", flush=True)


def work(number):
    import time

    from distributed import get_worker

    began = time.time()
    time.sleep(1)
    return get_worker().name, began


@flow
def growth():
    import time

    executor = get_executor()
    executor.submit(abs, -1).result()
    began = time.time()
    first = {}
    for done in [executor.submit(work, number) for number in range(60)]:
        name, at = done.result()
        first[name] = min(at, first.get(name, at))
    print(f"grown {sorted(first.values())[2] - began:.2f}", flush=True)
"""
BARE = """
import json, sys
spec = json.loads(sys.argv[1])
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
        print("the first result", flush=True)
"""
SETTINGS = {
    "job": ["--env", "k8s"],
    "pods": ["--env", "dask_k8s", "-s", "cluster=pods"],
    "operator": ["--env", "dask_k8s", "-s", "cluster=operator"],
    "growth": ["--env", "dask_k8s", "-s", "cluster=pods", "-s", "max_workers=3"],
}
KINDS = ("job", "pods", "operator", "bare", "growth", "pod")


def run(path: Path, kind: str) -> list[str]:
    """The command of `flowenv run` of one of the flows."""
    own = [*SETTINGS[kind], "-s", f"metadata.image={IMAGE}", "-s", "ttl=60"]
    return [sys.executable, "-m", "flowenv", "run", f"{path}:{kind}", *own]


def bare() -> list[str]:
    """The command of a script with KubeCluster, and the DaskCluster that flowenv would make."""
    from flowenv.submission.lifecycle import prepare
    from flowenv.testing import flows
    from flowenv_dask_k8s import DaskKubernetesEnvironment

    environment = DaskKubernetesEnvironment(1, 2, cluster="operator", metadata={"image": IMAGE})
    spec = prepare(flows.add, environment=environment, parameters={"a": 1}).spec
    cluster: dict[str, Any] = spec["dask_cluster"]
    name = f"bare-{uuid.uuid4().hex[:8]}"
    cluster["metadata"] = {"name": name, "namespace": cluster["metadata"]["namespace"]}
    cluster["spec"]["scheduler"]["service"]["selector"]["dask.org/cluster-name"] = name
    for part in ("scheduler", "worker"):  # as an image has it; flowenv's travels with its runs
        pod = cluster["spec"][part]["spec"]
        pod.pop("volumes", None)
        container = pod["containers"][0]
        container.pop("volumeMounts", None)
        container["command"] = container["command"][-1:]
    return [sys.executable, "-c", BARE, json.dumps(cluster)]


class Start:
    """One start: when it has printed the line, and what it has printed."""

    def __init__(self, command: Sequence[str]) -> None:
        self.seconds: float | None = None
        self.lines: list[str] = []
        began = time.monotonic()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout
            for line in process.stdout:
                self.lines.append(line)
                if LINE in line and self.seconds is None:
                    self.seconds = time.monotonic() - began
        if process.returncode:
            self.seconds = None
            sys.stderr.write("".join(self.lines[-20:]))

    def figures(self, word: str) -> list[float]:
        """What a line of the flow's says after a word."""
        for line in self.lines:
            if found := re.search(rf"\b{word} ([\d. ]+)$", line.rstrip()):
                return [float(one) for one in found[1].split()]
        return []


def start_of_a_pod() -> float | None:
    """Seconds from a pod's creation until it runs."""
    from flowenv_k8s.api.client import connect
    from flowenv_k8s.api.kubeconfig import default_namespace
    from flowenv_k8s.api.resources import PODS

    client, namespace = connect(), default_namespace(None)
    name = f"bare-{uuid.uuid4().hex[:8]}"
    container = {"name": "c", "image": IMAGE, "command": ["python", "-c", "input()"], "stdin": True}
    spec = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0}
    metadata = {"name": name, "namespace": namespace}
    began = time.monotonic()
    client.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    try:
        while time.monotonic() < began + 60:
            found = client.get(PODS, namespace, name)
            if found and found["status"].get("phase") == "Running":
                return time.monotonic() - began
            time.sleep(0.02)
        return None
    finally:
        client.delete(PODS, namespace, name)


def summary(seconds: Sequence[float | None]) -> dict[str, Any]:
    good = [one for one in seconds if one is not None]
    return {
        "starts": len(seconds),
        "failed": len(seconds) - len(good),
        "median_s": round(statistics.median(good), 2) if good else None,
        "fastest_s": round(min(good), 2) if good else None,
        "worst_s": round(max(good), 2) if good else None,
    }


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
    from flowenv_dask_k8s.spec.resources import CLUSTERS
    from flowenv_k8s.api.client import connect
    from flowenv_k8s.api.kubeconfig import default_namespace
    from flowenv_k8s.api.resources import PODS

    client, namespace, end = connect(), default_namespace(None), time.monotonic() + seconds
    while client.list(CLUSTERS, namespace)[0] or any(
        pod["status"].get("phase") in ("Pending", "Running")
        for pod in client.list(PODS, namespace)[0]
    ):
        if time.monotonic() > end:
            raise TimeoutError("a start has left something")
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--below", type=float, help="a load to wait for before each turn")
    parser.add_argument("--kinds", default=",".join(KINDS), help="those to measure")
    asked = parser.parse_args()
    kinds = asked.kinds.split(",")
    found: dict[str, list[float | None]] = {kind: [] for kind in kinds}
    cpu: list[list[float]] = []
    loads: list[float] = []
    with contextlib.ExitStack() as stack:
        if KUBECONFIG:
            os.environ["KUBECONFIG"] = KUBECONFIG
        else:
            stack.enter_context(operated_rig())
        path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "starts.py"
        path.write_text(FLOWS)

        def measure(kind: str) -> float | None:
            if kind == "pod":
                return start_of_a_pod()
            start = Start(bare() if kind == "bare" else run(path, kind))
            if kind == "pods" and start.seconds:
                cpu.append(start.figures("cpu"))
            return next(iter(start.figures("grown")), None) if kind == "growth" else start.seconds

        for turn in range(asked.starts):
            while asked.below and os.getloadavg()[0] > asked.below:
                time.sleep(1)
            first = turn % len(kinds)
            for kind in (*kinds[first:], *kinds[:first]):
                found[kind].append(measure(kind))
                print(f"{turn + 1}/{asked.starts} {kind}: {found[kind][-1]}", file=sys.stderr)
                loads.append(os.getloadavg()[0])
                wait_until_gone()
    print(json.dumps(result(found, cpu, loads), indent=2))


def result(
    found: dict[str, list[float | None]], cpu: list[list[float]], loads: list[float]
) -> dict[str, Any]:
    """All that was measured."""

    def over(kind: str, other: str) -> float | None:
        """How much longer one takes than the other, as the median of all turns."""
        turns = zip(found.get(kind, ()), found.get(other, ()), strict=False)
        more = [one - two for one, two in turns if one is not None and two is not None]
        return round(statistics.median(more), 2) if more else None

    names = ("flow", "scheduler", "worker")
    of_processes = zip(names, zip(*cpu, strict=True), strict=False)
    return {
        **{kind: summary(seconds) for kind, seconds in found.items()},
        "pods_over_job_s": over("pods", "job"),
        "operator_over_job_s": over("operator", "job"),
        "bare_over_job_s": over("bare", "job"),
        "growth_over_pod_s": over("growth", "pod"),
        "cpu_s": {name: round(statistics.median(one), 2) for name, one in of_processes},
        "load": {"median": round(statistics.median(loads), 1), "most": round(max(loads), 1)},
    }


if __name__ == "__main__":
    main()
