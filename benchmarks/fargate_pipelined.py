"""How long does submitting many runs on ECS take, against boto3 alone that sends the same requests?

    python benchmarks/fargate_pipelined.py --turns 4

By turns, in both orders: `flowenv.map`, and boto3 in a loop and with as many callers as flowenv
has, whose requests lie ready. There are 90 runs, which AWS takes at once: after the first hundred
it takes 20 a second, from everybody. The aim: at most 1.2 times as long as the pipelined calls.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import boto3
from botocore.config import Config
from fargate_batch import stand
from k8s_batch import timed

import flowenv
from flowenv.batches.submitting import CALLERS
from flowenv_fargate import FargateTaskEnvironment

RUNS, A_SECOND = 90, 20


def ways(
    one: Any, environment: FargateTaskEnvironment, ask: Any
) -> dict[str, Callable[[], object]]:
    rows = [{"n": n} for n in range(RUNS)]

    def mapped() -> None:
        flowenv.map(one, rows, environment=environment)

    flowenv.map(one, rows[:5], environment=environment)  # definition, flowenv and source are there
    ask("calls")
    mapped()
    requests = ask("requests")
    client = boto3.client(
        "ecs",
        aws_access_key_id=environment.aws_access_key_id,
        aws_secret_access_key=environment.aws_secret_access_key,
        region_name=environment.region_name,
        endpoint_url=environment.endpoint_url,
        config=Config(max_pool_connections=CALLERS),
    )

    def send(request: dict[str, Any]) -> None:
        run = str(uuid.uuid4())
        client.run_task(**{**request, "clientToken": run, "startedBy": f"bare/{run}"})

    def pipelined() -> None:
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(send, requests))

    return {
        "flowenv.map": mapped,
        "boto3, in a loop": lambda: [send(one) for one in requests],
        "boto3, pipelined": pipelined,
    }


def main(turns: int, source: int) -> None:
    best: dict[str, tuple[float, float]] = {}
    with stand(source) as (one, environment, ask):
        found = ways(one, environment, ask)
        for turn in range(turns):
            for name in list(found) if turn % 2 == 0 else reversed(found):
                time.sleep(RUNS / A_SECOND)  # until the hundred are there again
                once = timed(found[name])
                best[name] = min(best.get(name, once), once)
                ask("complete")
                load = os.getloadavg()[0]
                print(f"turn {turn + 1}, {name}: {once[0]:.2f} s, load {load:.1f}", file=sys.stderr)
    print(f"{'submitted':24}{'seconds':>9}{'CPU s':>8}{'ratio':>8}")
    for name, (clock, cpu) in best.items():
        print(f"{name:24}{clock:9.2f}{cpu:8.2f}{clock / best['boto3, pipelined'][0]:8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--source", type=int, default=20_000, help="bytes of the flow's file")
    arguments = parser.parse_args()
    main(arguments.turns, arguments.source)
