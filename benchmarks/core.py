"""What flowenv itself costs: imports, a run in this process, a start in a container.

Each figure is a ratio to, or a difference from, the same thing without flowenv, measured by
turns in one run. CPU time counts, of this process and those it starts: on a quiet machine that
is the time that passes, and a busy one does not disturb it. The median of the repeats is shown.

    python benchmarks/core.py --repeats 15
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from _table import Row, print_table

from flowenv import Flow, contract
from flowenv.environments.shipped import ShippedEnvironment
from flowenv.flows.finding import find_flow
from flowenv.payload.packing import pack
from flowenv.submission.lifecycle import prepare
from flowenv_local import LocalEnvironment

SOURCE = """
from flowenv import flow

@flow
def answer():
    return 42

if __name__ == "__main__":
    answer()
"""


def seconds(call: Callable[[], object]) -> float:
    """CPU seconds of a call, of processes that it starts too."""
    started = _spent()
    call()
    return _spent() - started


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def by_turns(repeats: int, *calls: Callable[[], object]) -> list[float]:
    """The median seconds of each call; they take turns."""
    for call in calls:
        call()  # caches of the file system and of Python's bytecode
    times = [[seconds(call) for call in calls] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def python(*arguments: str, **variables: str) -> Callable[[], object]:
    """A call that starts this Python with arguments and waits for its end; bytecode is kept."""
    env = {**os.environ, **variables}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command: Sequence[str] = (sys.executable, *arguments)
    return lambda: subprocess.run(command, env=env, check=True, capture_output=True)


def starts(repeats: int) -> list[Row]:
    """What a start costs, with all bytecode compiled in a folder of its own."""
    command = ("-c", "import sys; from flowenv.cli import main; sys.exit(main())")
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "the_answer.py"
        path.write_text(SOURCE.replace("@flow", '@flow(image="python:3.11")'))
        compiled = {"PYTHONPYCACHEPREFIX": str(Path(name) / "bytecode")}
        bare, imported, listed, shown = by_turns(
            repeats,
            python("-c", "pass", **compiled),
            python("-c", "import flowenv", **compiled),
            python(*command, "plugins", **compiled),
            python(*command, "spec", str(path), "--env", "k8s", **compiled),
        )
    return [
        Row("import flowenv", imported / bare, "bare starts", 1.2),
        Row("flowenv plugins", listed / bare, "bare starts", 7),
        Row("flowenv spec, for a Kubernetes Job", shown / bare, "bare starts", 12),
    ]


def run_in_process(repeats: int) -> Row:
    """A flow that does nothing, through LocalEnvironment, against calling the function."""

    def nothing() -> None: ...

    flow, environment, calls = Flow(nothing), LocalEnvironment(), 200

    def through_flowenv() -> None:
        for _ in range(calls):
            environment.execute(flow)

    def called() -> None:
        for _ in range(calls):
            nothing()

    ours, bare = by_turns(repeats, through_flowenv, called)
    return Row("no-op flow in LocalEnvironment, more", (ours - bare) / calls * 1e3, "ms", 0.1)


def start_in_container(repeats: int) -> Row:
    """`load_and_run_flow` on a shipped source against running the file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, payload = folder / "the_answer.py", folder / "payload.json"
        path.write_text(SOURCE)
        run = prepare(find_flow(str(path)), environment=LocalEnvironment()).flow_run
        run.environment = ShippedEnvironment()
        payload.write_bytes(pack(run))
        variables = {contract.PAYLOAD: str(payload), contract.OUTCOME: str(folder / "outcome")}
        ours, bare = by_turns(
            repeats,
            python("-c", "import flowenv; flowenv.load_and_run_flow()", **variables),
            python(str(path)),
        )
    return Row("load_and_run_flow of a source flow, more", ours - bare, "s", 0.15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="how often each is measured")
    repeats = parser.parse_args().repeats
    print_table([*starts(repeats), run_in_process(repeats), start_in_container(repeats)])


if __name__ == "__main__":
    main()
