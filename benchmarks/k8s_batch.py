"""What do many runs at once cost on Kubernetes, against the bare client's creates?

    python benchmarks/k8s_batch.py --runs 1000

The cluster is the scripted rig in a process of its own. By turns, in one run, each turn in the
other order: `flowenv.map` of so many rows; the official client creating the very same Jobs and
Secrets, whose manifests are ready, one after the other; and the same, pipelined by as many
callers as flowenv has. Then all runs of a batch are looked at while they go on. The aim: no
slower than the pipelined creates by more than a fifth.
"""

from __future__ import annotations

import argparse
import base64
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _rig_process import kubernetes
from k8s_submit import bare_client, made, serve

import flowenv
from flowenv.batches.submitting import CALLERS
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.spec.variables import secret_manifest

AIM = 1.2
Pair = tuple[dict[str, Any], dict[str, Any]]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's own CPU."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def manifests(environment: KubernetesJobEnvironment, count: int) -> list[Pair]:
    found = []
    for _ in range(count):
        spec = made(environment).spec
        job, secret = spec["job"], secret_manifest(spec["secret"])
        secret["data"] = {
            name: base64.b64encode(text.encode()).decode()
            for name, text in secret.pop("stringData").items()
        }
        found.append((job, secret))
    return found


def pipelined(pairs: list[Pair]) -> None:
    create = bare_client()
    with ThreadPoolExecutor(CALLERS) as pool:
        for future in [pool.submit(create, *pair) for pair in pairs]:
            future.result()


def in_a_loop(pairs: list[Pair]) -> None:
    create = bare_client()
    for pair in pairs:
        create(*pair)


def report(environment: KubernetesJobEnvironment, runs: int, rounds: int, ask: Any) -> None:
    rows = [{"a": n} for n in range(runs)]
    taken: dict[str, list[tuple[float, float, float]]] = {}
    batches = [flowenv.map(flows.add, rows[:20], environment=environment)]  # warm

    def mapped() -> None:
        batches.append(flowenv.map(flows.add, rows, environment=environment))

    ways: list[tuple[str, Callable[[], object]]] = [
        ("flowenv.map", mapped),
        ("bare client, in a loop", lambda: in_a_loop(ready.pop())),
        ("bare client, pipelined", lambda: pipelined(ready.pop())),
    ]
    for turn in range(rounds):
        ready = [manifests(environment, runs) for _ in range(2)]
        for name, work in ways if turn % 2 == 0 else reversed(ways):
            ask("count")
            before = ask("cpu")
            clock, cpu = timed(work)
            taken.setdefault(name, []).append((clock, cpu, ask("cpu") - before))
            print(
                f"turn {turn + 1}, {name}: {clock:.2f} s, {cpu:.2f} s of CPU, "
                f"{ask('count') / runs:.2f} requests a run, load {os.getloadavg()[0]:.1f}"
            )
    # the least of each: what else the machine does makes it more
    least = {name: [min(one) for one in zip(*all_, strict=True)] for name, all_ in taken.items()}
    print(f"{'of each run, in ms':26}{'clock':>8}{'ratio':>8}{'CPU':>8}{'ratio':>8}{'rig CPU':>10}")
    other = least["bare client, pipelined"]
    for name, (clock, cpu, rig) in least.items():
        print(
            f"{name:26}{clock * 1000 / runs:8.2f}{clock / other[0]:8.2f}"
            f"{cpu * 1000 / runs:8.2f}{cpu / other[1]:8.2f}{rig * 1000 / runs:10.2f}"
        )
    ratio = least["flowenv.map"][0] / other[0]
    print(f"against the pipelined creates: {ratio:.2f} (aim: under {AIM})")
    look(batches[-1], runs, ask)


def look(batch: flowenv.Batch, runs: int, ask: Any) -> None:
    """How all stand, while they go on."""
    for row in batch.rows:  # the watch begins
        row.look()
    ask("count")
    _, cpu = timed(lambda: [row.look() for row in batch.rows])
    print(f"a look at {runs} runs: {cpu * 1000:.0f} ms of CPU, {ask('count')} requests")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory of the process: {memory:.0f} MiB")


def main(runs: int, rounds: int) -> None:
    with kubernetes(serve) as (ask, _):
        environment = KubernetesJobEnvironment(
            metadata={"image": "repo/flow:1"}, namespace="default"
        )
        report(environment, runs, rounds, ask)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000, help="rows of a batch")
    parser.add_argument("--rounds", type=int, default=2, help="turns; the best of each counts")
    arguments = parser.parse_args()
    main(arguments.runs, arguments.rounds)
