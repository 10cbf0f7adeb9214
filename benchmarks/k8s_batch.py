"""What do many runs at once cost on Kubernetes, against the bare client's creates?

    python benchmarks/k8s_batch.py --runs 1000

The cluster is the scripted rig in a process of its own. By turns, in one run: `flowenv.map` of so
many rows; the official client creating the very same Jobs and Secrets, whose manifests are ready,
one after the other; and the same, pipelined by as many callers as flowenv has. Then all runs of a
batch are looked at while they go on. The aim: no slower than the pipelined creates by more than a
fifth.
"""

from __future__ import annotations

import argparse
import base64
import functools
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from k8s_submit import bare_client, made, serve

import flowenv
from flowenv.batches.batch import CALLERS
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
    best: dict[str, tuple[float, float]] = {}
    batches = [flowenv.map(flows.add, rows[:20], environment=environment)]  # warm

    def keep(name: str, work: Callable[[], object]) -> None:
        taken = timed(work)
        best[name] = min(best.get(name, taken), taken)

    def mapped() -> None:
        batches.append(flowenv.map(flows.add, rows, environment=environment))

    ask("count")
    for _ in range(rounds):
        keep("flowenv.map", mapped)
        print(f"requests a run: {ask('count') / runs:.2f}")
        for name, work in {
            "bare client, pipelined": pipelined,
            "bare client, in a loop": in_a_loop,
        }.items():
            keep(name, functools.partial(work, manifests(environment, runs)))
    print(f"{'submitted':26}{'seconds':>9}{'CPU s':>8}{'ratio':>8}")
    for name, (clock, cpu) in best.items():
        ratio = clock / best["bare client, pipelined"][0]
        print(f"{name:26}{clock:9.2f}{cpu:8.2f}{ratio:8.2f}")
    ratio = best["flowenv.map"][0] / best["bare client, pipelined"][0]
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
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "kubeconfig")
        pipe, other = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(other, path))
        server.start()
        pipe.recv()
        os.environ["KUBECONFIG"] = path
        os.environ["XDG_STATE_HOME"] = folder  # its runs are in nobody's journal

        def ask(what: str) -> int:
            pipe.send(what)
            return int(pipe.recv())

        try:
            environment = KubernetesJobEnvironment(
                metadata={"image": "repo/flow:1"}, namespace="default"
            )
            report(environment, runs, rounds, ask)
        finally:
            pipe.send("end")
            server.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000, help="rows of a batch")
    parser.add_argument("--rounds", type=int, default=2, help="turns; the best of each counts")
    arguments = parser.parse_args()
    main(arguments.runs, arguments.rounds)
