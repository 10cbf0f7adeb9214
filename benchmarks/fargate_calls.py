"""How many AWS calls do runs on Fargate take: to submit, and for each round of looks?

    python benchmarks/fargate_calls.py

Runs on the ECS rig with scripted tasks, so nothing is started. A run that fails is looked up in
its log as well, and a result is read from there: one GetLogEvents each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import flowenv  # noqa: E402
from flowenv import Flow  # noqa: E402
from flowenv.flows.finding import find_flow  # noqa: E402
from flowenv.runs.flow_run import FlowRun  # noqa: E402
from flowenv_fargate import FargateTaskEnvironment  # noqa: E402
from flowenv_fargate.runs import tasks  # noqa: E402
from flowenv_fargate.runs.account import forget  # noqa: E402
from rigs.ecs import EcsRig, Image, Script, ScriptedRunner  # noqa: E402

RUNS = (1, 10, 200)


@contextmanager
def rig_with_environment() -> Iterator[tuple[EcsRig, FargateTaskEnvironment]]:
    """The rig, and an environment that works there."""
    runner = ScriptedRunner(lambda _task: Script(running_steps=None))
    with EcsRig({"flow:1": Image()}, runner=runner) as rig:
        account = rig.prepare()
        yield (
            rig,
            FargateTaskEnvironment(
                aws_access_key_id="AKIARIG",
                aws_secret_access_key="rig",
                region_name=rig.region,
                endpoint_url=rig.url,
                metadata={"image": "flow:1"},
                cluster=account.cluster,
                networkConfiguration=account.network_configuration,
                executionRoleArn=account.execution_role_arn,
            ),
        )


def submit(flow: Flow[..., Any], environment: FargateTaskEnvironment) -> FlowRun:
    """Submit one run."""
    return flowenv.submit(flow, environment=environment)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flows.py"
        path.write_text(
            "from flowenv import flow\n\n@flow\ndef add(a: int = 1):\n    return a + 1\n"
        )
        flow = find_flow(str(path))
        print(f"{'runs':>5} {'to submit':>10} {'a run':>6} {'a round':>8} {'one by one':>11} ratio")
        with rig_with_environment() as (rig, environment):
            for count in RUNS:
                forget()
                rig.requests.clear()
                with ThreadPoolExecutor(20) as pool:
                    runs = list(pool.map(lambda _: submit(flow, environment), range(count)))
                submitted = len(rig.requests)
                time.sleep(tasks.FRESH_SECONDS)  # RunTask's own answer counts as a look
                rig.requests.clear()
                for run in runs:
                    run.refresh()
                looked = rig.requests.count("DescribeTasks")
                print(
                    f"{count:>5} {submitted:>10} {submitted / count:>6.2f} {looked:>8} "
                    f"{count:>11} {count / looked:>5.0f}x"
                )


if __name__ == "__main__":
    main()
