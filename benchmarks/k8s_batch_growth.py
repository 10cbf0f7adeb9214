"""Do a batch's cost in CPU, memory, requests and stored bytes for each run grow with its size?

    python benchmarks/k8s_batch_growth.py --runs 100 1000 5000

Each size has a process and a scripted rig of its own. A batch is submitted, looked at while it goes
on, and followed to its end; the flow's file has so many bytes (`--source`). The aim: the figures of
5,000 runs are those of 100.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from k8s_batch import timed

import flowenv
from flowenv_k8s import KubernetesJobEnvironment
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet

MiB = 1024 * 1024
Context = multiprocessing.get_context("spawn")


def serve(pipe: multiprocessing.connection.Connection, path: str) -> None:
    """A cluster that counts requests, lets all pods end, or says what is stored."""
    kubelet = ScriptedKubelet(Script(starts_after=None))
    with KubernetesRig(kubelet=kubelet) as rig:
        rig.kubeconfig(path)
        pipe.send("ready")
        while (asked := pipe.recv()) != "end":
            if asked == "requests":
                pipe.send(len(rig.requests))
                rig.requests.clear()
            elif asked == "complete":
                pods = rig.objects("pods")
                pipe.send(len(pods))
                for pod in pods:
                    kubelet.run(pod["metadata"]["name"])
                    kubelet.end(pod["metadata"]["name"])
            else:
                pipe.send(sum(len(json.dumps(one)) for one in rig.objects(asked)))


def memory() -> float:
    """MiB that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MiB


def flow_of(folder: Path, size: int) -> Any:
    """A flow whose file has about so many bytes."""
    head = "from flowenv import flow\n\n@flow\ndef one(n: int) -> int:\n    return n\n\n"
    (folder / "one.py").write_text(head + "# padding\n" * (max(size - len(head), 0) // 10))
    sys.path.insert(0, str(folder))
    import one

    return flowenv.Flow(one.one.function, code="source")


def measure(count: int, size: int, pipe: multiprocessing.connection.Connection) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = str(folder / "kubeconfig")
        ours, other = multiprocessing.Pipe()
        server = Context.Process(target=serve, args=(other, path))
        server.start()
        ours.recv()
        os.environ.update(KUBECONFIG=path, XDG_STATE_HOME=name, XDG_CACHE_HOME=name)

        def ask(what: str) -> int:
            ours.send(what)
            return int(ours.recv())

        try:
            pipe.send(figures(count, flow_of(folder, size), ask))
        finally:
            ours.send("end")
            server.join()


def figures(count: int, one: Any, ask: Any) -> dict[str, float]:
    environment = KubernetesJobEnvironment(metadata={"image": "repo/flow:1"}, namespace="default")
    flowenv.map(one, [{"n": n} for n in range(20)], environment=environment, name="warm").cancel()
    ask("requests")
    before, rows = memory(), [{"n": n} for n in range(count)]
    batches: list[flowenv.Batch] = []
    clock, cpu = timed(lambda: batches.append(flowenv.map(one, rows, environment=environment)))
    batch = batches[0]
    found = {
        "submit, clock ms": clock * 1000 / count,
        "submit, CPU ms": cpu * 1000 / count,
        "submit, requests": ask("requests") / count,
        "memory KiB": (memory() - before) * 1024 / count,
        "Secret bytes": ask("secrets") / count,
        "Job bytes": ask("jobs") / count,
        "Pod bytes": ask("pods") / count,
    }
    for row in batch.rows:
        row.look()
    ask("requests")
    _, cpu = timed(lambda: [row.look() for row in batch.rows])
    found |= {"a look, CPU ms": cpu * 1000 / count, "a look, requests": float(ask("requests"))}
    started = time.process_time()
    ask("complete")
    batch.wait(1200)
    found["follow, CPU ms"] = (time.process_time() - started) * 1000 / count
    found["follow, requests"] = ask("requests") / count
    found["memory at the end KiB"] = (memory() - before) * 1024 / count
    assert batch.counts().total() == count
    return found


def main(sizes: list[int], source: int) -> None:
    columns = []
    for count in sizes:
        ours, other = multiprocessing.Pipe()
        process = Context.Process(target=measure, args=(count, source, other))
        process.start()
        columns.append(ours.recv())
        process.join()
        print(f"{count} runs measured, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print(f"{'of each run':24}" + "".join(f"{count:>12,}" for count in sizes))
    for name in columns[0]:
        print(f"{name:24}" + "".join(f"{column[name]:12.2f}" for column in columns))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--source", type=int, default=1000, help="bytes of the flow's file")
    arguments = parser.parse_args()
    main(arguments.runs, arguments.source)
