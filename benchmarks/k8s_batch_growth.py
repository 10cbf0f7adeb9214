"""Do a batch's cost in CPU, memory, requests and stored bytes for each run grow with its size?

    python benchmarks/k8s_batch_growth.py --runs 100 1000 5000

Each size has a process and a scripted rig of its own. A batch is submitted, looked at while it goes
on, and followed to its end; the flow's file has so many bytes (`--source`). The aim: the figures of
5,000 runs are those of 100.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _rig_process import Pipe, kubernetes
from _sizes import main, memory
from k8s_batch import timed

import flowenv
from flowenv_k8s import KubernetesJobEnvironment
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet


def serve(pipe: Pipe, path: str) -> None:
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


def flow_of(folder: Path, size: int) -> Any:
    """A flow whose file has about so many bytes."""
    head = "from flowenv import flow\n\n@flow\ndef one(n: int) -> int:\n    return n\n\n"
    (folder / "one.py").write_text(head + "# padding\n" * (max(size - len(head), 0) // 10))
    sys.path.insert(0, str(folder))
    import one

    return flowenv.Flow(one.one.function, code="source")


def measure(count: int, size: int, pipe: Pipe) -> None:
    with kubernetes(serve) as (ask, folder):
        pipe.send(figures(count, flow_of(folder, size), ask))


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


if __name__ == "__main__":
    main(__doc__, measure, [100, 1000, 5000], source=1000)
