"""The command of a container that flowenv comes to with the run.

Nothing of what came is imported, not even at the start of Python, before it is known to be what was
sent. What keeps it from that is in an outcome record, whatever the image's Python is.
"""

from __future__ import annotations

from flowenv.contract import (
    FLOW_RUN_ID,
    OUTCOME,
    RUNTIME_DIGEST,
    RUNTIME_FILE,
    RUNTIME_URL,
)

_END = f"""\
import os, sys
try:
    import _signal as signal
except ImportError:
    import signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
import hashlib
env = os.environ
def end(message):
    import json
    run = env.get("{FLOW_RUN_ID}", "")
    record = dict(run=run, state="Crashed", reason="start_error", message=message)
    sys.stderr.write(message + "\\n")
    sys.stderr.flush()
    try:
        with open(env["{OUTCOME}"], "w") as file:
            file.write(json.dumps(record))
    except (KeyError, IOError):
        sys.stdout.write("flowenv-outcome %s %s\\n" % (run, json.dumps(record)))
        sys.stdout.flush()
    sys.exit(3)
if sys.version_info < (3, 11):
    end("The image has Python %d.%d, and flowenv needs 3.11 or newer: choose a newer image, "
        "such as python:3.12-slim." % sys.version_info[:2])
try:
    import zlib
except ImportError:
    end("The image has a Python without zlib, which flowenv needs: choose another image.")
"""
"""It runs on a Python of any age.

Process 1 hears no signal without a handler, and a container that starts while its run is cancelled
gets SIGTERM at once: so the handler comes first, of the module that takes no time to import.
"""

_FETCH = f"""\
url = env.pop("{RUNTIME_URL}", None)
if url:
    import atexit, shutil, tempfile, time, urllib.request
    for place in (None, "/dev/shm"):
        try:
            folder = tempfile.mkdtemp(prefix="flowenv-", dir=place)
            break
        except OSError as error:
            problem = error
    else:
        end("No folder can be written to, not even /tmp: mount a volume there. (%s)" % problem)
    atexit.register(shutil.rmtree, folder, True)
    file = env["{RUNTIME_FILE}"] = os.path.join(folder, env["{RUNTIME_FILE}"])
    for wait in (0.5, 1, 2, 4, 8, None):
        try:
            with urllib.request.urlopen(url, timeout=60) as answer, open(file, "wb") as written:
                shutil.copyfileobj(answer, written)
            break
        except Exception as error:
            code = getattr(error, "code", 500)
            if wait is None or code < 500 and code not in (408, 429):
                shown = error if isinstance(error, OSError) else type(error).__name__
                end("flowenv, which was put into a store for the run, cannot be read there: %s"
                    % shown)
            time.sleep(wait)
"""
"""A presigned URL is a secret, so no error shows it."""

_CHECK = f"""\
file = env["{RUNTIME_FILE}"]
try:
    with open(file, "rb") as opened:
        found = hashlib.sha256(opened.read()).hexdigest()
except OSError as error:
    end("flowenv, which was sent with the run, cannot be read: %s" % error)
if found != env["{RUNTIME_DIGEST}"]:
    end("%s is not what was sent with the run: its SHA-256 is another one. Somebody has changed it "
        "since; submit the run again." % file)
others = env.get("PYTHONPATH")
env["PYTHONPATH"] = file + ":" + others if others else file
sys.path.insert(0, file)
"""
"""What the image or the user has set is kept. Processes that the flow starts inherit it."""

FLOW = "import flowenv; flowenv.load_and_run_flow()"
"""What the flow's container does with flowenv."""
OTHER = "from flowenv.container.other_process import run_other; run_other()"
"""What another container of the run does with it: a Dask worker's."""


def image_command(then: str = FLOW) -> tuple[str, str, str]:
    """The command where the image has flowenv.

    `exec`, because a shell as process 1 swallows SIGTERM.

    Args:
        then: Python statements.

    >>> image_command()[2]
    "exec python -c 'import flowenv; flowenv.load_and_run_flow()'"
    """
    return "/bin/sh", "-c", f"exec python -c '{then}'"


def shipped_command(then: str = FLOW, *, fetched: bool = False) -> tuple[str, str, str]:
    """The command where flowenv comes with the run.

    Images of Linux distributions know Python as `python3` alone.

    Args:
        then: Python statements.
        fetched: True if flowenv is fetched from `FLOWENV_RUNTIME_URL`, where that is set, instead
            of being at `FLOWENV_RUNTIME_FILE` already.
    """
    program = _END + (_FETCH if fetched else "") + _CHECK + then
    assert "'" not in program
    choice = "p=python; command -v $p >/dev/null 2>&1 || p=python3; "
    return "/bin/sh", "-c", f"{choice}exec $p -c '{program}'"
