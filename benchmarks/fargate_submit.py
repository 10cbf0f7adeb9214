"""How much CPU time does a submission to Fargate take, beyond boto3's own?

    python benchmarks/fargate_submit.py

Both ways are measured in one run, in turn, with the same RunTask request; the answer comes from
a stub inside botocore, so neither the network nor a server is part of it.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flowenv
from flowenv.flows.finding import find_flow
from flowenv.plugin import revealed
from flowenv.submission.lifecycle import prepare
from flowenv_fargate import FargateTaskEnvironment
from flowenv_fargate.api.rate_limit import Rate
from flowenv_fargate.runs.account import account_of

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
AIM = 2.0  # milliseconds


class Answer:
    """An HTTP answer as botocore's parsers want it."""

    def __init__(self, body: dict[str, Any], status_code: int = 200) -> None:
        self.status_code = status_code
        self.headers = {"Content-Type": "application/x-amz-json-1.1"}
        self.content = json.dumps(body).encode()


def stub(request: Any, **_: Any) -> Answer:
    """Answer every ECS call without a network; botocore calls this instead of sending."""
    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    sent = json.loads(request.body)
    arn = "arn:aws:ecs:eu-west-1:123456789012:task"
    if operation == "RunTask":
        task = {"taskArn": f"{arn}/c/{'0' * 32}", "lastStatus": "PROVISIONING", "containers": []}
        return Answer({"tasks": [task], "failures": []})
    if operation == "DescribeTaskDefinition":
        message = "Unable to describe task definition."
        return Answer({"__type": "ClientException", "message": message}, 400)
    definition = {"taskDefinitionArn": f"{arn}-definition/f:1", "status": "ACTIVE", **sent}
    return Answer({"taskDefinition": definition, "tags": sent.get("tags", [])})


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of one call of this process."""
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flows.py"
        path.write_text(
            "from flowenv import flow\n\n@flow\ndef add(a: int = 1):\n    return a + 1\n"
        )
        flow = find_flow(str(path))
        environment = FargateTaskEnvironment(
            aws_access_key_id="AKIA",
            aws_secret_access_key="secret",
            region_name="eu-west-1",
            metadata={"image": "flow:1"},
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            family="flows",
            cpu="1024",
            memory="2048",
            on_mismatch="register",
            executionRoleArn="arn:aws:iam::123456789012:role/execution",
            log_group=None,
        )
        measure(environment, flow)


def measure(environment: FargateTaskEnvironment, flow: Any) -> None:
    """Measure both ways in turn and print what came out."""
    import warnings

    warnings.simplefilter("ignore")
    aws = account_of(environment).aws
    aws._rates["RunTask"] = Rate(1e9, 1e9)  # the pace of AWS is no CPU time
    client = aws._client("ecs", None)
    client.meta.events.register("before-send.ecs.*", stub)
    request = revealed(prepare(flow, environment=environment).spec["run_task"])
    ways: dict[str, Callable[[], object]] = {
        "bare boto3: run_task": lambda: client.run_task(**request),
        "flowenv.submit": lambda: flowenv.submit(flow, environment=environment),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for work in ways.values():
        for _ in range(20):
            work()
    gc.collect()
    for _ in range(ROUNDS):
        for name, work in ways.items():
            times[name].append(milliseconds(work))
    medians = {name: statistics.median(found) for name, found in times.items()}
    bare, ours = medians.values()
    print(f"{'CPU time of one submission, median of ' + str(ROUNDS):<44} {'ms':>6} ratio")
    for name, median in medians.items():
        print(f"{name:<44} {median:>6.2f} {median / bare:>5.2f}")
    verdict = "reached" if ours - bare < AIM else "missed"
    print(f"{f'flowenv itself (aim: under {AIM:g} ms, {verdict})':<44} {ours - bare:>6.2f}")


if __name__ == "__main__":
    main()
