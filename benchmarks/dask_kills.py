"""What is left of runs on Dask in Kubernetes that are killed at any moment?

    FLOWENV_TEST_KUBECONFIG=… FLOWENV_TEST_IMAGE=… python benchmarks/dask_kills.py --kills 50

On a real cluster, as root of the machine that its only node is: processes in pods are killed by
SIGKILL from there. By turns: who submits and follows the run, the flow's container, a worker, the
scheduler, and a cancel; each at a random moment of its life, in a run of its own (`--kinds nobody`
only starts and ends runs). A minute after the run is over everything is counted that carries its
label. A finished Job stays until its TTL, and with it its pod and its Secret: they are how the run
is known, and aren't counted. Prints a line for each kill, and the sums as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

IMAGE = os.environ.get("FLOWENV_TEST_IMAGE", "")
KINDS = ("submitter", "flow", "worker", "scheduler", "cancel")
LOOK = 0.1
"""Seconds between two looks for a process that is to be killed."""
OVER = 240.0
"""Seconds for a run to be over."""
LATER = 60.0
"""Seconds after that until what is left is counted."""

SUBMITTER = """
import sys, time
import flowenv
from flowenv import flow, get_executor
from flowenv_dask_k8s import DaskKubernetesEnvironment

def spin(number):
    time.sleep(0.2)
    return number

@flow
def works(seconds: float) -> int:
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        count += len(list(get_executor().map(spin, range(8))))
    return count

image, label = sys.argv[1:]
environment = DaskKubernetesEnvironment(
    1, 2, nthreads=1, metadata={"image": image}, labels=[label], ttl=3600
)
run = flowenv.submit(works, environment=environment, parameters={"seconds": 6.0})
print(run.wait().state.value, flush=True)
"""


def kubectl(*arguments: str) -> str:
    command = ["kubectl", "--kubeconfig", os.environ["FLOWENV_TEST_KUBECONFIG"], *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def objects(kinds: str, label: str) -> list[dict[str, Any]]:
    found = kubectl("get", kinds, "-l", f"flowenv.io/label-{label}=true", "-o", "json")
    items: list[dict[str, Any]] = json.loads(found)["items"]
    return items


def processes(pod: str) -> Iterator[tuple[int, str]]:
    """The processes in a pod's containers with their commands, by the host name they were given."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if f"HOSTNAME={pod}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                yield int(entry.name), command
        except OSError:  # it has just ended
            continue


def is_first(process: int) -> bool:
    """Whether it is its container's first process."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    [spaces] = [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid")]
    return len(spaces) > 1 and spaces[-1] == "1"


def find(kind: str, label: str) -> int | None:
    for pod in objects("pods", label):
        metadata = pod["metadata"]
        is_worker = metadata["labels"].get("flowenv.io/dask") == "worker"
        if is_worker != (kind == "worker"):
            continue
        for process, command in processes(metadata["name"]):
            is_scheduler = "dask_scheduler" in command
            if is_scheduler if kind == "scheduler" else is_first(process) and "python" in command:
                return process
    return None


def wait_for(look: Callable[[], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(LOOK)
    return None


def strike(kind: str, label: str, submitter: subprocess.Popen[str], chance: random.Random) -> str:
    """Kill it at a random moment; say when that was."""
    if kind == "nobody":
        return "is killed"
    if kind == "submitter":
        after = chance.uniform(0.5, 10)
        time.sleep(after)
        submitter.kill()
        return f"{after:.1f} s after its start"
    if kind == "cancel":
        if not (found := wait_for(lambda: objects("jobs", label), 60)):
            return "too late: there is no Job"
        metadata = found[0]["metadata"]
        after = chance.uniform(0, 8)
        time.sleep(after)
        reference = f"{metadata['namespace']}/{metadata['name']}"
        command = [sys.executable, "-m", "flowenv", "cancel", reference, "--env", "dask_k8s"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        words = (done.stdout or done.stderr).strip()
        return f"{after:.1f} s after its Job was made, exit code {done.returncode}: {words}"
    if not wait_for(lambda: find(kind, label), 60):
        return "too late: it wasn't found"
    after = chance.uniform(0, 6)
    time.sleep(after)
    if (process := find(kind, label)) is None:
        return "too late: it had ended"
    os.kill(process, signal.SIGKILL)
    return f"{after:.1f} s after it began"


def is_over(label: str) -> bool:
    jobs = objects("jobs", label)
    ended = (
        one["type"]
        for job in jobs
        for one in (job.get("status") or {}).get("conditions") or ()
        if one["status"] == "True"
    )
    return not jobs or any(kind in ("Complete", "Failed") for kind in ended)


def left_of(label: str) -> list[str]:
    """What is left of a run, but for its finished Job, that one's pod and Secret."""
    jobs = {job["metadata"]["uid"] for job in objects("jobs", label)}
    found = [] if is_over(label) else ["a Job that isn't over"]
    for one in objects("pods,secrets,configmaps,services", label):
        metadata = one["metadata"]
        owners = {owner["uid"] for owner in metadata.get("ownerReferences") or ()}
        is_of_job = "job-name" in metadata.get("labels", {}) or one["kind"] == "Secret"
        if not (owners & jobs and is_of_job):
            phase = (one.get("status") or {}).get("phase", "")
            found.append(f"{one['kind']} {metadata['name']} {phase}".strip())
    return found


def kill(number: int, kinds: list[str], seed: int) -> dict[str, Any]:
    kind, label = kinds[number % len(kinds)], f"kill-{uuid.uuid4().hex[:8]}"
    chance = random.Random(seed * 1000 + number)
    environ = {**os.environ, "KUBECONFIG": os.environ["FLOWENV_TEST_KUBECONFIG"]}
    command = [sys.executable, "-c", SUBMITTER, IMAGE, label]
    submitter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    with submitter:
        when = strike(kind, label, submitter, chance)
        is_in_time = wait_for(lambda: submitter.poll() is not None and is_over(label), OVER)
        if submitter.poll() is None:
            submitter.kill()
        state = submitter.communicate()[0].strip()
    time.sleep(LATER)
    left = left_of(label) + ([] if is_in_time else ["it wasn't over in time"])
    print(f"{number:3} {kind:9} {when}; {state or 'nobody followed'}; left: {left}", flush=True)
    return {"kind": kind, "state": state, "left": left, "in_vain": when.startswith("too ")}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, "nobody"], default=KINDS)
    given = parser.parse_args()
    os.environ["KUBECONFIG"] = os.environ["FLOWENV_TEST_KUBECONFIG"]
    with ThreadPoolExecutor(given.at_once) as pool:
        done = list(
            pool.map(lambda number: kill(number, given.kinds, given.seed), range(given.kills))
        )
    sums = {
        "kills": dict(Counter(one["kind"] for one in done if not one["in_vain"])),
        "in vain": sum(one["in_vain"] for one in done),
        "states": dict(Counter(f"{one['kind']}: {one['state'] or '-'}" for one in done)),
        "left": sum(len(one["left"]) for one in done),
    }
    print(json.dumps(sums, indent=2))


if __name__ == "__main__":
    main()
