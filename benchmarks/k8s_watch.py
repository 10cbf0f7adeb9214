"""What does following many runs cost: connections, requests, CPU time and memory a run?

    python benchmarks/k8s_watch.py --runs 100 1000

The cluster is the scripted rig in a process of its own. Runs are submitted, each is followed by
a thread of its own, and all of them are ended. Submitting isn't counted. The aim: one watch, and
a flat cost a run.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _rig_process import Ask, Pipe, kubernetes

from flowenv.runs.flow_run import FlowRun
from flowenv.states import State
from flowenv.submission.lifecycle import submit
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import forget_connections
from flowenv_k8s.runs.watch import pod_watch
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet


def serve(pipe: Pipe, path: str) -> None:
    """A cluster that does what it is told."""
    kubelet = ScriptedKubelet(Script(ends_after=None))
    with KubernetesRig(kubelet=kubelet) as rig:
        rig.kubeconfig(path)
        pipe.send("ready")
        while (command := pipe.recv()) != "end":
            if command == "running":
                pipe.send(sum(p["status"].get("phase") == "Running" for p in rig.objects("Pod")))
            elif command == "watches":
                pipe.send(len(rig.requests.open_watches))
            elif command == "forget requests":
                rig.requests.clear()
                pipe.send(None)
            elif command == "requests":
                pipe.send(len(rig.requests))
            elif command == "end all":
                for pod in rig.objects("Pod"):
                    if pod["status"].get("phase") == "Running":
                        kubelet.end(pod["metadata"]["name"])
                pipe.send(None)
            elif command == "remove all":
                for job in rig.objects("Job"):
                    rig.delete("Job", job["metadata"]["name"], propagation="Background")
                pipe.send(None)


@dataclass
class Cost:
    """What following so many runs took."""

    runs: int
    watches: int
    requests: int
    cpu_ms: float
    kilobytes: float
    seconds: float


def until(ask: Ask, command: str, wanted: int) -> int:
    deadline = time.monotonic() + 120
    while (found := int(ask(command))) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{command}: {found} of {wanted}")
        time.sleep(0.05)
    return found


def measure(ask: Ask, count: int, *, memory: bool) -> Cost:
    pod_watch.LINGER = 0.0  # else the watch of the last measurement goes on for a moment
    forget_connections()
    environment = KubernetesJobEnvironment(metadata={"image": "repo/flow:1"}, namespace="default")
    runs = [submit(flows.add, environment=environment, parameters={"a": 1}) for _ in range(count)]
    until(ask, "running", count)
    ask("forget requests")
    if memory:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if memory else 0
    cpu, began = time.process_time(), time.perf_counter()
    ends: list[State] = []

    def follow(run: FlowRun) -> None:
        ends.append(run.wait(120).state)

    threads = [threading.Thread(target=follow, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    watches = until(ask, "watches", 1)
    while any(run.state is not State.RUNNING for run in runs):
        time.sleep(0.05)
    used = tracemalloc.get_traced_memory()[0] - before if memory else 0
    watches = max(watches, ask("watches"))
    ask("end all")
    for thread in threads:
        thread.join()
    cost = Cost(
        count,
        watches,
        ask("requests"),
        (time.process_time() - cpu) * 1000,
        used / 1024,
        time.perf_counter() - began,
    )
    if memory:
        tracemalloc.stop()
    # a container that leaves no record of its flow has crashed, whatever its exit code
    assert ends == [State.CRASHED] * count, "not every run was seen to end"
    ask("remove all")
    return cost


def main(sizes: list[int]) -> None:
    with kubernetes(serve) as (ask, _):
        measure(ask, 20, memory=False)  # warm
        timed = [measure(ask, size, memory=False) for size in sizes]
        weighed = [measure(ask, size, memory=True) for size in sizes]
    print(f"{'runs':>6}{'watches':>9}{'requests':>10}{'CPU ms/run':>12}{'KiB/run':>9}{'s':>7}")
    for one, heavy in zip(timed, weighed, strict=True):
        print(
            f"{one.runs:6}{one.watches:9}{one.requests:10}{one.cpu_ms / one.runs:12.2f}"
            f"{heavy.kilobytes / heavy.runs:9.1f}{one.seconds:7.1f}"
        )
    first, last = timed[0], timed[-1]
    ratio = (last.cpu_ms / last.runs) / (first.cpu_ms / first.runs)
    light, heavy = weighed[0], weighed[-1]
    growth = (heavy.kilobytes / heavy.runs) / (light.kilobytes / light.runs)
    print(
        f"a run among {last.runs} costs {ratio:.2f} times the CPU and {growth:.2f} times the "
        f"memory of one among {first.runs} (aim: flat)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1000])
    main(parser.parse_args().runs)
