"""What do many runs at once cost on ECS: calls, bytes, CPU and memory for each run?

    python benchmarks/fargate_batch.py --runs 100 1000

The flow's file has so many bytes (`--source`), and there is a place in S3. Each size has a process
and an ECS rig of its own. A batch is submitted while AWS throttles the first ten or forty RunTask,
looked at while it goes on, and followed to its end; then it is counted whether each row had one
task. AWS's own limit, which flowenv keeps to, is 20 RunTask a second after the first hundred.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _rig_process import Pipe, answering
from _sizes import main, memory
from k8s_batch import timed

import flowenv
from flowenv.container.incoming_payload import read_payload
from flowenv.container.unpacking import expanded
from flowenv.plugin import Outcome, State, contract
from flowenv.results.record.seal import proof_of
from flowenv_fargate import FargateTaskEnvironment
from rigs.ecs import EcsRig, Image, Script, ScriptedRunner, Task


def script(task: Task) -> Script:
    """Its flow returns 3 when the task has been told to go on."""
    entries = task.overrides["containerOverrides"][0]["environment"]
    payload = {one["name"]: one["value"] for one in entries}[contract.PAYLOAD]
    run_id = task.started_by.removeprefix("flowenv/")
    record = Outcome(run_id, State.COMPLETED, result=3, has_result=True)
    record = dataclasses.replace(record, proof=proof_of(expanded(read_payload(payload))))
    return Script(lines=[record.to_line()])


def flow_of(folder: Path, size: int) -> Any:
    """A flow whose file has about so many bytes, which can be compressed as a program can."""
    text = Path(argparse.__file__).read_text()[:size]
    (folder / "one.py").write_text(
        "from flowenv import flow\n\n@flow\ndef one(n: int) -> int:\n    return n\n\n"
        f"TEXT = {text!r}\n"
    )
    sys.path.insert(0, str(folder))
    import one

    return flowenv.Flow(one.one.function, code="source")


def stored_bytes(rig: EcsRig) -> int:
    """How many bytes there are in S3, but for flowenv itself."""
    with rig.requests.paused():
        pages = rig.client("s3").get_paginator("list_objects_v2").paginate(Bucket="runs")
        found = [one for page in pages for one in page.get("Contents") or []]
    return sum(one["Size"] for one in found if "/runtimes/" not in one["Key"])


def serve(pipe: Pipe) -> None:
    """An AWS that counts calls and bytes, throttles, or lets all tasks go on to their end."""
    runner = ScriptedRunner(script)
    with EcsRig({"flow:1": Image()}, runner=runner) as rig:
        account = rig.prepare()
        where = {"LocationConstraint": rig.region}
        rig.client("s3").create_bucket(Bucket="runs", CreateBucketConfiguration=where)
        pipe.send((rig.url, rig.region, account))
        while (asked := pipe.recv()) != "end":
            if asked == "calls":
                pipe.send(Counter(one.operation for one in rig.requests))
                rig.requests.clear()
            elif asked == "requests":
                pipe.send([one.parameters for one in rig.requests.of("RunTask")])
            elif asked == "bytes":
                sent = [
                    json.dumps(one.parameters["overrides"]) for one in rig.requests.of("RunTask")
                ]
                pipe.send((sum(map(len, sent)), stored_bytes(rig)))
            elif asked == "complete":
                runner.run_to_end()
                pipe.send(None)
            else:
                rig.faults.inject("throttling", operation="RunTask", times=asked)
                pipe.send(None)


@contextmanager
def stand(source: int) -> Iterator[tuple[Any, FargateTaskEnvironment, Any]]:
    """A flow, an environment on a rig of its own, and a way to ask that."""
    with tempfile.TemporaryDirectory() as folder, answering(serve) as (ask, place):
        os.environ.update(XDG_STATE_HOME=folder, XDG_CACHE_HOME=folder)
        url, region, account = place
        environment = FargateTaskEnvironment(
            aws_access_key_id="AKIARIG",
            aws_secret_access_key="rig",
            region_name=region,
            endpoint_url=url,
            metadata={"image": "flow:1", "payload_url": "s3://runs/flows"},
            cluster=account.cluster,
            networkConfiguration=account.network_configuration,
            executionRoleArn=account.execution_role_arn,
        )
        yield flow_of(Path(folder), source), environment, ask


def measure(count: int, source: int, pipe: Pipe) -> None:
    with stand(source) as (one, environment, ask):
        pipe.send(figures(count, one, environment, ask))


def figures(count: int, one: Any, environment: Any, ask: Any) -> dict[str, float]:
    warm = flowenv.map(one, [{"n": n} for n in range(5)], environment=environment)
    ask("complete")
    warm.wait()
    ask("calls")
    sent, stored = ask("bytes")
    alone = [flowenv.submit(one, environment=environment, n=n) for n in range(5)]
    sent, more = ask("bytes")
    found = {"alone, overrides": sent / 5, "alone, bytes in S3": (more - stored) / 5}
    ask("complete")
    flowenv.wait(alone)
    ask(min(count // 10, 40))
    ask("calls")
    before, rows = memory(), [{"n": n} for n in range(count)]
    batches: list[flowenv.Batch] = []
    clock, cpu = timed(lambda: batches.append(flowenv.map(one, rows, environment=environment)))
    sent, more = ask("bytes")
    batch, calls = batches[0], ask("calls")
    found |= {
        "submit, overrides": sent / calls["RunTask"],
        "submit, bytes in S3 in all": float(more),
        "submit, clock ms": clock * 1000 / count,
        "submit, CPU ms": cpu * 1000 / count,
        "submit, RunTask": calls.pop("RunTask") / count,
        "submit, all else in all": float(calls.total()),
        "memory KiB": (memory() - before) * 1024 / count,
    }
    time.sleep(max(count / 100 / 5, 2))  # as old as a look may be
    _, cpu = timed(lambda: [row.look() for row in batch.rows])
    found |= {
        "a look, CPU ms": cpu * 1000 / count,
        "a look, DescribeTasks in all": float(ask("calls")["DescribeTasks"]),
    }
    ask("complete")
    clock, cpu = timed(lambda: batch.wait(1200))
    calls = ask("calls")
    found |= {
        "follow, clock ms": clock * 1000 / count,
        "follow, CPU ms": cpu * 1000 / count,
        "follow, GetLogEvents": calls.pop("GetLogEvents") / count,
        "follow, all else in all": float(calls.total()),
        "memory at the end KiB": (memory() - before) * 1024 / count,
    }
    runs = flowenv.find_runs(environment, labels=[f"batch={batch.name}"])
    rows_run = Counter(label for run in runs for label in run.labels if label.startswith("row="))
    assert len(rows_run) == rows_run.total() == count, "each row has one task"
    assert batch.results() == [3] * count
    return found


if __name__ == "__main__":
    main(__doc__, measure, [100, 1000], source=20_000)
