"""From the command to the flow's first line on a real Kubernetes, and 100 runs of one process.

    FLOWENV_TEST_KUBECONFIG=… FLOWENV_TEST_IMAGE=… python benchmarks/k8s_first_line.py

By turns `flowenv run` of a small flow, and `kubectl create` of the very same Job, whose objects are
ready, with `kubectl logs`: each from the start of the command until it prints the flow's first
line. Then a number of runs of one process, from the first one's submission until all have
completed, against `kubectl create` of the same Jobs and `kubectl wait`; and the other way round.
Needs kubectl; without a real cluster there is nothing to measure.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FLOW = """
from flowenv import flow


@flow
def first_line() -> int:
    print("the first line", flush=True)
    return 1
"""
LINE = "the first line"
IMAGE = os.environ.get("FLOWENV_TEST_IMAGE", "")


def until_line(*commands: Sequence[str]) -> float:
    """Seconds from the start of some commands until the last one prints the flow's line."""
    began = time.monotonic()
    *first, last = commands
    for command in first:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with subprocess.Popen(last, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if LINE in line:
                seconds = time.monotonic() - began
                process.stdout.read()
                return seconds
    raise RuntimeError(f"{last} ended without the line")


def objects_of(path: Path) -> list[dict[str, Any]]:
    """The objects of one more run of the flow, as kubectl takes them; the Job comes first."""
    from flowenv.flows.finding import find_flow
    from flowenv.submission.lifecycle import prepare
    from flowenv_k8s import KubernetesJobEnvironment
    from flowenv_k8s.spec.variables import revealed

    environment = KubernetesJobEnvironment(metadata={"image": IMAGE})
    spec = prepare(find_flow(f"{path}:first_line"), environment=environment).spec
    found = [spec["job"]]
    if "secret" in spec:
        found.append(json.loads(json.dumps(revealed(spec["secret"]), default=_as_text)))
    return found


def _as_text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def first_lines(folder: Path, path: Path, turns: int) -> tuple[list[float], list[float]]:
    """Seconds until the first line, of `flowenv run` and of kubectl, by turns."""
    flowenv = [sys.executable, "-m", "flowenv", "run", f"{path}:first_line", "--env", "k8s"]
    ours, bare = [], []
    for number in range(turns):
        ours.append(until_line([*flowenv, "-s", f"metadata.image={IMAGE}"]))
        job, *others = objects_of(path)
        manifest = folder / f"{number}.json"
        manifest.write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": [job, *others]})
        )
        create = ["kubectl", "create", "-f", str(manifest)]
        logs = f"kubectl logs -f job/{job['metadata']['name']} 2>/dev/null"
        # it doesn't wait for a container that is being made
        bare.append(until_line(create, ["sh", "-c", f"until {logs}; do sleep 0.05; done"]))
    return ours, bare


def of_one_process(path: Path, count: int) -> tuple[float, int]:
    """Seconds that some runs of this process take, and how many of them failed."""
    from flowenv.flows.finding import find_flow
    from flowenv_k8s import KubernetesJobEnvironment

    environment = KubernetesJobEnvironment(metadata={"image": IMAGE})
    flow = find_flow(f"{path}:first_line")
    began = time.monotonic()
    runs = [environment.execute(flow) for _ in range(count)]
    failed = sum(run.wait(600).state.value != "Completed" for run in runs)
    return time.monotonic() - began, failed


def of_kubectl(folder: Path, path: Path, count: int) -> float:
    """Seconds that the same Jobs take with kubectl."""
    made = [one for _ in range(count) for one in objects_of(path)]
    manifest = folder / "many.json"
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))
    jobs = [f"job/{one['metadata']['name']}" for one in made if one["kind"] == "Job"]
    began = time.monotonic()
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["kubectl", "create", "-f", str(manifest)], **quiet)  # type: ignore[call-overload]
    wait = ["kubectl", "wait", "--for=condition=complete", "--timeout=600s", *jobs]
    subprocess.run(wait, **quiet)  # type: ignore[call-overload]
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--runs", type=int, default=100)
    asked = parser.parse_args()
    if "FLOWENV_TEST_KUBECONFIG" not in os.environ:
        print("Skipped: FLOWENV_TEST_KUBECONFIG and FLOWENV_TEST_IMAGE name no real cluster.")
        return
    os.environ["KUBECONFIG"] = os.environ["FLOWENV_TEST_KUBECONFIG"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "first_line.py"
        path.write_text(FLOW)
        ours, bare = first_lines(folder, path, asked.turns)
        # what is measured later finds a node that is warmer, and more of Jobs that are over
        orders = [
            (*of_one_process(path, asked.runs), of_kubectl(folder, path, asked.runs)),
            (of_kubectl(folder, path, asked.runs), *of_one_process(path, asked.runs)),
        ]
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"first line, median of {asked.turns}: flowenv run {statistics.median(ours):.2f} s")
    print(f"  kubectl create of the same Job and kubectl logs {statistics.median(bare):.2f} s")
    print(f"  ratio {ratio:.2f}; worst {max(ours):.2f} s and {max(bare):.2f} s")
    (seconds, failed, kubectl), (kubectl_first, seconds_later, failed_later) = orders
    print(f"{asked.runs} runs of one process: {seconds:.1f} s, {failed} failed")
    print(f"  then kubectl create and kubectl wait: {kubectl:.1f} s; {seconds / kubectl:.2f}")
    print(f"  the other way round: {seconds_later:.1f} s, {failed_later} failed; ", end="")
    print(f"{kubectl_first:.1f} s; {seconds_later / kubectl_first:.2f}")


if __name__ == "__main__":
    main()
