"""A signal is heard, whatever the main thread waits for."""

import subprocess
import sys

TAKEN_BY_ANOTHER_THREAD = """
import pathlib, signal, sys, threading
from flowenv.signals.waking import wake_for_signals

def say(number, frame):
    print("heard", signal.Signals(number).name)
    sys.exit()

signal.signal(signal.SIGTERM, say)
wake_for_signals()
wake_for_signals()
main = pathlib.Path(f"/proc/self/task/{threading.main_thread().native_id}/stat")
never = threading.Semaphore(0)

def send():
    seen = 0
    while seen < 20:  # the main thread sleeps
        seen = seen + 1 if main.read_text().rpartition(")")[2].split()[0] == "S" else 0
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=send).start()
never.acquire()
"""

FILE_DESCRIPTOR_OF_SOMEBODY_ELSE = """
import os, signal
from flowenv.signals.waking import wake_for_signals

heard, noted = os.pipe()
os.set_blocking(noted, False)
signal.set_wakeup_fd(noted)
wake_for_signals()
print(signal.set_wakeup_fd(-1) == noted)
"""


def output(program: str) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def test_one_that_came_before_the_main_thread_began_to_wait() -> None:
    assert output(TAKEN_BY_ANOTHER_THREAD) == "heard SIGTERM"


def test_nothing_is_taken_from_who_uses_the_wake_up_file_descriptor() -> None:
    assert output(FILE_DESCRIPTOR_OF_SOMEBODY_ELSE) == "True"
