"""A script that is asked to end while a flow runs in it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import threading
from flowenv import flow
from flowenv_local import LocalEnvironment

{before}

@flow
def wait():
    try:
        print("begun", flush=True)
        threading.Event().wait()
    finally:
        print("closed", flush=True)

try:
    {call}
finally:
    print("the script's own end", flush=True)
"""
CALLS = {
    "environment.run": "LocalEnvironment().run(wait)",
    "environment.execute": "LocalEnvironment().execute(wait)",
}


def stopped(script: str, number: signal.Signals) -> tuple[int, list[str]]:
    """How a script ends that gets a signal when its flow has begun, and what it prints then."""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        return process.wait(20), process.stdout.read().splitlines()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_the_flow_has_open_is_closed_and_the_signal_ends_the_script(
    call: str, number: signal.Signals
) -> None:
    script = SCRIPT.format(before="", call=CALLS[call])

    assert stopped(script, number) == (-number, ["closed"])


def test_a_handler_of_the_script_itself_stays() -> None:
    own = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))"
    script = SCRIPT.format(before=own, call="LocalEnvironment().run(wait)")

    # the flow's exit is the flow's failure
    assert stopped(script, signal.SIGTERM) == (1, ["closed", "the script's own end"])
