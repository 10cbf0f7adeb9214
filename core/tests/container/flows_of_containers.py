"""Flows that containers run, and what a start that fails looks like."""

from __future__ import annotations

from pathlib import Path

from flowenv import FlowRun, Reason, State
from flowenv.flows.finding import find_flow
from flowenv.submission.lifecycle import prepare

from ..flow_files import write
from ..plugging import ToyEnvironment

FLOWS = """
    import logging, os, sys
    from flowenv import flow, get_executor

    @flow
    def greet(name="you"):
        print("said by the flow")
        return f"Hello, {name}!"

    @flow
    def imports(module):
        import importlib

        importlib.import_module(module)


    @flow
    def fail(message="x"):
        raise ValueError(message)

    @flow
    def leave(code=0):
        sys.exit(code)

    @flow
    def die():
        os._exit(41)

    @flow
    def big(size):
        return "x" * size

    @flow
    def counted():
        return {"n": range(3)}

    @flow
    def lose(results):
        os.rmdir(results)
        open(results, "w").close()
        return "x" * 5000

    @flow
    def pair(size=1):
        return (1, 2) * size

    @flow
    def lock():
        import threading
        return threading.Lock()

    @flow
    def noise(size):
        import random
        print("no line end", end="")
        return random.Random(size).randbytes(size)

    @flow
    async def wait_a_moment():
        import asyncio
        await asyncio.sleep(0)
        return "waited"

    @flow
    def be_killed(last_words):
        import os, signal
        print(last_words)
        os.kill(os.getpid(), signal.SIGKILL)

    @flow
    def log():
        logging.getLogger("flowenv").debug("debug of flowenv")
        logging.getLogger("mine").debug("debug of mine")
        logging.getLogger("other").debug("debug of other")

    @flow
    def executors():
        import dask
        return [type(get_executor()).__name__, dask.config.get("scheduler")]

    @flow
    def refuse():
        from flowenv.errors import PlatformError
        raise PlatformError("The sub-flow's platform failed.")
"""


def make_run(tmp_path: Path, name: str, parameters=None, **settings) -> FlowRun:
    write(tmp_path / "here" / "flows_of_a_test.py", FLOWS)
    flow = find_flow(str(tmp_path / "here" / f"flows_of_a_test.py:{name}"))
    environment = ToyEnvironment(**settings)
    return prepare(flow, environment=environment, parameters=parameters).flow_run


def assert_start_error(ended, message, hint=""):
    assert ended.exit_code == 3
    assert (ended.outcome.state, ended.outcome.reason) == (State.CRASHED, Reason.START_ERROR)
    assert message in ended.outcome.message
    assert hint in ended.outcome.hint
