"""What does submitting a run to Kubernetes cost: requests, our CPU time, specs a second?

    python benchmarks/k8s_submit.py --runs 300

The cluster is the scripted rig in a process of its own, so that its CPU time isn't counted.
Runs are submitted by turns with flowenv and with the official client's typed API, which creates
the very same Job and Secret from manifests that are ready. The aim: at most 2 ms of CPU time
more, and 1 request without payload or secrets, 2 with.
"""

from __future__ import annotations

import argparse
import base64
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _rig_process import Pipe, kubernetes

from flowenv.settings.configuration import configuration
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.spec.variables import secret_manifest
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet

AIM_MS = 2.0


def serve(pipe: Pipe, path: str) -> None:
    """A cluster that is told to say how many requests it had or what CPU it took, or to end."""
    with KubernetesRig(kubelet=ScriptedKubelet(Script(starts_after=None))) as rig:
        rig.kubeconfig(path)
        pipe.send("ready")
        while (asked := pipe.recv()) != "end":
            pipe.send(len(rig.requests) if asked == "count" else time.process_time())
            if asked == "count":
                rig.requests.clear()


def made(environment: KubernetesJobEnvironment, **parameters: Any) -> Prepared:
    return prepare(
        flows.fail if "message" in parameters else flows.add,
        environment=environment,
        parameters=parameters or {"a": 1},
    )


def bare_client() -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """Creates a Job, then the Secret that it owns, with the official client."""
    from kubernetes import client, config

    client_of: Any = client  # its stubs know no plain dictionaries, which it accepts
    config.load_kube_config(os.environ["KUBECONFIG"])  # type: ignore[no-untyped-call]
    batch, core = client_of.BatchV1Api(), client_of.CoreV1Api()

    def create(job: dict[str, Any], secret: dict[str, Any]) -> None:
        owner = batch.create_namespaced_job("default", job)
        reference = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": owner.metadata.name,
            "uid": owner.metadata.uid,
        }
        secret["metadata"]["ownerReferences"] = [reference]
        core.create_namespaced_secret("default", secret)

    return create


def cpu_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def compare(environment: KubernetesJobEnvironment, runs: int) -> tuple[list[float], list[float]]:
    create = bare_client()
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(runs):
        ours.append(cpu_ms(lambda: made(environment).submit()))
        spec = made(environment).spec
        job, secret = spec["job"], secret_manifest(spec["secret"])
        secret["data"] = {
            name: base64.b64encode(text.encode()).decode()
            for name, text in secret.pop("stringData").items()
        }
        bare.append(cpu_ms(lambda job=job, secret=secret: create(job, secret)))  # type: ignore[misc]
    return ours, bare


def main(runs: int) -> None:
    with kubernetes(serve) as (ask, _):
        report(lambda: int(ask("count")), runs)


def report(requests: Callable[[], int], runs: int) -> None:
    environment = KubernetesJobEnvironment(metadata={"image": "repo/flow:1"}, namespace="default")
    made(environment).submit()
    requests()
    made(environment).submit()
    with_secret = requests()
    os.environ["FLOWENV_PAYLOAD_URL"] = "memory://payloads"
    configuration.cache_clear()
    made(environment, message="x" * 2**20).submit()
    without = requests()

    compare(environment, 20)  # warm
    ours, bare = compare(environment, runs)
    specs = max(runs, 500)
    began = time.perf_counter()
    for _ in range(specs):
        _ = made(environment).spec
    rate = specs / (time.perf_counter() - began)

    more = statistics.median(ours) - statistics.median(bare)
    print(f"requests a run: {with_secret} with a Secret, {without} without (aim: 2, 1)")
    print(f"{'CPU a run':24}{'median ms':>12}{'90 % below':>12}{'ratio':>8}")
    for name, times in (("flowenv, all of it", ours), ("bare client, creates", bare)):
        ninth = statistics.quantiles(times, n=10)[-1]
        ratio = statistics.median(times) / statistics.median(bare)
        print(f"{name:24}{statistics.median(times):12.2f}{ninth:12.2f}{ratio:8.2f}")
    print(f"more than the bare client: {more:.2f} ms (aim: under {AIM_MS} ms)")
    print(f"specs built, payload packed: {rate:.0f} a second")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    main(parser.parse_args().runs)
