"""A script that waits for its run is told to end: real processes, as only they have signals."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

from flowenv import find_runs
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import JOBS
from rigs.kubernetes import KubernetesRig

SCRIPT = """
from flowenv import submit
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment

environment = KubernetesJobEnvironment(metadata={{"image": "repo/flow:1"}})
run = submit(flows.add, environment=environment, parameters={{"a": 1}})
say = lambda status: print(run.reference, flush=True)
{wait}
"""
ALONE = SCRIPT.format(wait="run.wait(on_status=say)")
IN_A_BLOCK = SCRIPT.format(wait="with run:\n    run.wait(on_status=say)")


def stopped(script: str, number: signal.Signals) -> tuple[int, str, str]:
    """How a waiting script ends by a signal, its run's reference, and what it says."""
    command = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        reference = process.stdout.readline().strip()
        process.send_signal(number)
        process.wait(20)
        return process.returncode, reference, process.stderr.read()


def is_there(client: Client, reference: str) -> bool:
    namespace, _, name = reference.partition("/")
    return client.get(JOBS, namespace, name) is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_run_goes_on_and_a_line_says_how_to_get_back(
    rig: KubernetesRig, client: Client, number: signal.Signals
) -> None:
    code, reference, said = stopped(ALONE, number)

    assert code == -number
    first = f"The run goes on. Get back to it with: flowenv attach {reference} --env k8s\n"
    assert said.startswith(first)
    assert bool(said.removeprefix(first)) == (number == signal.SIGINT)  # Python's own traceback
    assert is_there(client, reference)


def test_in_a_block_the_run_is_cancelled(rig: KubernetesRig, client: Client) -> None:
    code, reference, said = stopped(IN_A_BLOCK, signal.SIGTERM)

    assert code == -signal.SIGTERM
    assert re.fullmatch(f"The run {reference} is cancelled, as its block is left.\n", said)
    assert not is_there(client, reference)


BATCH = """
import signal, threading, time
import flowenv
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment

environment = KubernetesJobEnvironment(metadata={{"image": "repo/flow:1"}})
rows = [{{"a": n, "b": 1}} for n in range(3)]
batch = flowenv.map(flows.add, rows, environment=environment, at_once=2)
def say():
    while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # nobody waits yet
        time.sleep(0.01)
    print(batch.name, flush=True)

threading.Thread(target=say).start()
{wait}
"""


@pytest.mark.parametrize(
    ("wait", "number"),
    [
        ("batch.wait()", signal.SIGTERM),
        ("for run in batch: pass", signal.SIGINT),
    ],
)
def test_a_batch_goes_on_and_a_line_says_how_to_get_back(
    rig: KubernetesRig, client: Client, wait: str, number: signal.Signals
) -> None:
    code, name, said = stopped(BATCH.format(wait=wait), number)

    assert code == -number
    assert said.startswith(
        f"Of the batch {name} 2 of 3 runs go on, 1 isn't submitted. flowenv.map(…, "
        f'name="{name}") picks it up; to stop it: flowenv cancel --batch {name} --env k8s\n'
    )


def test_several_runs_go_on_and_a_line_says_how_to_get_back(
    rig: KubernetesRig, client: Client
) -> None:
    wait = "list(flowenv.as_completed([row.run for row in batch.rows[:2]]))"
    code, _, said = stopped(BATCH.format(wait=wait), signal.SIGTERM)

    assert code == -signal.SIGTERM
    back = r"flowenv attach \S+ --env k8s"
    assert re.match(rf"2 runs go on\. Get back with: {back}; {back}\n", said)


def test_in_a_block_a_batch_is_cancelled(rig: KubernetesRig) -> None:
    block = "with batch:\n    batch.wait()"
    code, name, said = stopped(BATCH.format(wait=block), signal.SIGTERM)

    assert code == -signal.SIGTERM, said
    assert said == f"The batch {name} is cancelled, as its block is left.\n"
    assert not find_runs("k8s", labels=[f"batch={name}"])


def test_a_script_that_ends_while_its_run_goes_on_ends_at_once(rig: KubernetesRig) -> None:
    # and that has left the watch in the middle: by looks at the state, and by a loop
    looks = "print(run.state)\nloop = run.handle.follow()\nnext(loop)\nkept = [run, loop]"
    command = [sys.executable, "-c", SCRIPT.format(wait=looks)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
