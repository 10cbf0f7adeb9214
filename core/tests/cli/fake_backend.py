"""A backend for the tests: it runs the container's command as a process in a folder.

It is installed by `Project.install_fake` as a third party would install it. Files in its folder
say what it has come to, or hold it up, so that a test can act at a given moment.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from flowenv import Capabilities, Environment, Secret, State, Status, hookimpl
from flowenv.answers.summaries import Finding, Leftover
from flowenv.environments.common_environment import (
    executor_setting,
    labels_setting,
    metadata_setting,
)
from flowenv.errors import PlatformError, RunNotFound
from flowenv.remote.marks import Marks
from flowenv.results.record.exit_codes import without_record
from flowenv.results.record.outcome import Outcome
from flowenv.settings.declaration import setting

FOLDER = Path(os.environ["FAKE_FOLDER"])


def wait_for(name):
    """Wait until a test has made a file."""
    while not (FOLDER / name).exists():
        threading.Event().wait(0.01)


@dataclasses.dataclass(repr=False)
class FakeEnvironment(Environment):
    backend = "fake"
    capabilities = Capabilities(
        cancel=True, logs=True, attach=True, find=True, sweep=True, delete=True
    )

    executor: object = executor_setting()
    labels: list[str] | None = labels_setting()
    metadata: dict[str, object] | None = metadata_setting()
    size: int = setting(1, help="How many.")
    token: str | None = setting(None, help="A token.", secret=True)
    starting: list[str] | None = setting(None, help="What it says while it starts.")
    hold: str | None = setting(None, help="Where to wait for the test: submit, cancel.")
    fail: str | None = setting(None, help="Where to fail: submit, cancel.")

    def at(self, moment):
        if self.fail == moment:
            raise PlatformError(f"The platform refuses to {moment}.", hint="Ask it nicely.")
        if self.hold == moment:
            (FOLDER / f"{moment}-begun").touch()
            wait_for(f"{moment}-go-on")


class FakeHandle:
    def __init__(self, environment, run_id):
        self.environment = environment
        self.reference = run_id
        self.folder = FOLDER / run_id
        self.process = None

    def start(self, spec):
        self.folder.mkdir()
        for name, data in spec["files"].items():
            (self.folder / name).write_bytes(data)
        bin = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                spec["command"],
                env={**spec["variables"], "PATH": bin},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self.folder / "about").write_text(json.dumps({**spec["about"], "pid": self.process.pid}))

    @property
    def about(self):
        return json.loads((self.folder / "about").read_text())

    def _alive(self):
        if self.process:
            return self.process.poll() is None
        try:
            os.kill(self.about["pid"], 0)
        except ProcessLookupError:
            return False
        return True

    def status(self):
        alive = self._alive()
        cancelled = (self.folder / "cancelled").exists()
        if outcome := self.outcome():
            return outcome.status(cancelled=cancelled)
        if alive:
            return Status(State.RUNNING)
        if cancelled:  # before its process could leave a record
            return Status(State.CANCELLED)
        return without_record(1, "")

    def latest(self):
        if (FOLDER / "blind").exists():
            raise PlatformError("Not allowed to look.", hint="Ask for the right.")
        return self.status()

    def follow(self, timeout=None):
        for message in self.environment.starting or []:
            yield Status(State.STARTING, None, message)
        while not (status := self.status()).state.is_final:
            yield status
            threading.Event().wait(0.01)
        yield status

    def logs(self, *, follow=False):
        with (self.folder / "log").open() as log:
            while True:
                over = not follow or self.status().state.is_final
                for line in log:
                    yield line.rstrip("\n")
                if over:
                    return
                threading.Event().wait(0.01)

    def outcome(self):
        try:
            return Outcome.from_text((self.folder / "outcome").read_bytes(), self.reference)
        except FileNotFoundError:
            return None

    def delete(self):
        self.environment.at("sweep")
        shutil.rmtree(self.folder)

    def cancel(self):
        self.environment.at("cancel")
        (self.folder / "cancelled").touch()
        os.killpg(self.about["pid"], signal.SIGTERM)
        while not self.status().state.is_final:
            threading.Event().wait(0.01)


@hookimpl
def flowenv_environment_type():
    return FakeEnvironment


@hookimpl
def flowenv_build_spec(environment, flow_run, process):
    merged = process.variables.merge()
    return {
        "command": list(process.command),
        "files": dict(process.files),
        "variables": {
            **{n: v.reveal() for n, v in merged.secrets.items() if isinstance(v, Secret)},
            **merged.values,
            "FLOWENV_PAYLOAD": "payload.json",
            "FLOWENV_OUTCOME": "outcome",
        },
        "about": Marks.of_run(flow_run).to_json(),
    }


@hookimpl
def flowenv_execute(environment, flow_run, spec):
    environment.at("submit")
    handle = FakeHandle(environment, flow_run.id)
    handle.start(spec)
    return handle


@hookimpl
def flowenv_attach(environment, reference):
    handle = FakeHandle(environment, reference)
    if not handle.folder.is_dir():
        raise RunNotFound(f"The platform has no run {reference!r}.")
    return Marks.from_json(handle.about).attached(environment, handle)


def _summaries(environment):
    for path in FOLDER.glob("*/about"):
        handle = FakeHandle(environment, path.parent.name)
        marks = dataclasses.replace(Marks.from_json(handle.about), created=None)
        yield marks.summary(handle.reference, handle.status())


@hookimpl
def flowenv_find_runs(environment, labels):
    return [one for one in _summaries(environment) if set(labels) <= set(one.labels)]


@hookimpl
def flowenv_sweep(environment, older_than, delete):
    for one in _summaries(environment):
        if one.status.state.is_final:
            whose = {"submitter": one.submitter, "labels": one.labels}
            left = Leftover("folder", one.run_id, one.run_id, 0.0, **whose)
            if environment.fail == "all":  # a backend that says nothing of how to remove them
                yield dataclasses.replace(left, removed=delete)
                continue
            handle = FakeHandle(environment, one.run_id)
            yield left.swept(handle.delete, delete)


@hookimpl
def flowenv_check(environment):
    environment.at("check")
    return [
        Finding("folder", True, "is there"),
        Finding("weather", None, "is bad", "Wait.", "kind: Umbrella\n"),
    ]
