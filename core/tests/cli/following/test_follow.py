"""What following a run shows: states, reminders while it waits, log lines, the last line."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flowenv import Capabilities, Environment, FlowRun
from flowenv.cli.following import follow
from flowenv.cli.output.report import exit_code, summary
from flowenv.errors import PlatformError
from flowenv.results.record.outcome import Outcome
from flowenv.states import Reason, State, Status

from ..project import Project, eventually

STARTING = Status(State.STARTING, Reason.IMAGE_PULL, "Pulling a:1")


class Remote(Environment):
    backend = "local"  # any that is installed: its hooks hear of states
    capabilities = Capabilities(logs=True)


class Findable(Environment):
    backend = "local"
    capabilities = Capabilities(attach=True, logs=True)


class Cancellable(Environment):
    backend = "local"
    capabilities = Capabilities(cancel=True)


class ScriptedHandle:
    """A run that goes on when the test lets it."""

    reference = "remote-1"

    def __init__(self, *script: Status | threading.Event, log: Any = ()) -> None:
        self.script = script
        self.log = log

    def status(self) -> Status:
        return Status(State.SUBMITTED)

    def follow(self, timeout: float | None = None) -> Iterator[Status]:
        for step in self.script:
            if isinstance(step, Status):
                yield step
            else:
                step.wait(10)

    def logs(self, *, follow: bool = False) -> Iterator[str]:
        yield from self.log

    def outcome(self) -> Outcome | None:
        return None

    def cancel(self) -> None:
        raise AssertionError("nobody asked for it")


def follow_run(handle: ScriptedHandle) -> FlowRun:
    run = FlowRun(Remote(), id="run-1", flow_name="scripted")
    run.handle = handle
    with follow.Follower(run) as follower:
        follower.follow()
    return run


def test_each_state_is_shown_once_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    follow_run(ScriptedHandle(STARTING, STARTING, Status(State.RUNNING), Status(State.COMPLETED)))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in lines] == [
        "Starting (image_pull): Pulling a:1",
        "Running",
    ]


def test_news_within_a_state_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    other = Status(State.STARTING, None, "Creating the container")
    follow_run(ScriptedHandle(STARTING, other, Status(State.COMPLETED)))
    assert "Starting: Creating the container" in capsys.readouterr().err


def test_a_run_that_waits_is_remembered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "REMINDERS", (0.01, 0.02))
    go_on, shown = threading.Event(), []

    def look() -> bool:
        shown.append(capsys.readouterr().err)
        return "".join(shown).count("still Starting (image_pull)\n") >= 3

    handle = ScriptedHandle(STARTING, go_on, Status(State.COMPLETED))
    thread = threading.Thread(target=follow_run, args=(handle,))
    thread.start()
    eventually(look, "the third reminder")
    go_on.set()
    thread.join(10)


def test_what_is_new_within_a_state_is_shown_though_only_the_run_has_heard_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "REMINDERS", (0.01,))
    shown: list[str] = []

    def look() -> bool:
        shown.append(capsys.readouterr().err)
        return "] Starting: The task is PENDING\n" in "".join(shown)

    run = FlowRun(Remote(), id="run-1", flow_name="scripted")
    with follow.Follower(run):  # as a backend does that runs the flow in this process
        run.observe(Status(State.STARTING, message="Making a cluster"))
        run.observe(Status(State.STARTING, message="The task is PENDING"))
        eventually(look, "the new sentence")
    assert "".join(shown).count("The task is PENDING") == 1


def test_a_run_that_runs_needs_no_reminder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "REMINDERS", (0.001,))
    run = FlowRun(Remote(), id="run-1", flow_name="scripted")
    run.observe(Status(State.RUNNING))
    with follow.Follower(run) as follower:
        threading.Event().wait(0.05)  # time for many reminders
        assert follower.flow_run is run
    assert capsys.readouterr().err == ""


def test_the_first_reminder_comes_after_2_seconds_and_the_others_ever_later() -> None:
    assert follow.REMINDERS[0] == 2.0
    assert list(follow.REMINDERS) == sorted(follow.REMINDERS)


def test_a_run_that_is_slow_to_stop_is_remembered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "REMINDERS", (0.01,))
    shown: list[str] = []

    class SlowToStop(ScriptedHandle):
        def cancel(self) -> None:
            eventually(look, "the reminder")

        def status(self) -> Status:
            return Status(State.CANCELLED)

    def look() -> bool:
        shown.append(capsys.readouterr().err)
        return "still waiting for the run to stop" in "".join(shown)

    run = FlowRun(Cancellable(), id="run-1", flow_name="scripted")
    run.handle = SlowToStop()
    with pytest.raises(KeyboardInterrupt), follow.Follower(run):
        raise KeyboardInterrupt
    assert run.state is State.CANCELLED


def test_log_lines_go_to_stdout_without_the_outcome_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = Outcome("run-1", State.COMPLETED).to_line()
    follow_run(ScriptedHandle(Status(State.COMPLETED), log=["one", record, "two"]))
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_log_that_cant_be_read_is_said_and_harms_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken() -> Iterator[str]:
        yield "one"
        raise PlatformError("The log is gone.")

    run = follow_run(ScriptedHandle(Status(State.COMPLETED), log=broken()))
    assert run.state is State.COMPLETED
    assert "The log can't be followed: The log is gone." in capsys.readouterr().err


def test_lines_wait_for_whoever_reads_them_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_DRAIN", 0.05)
    read = threading.Event()

    class SlowlyRead(io.StringIO):
        def flush(self) -> None:
            read.wait(10)

    out = SlowlyRead()
    monkeypatch.setattr("sys.stdout", out)
    timer = threading.Timer(0.5, read.set)
    timer.start()
    follow_run(ScriptedHandle(Status(State.COMPLETED), log=["one", "two", "three"]))
    timer.join()
    assert out.getvalue() == "one\ntwo\nthree\n"


def test_a_log_whose_end_doesnt_come_is_said_to_lack_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "_DRAIN", 0.05)
    over = threading.Event()

    def late() -> Iterator[str]:
        yield "one"
        over.wait(10)

    run = FlowRun(Findable(), id="run-1", flow_name="scripted")
    run.handle = ScriptedHandle(Status(State.COMPLETED), log=late())
    with follow.Follower(run, " --env prod") as follower:
        follower.follow()
    over.set()
    shown = capsys.readouterr()
    assert shown.out == "one\n"
    assert (
        "Nothing more of the log came for 0.05 s. It may lack its end: "
        "flowenv logs remote-1 --env prod\n" in shown.err
    )


@pytest.mark.parametrize("between", [("Is it there?", " "), ("Add:\n  - a rule", "\n")])
def test_a_platform_that_is_lost_says_how_to_attach_again(between: tuple[str, str]) -> None:
    hint, gap = between

    class Lost(ScriptedHandle):
        def follow(self, timeout: float | None = None) -> Iterator[Status]:
            yield Status(State.RUNNING)
            raise PlatformError("The platform doesn't answer.", hint=hint)

    run = FlowRun(Findable(), id="run-1", flow_name="scripted")
    run.handle = Lost()
    with (
        pytest.raises(PlatformError) as caught,
        follow.Follower(run, " --env prod") as follower,
    ):
        follower.follow()
    assert str(caught.value) == (
        f"The platform doesn't answer. {hint}{gap}"
        "The run may go on: flowenv attach remote-1 --env prod"
    )


def test_the_last_line_has_the_time_of_each_phase() -> None:
    run = follow_run(ScriptedHandle(STARTING, Status(State.RUNNING), Status(State.COMPLETED)))
    seconds = r"\d\.\d s"
    phases = rf"scheduling {seconds}, starting {seconds}, running {seconds}"
    assert re.fullmatch(rf"Completed after {seconds} \({phases}\)", summary(run))


@pytest.mark.parametrize(
    ("state", "code"),
    [(State.COMPLETED, 0), (State.FAILED, 1), (State.CRASHED, 3), (State.CANCELLED, 3)],
)
def test_the_exit_code_says_how_the_run_ended(state: State, code: int) -> None:
    assert exit_code(Status(state)) == code


FAILS = """
    import sys
    from flowenv import flow

    def divide(number):
        return 1 / number

    @flow
    def fails(how: str = "divide"):
        if how == "divide":
            divide(0)
        elif how == "exit":
            sys.exit(5)
        elif how == "success":
            sys.exit()
        elif how == "chain":
            try:
                divide(0)
            except ZeroDivisionError as error:
                raise ValueError("no good") from error
"""


def test_a_flow_that_raises_shows_its_own_frames_and_exits_with_1(project: Project) -> None:
    project.write("flow.py", FAILS)
    ended = project.flowenv("run", "flow.py", "-p", "how=chain")
    assert ended.returncode == 1
    assert "in fails" in ended.stderr
    assert "in divide" in ended.stderr
    assert "/flowenv/" not in ended.stderr
    assert "pluggy" not in ended.stderr
    assert "Error: The run " in ended.stderr
    assert "of fails failed: ValueError: no good\n" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("Failed after ")


def test_with_json_the_traceback_is_shown_too(project: Project) -> None:
    project.write("flow.py", FAILS)
    ended = project.flowenv("run", "flow.py", "-o", "json")
    assert (ended.returncode, ended.json["state"]) == (1, "Failed")
    assert ended.json["message"] == "ZeroDivisionError: division by zero"
    assert "in divide" in ended.stderr


@pytest.mark.parametrize("environment", ["local", "fake"])
def test_sys_exit_ends_the_flow_not_the_command(fake: Project, environment: str) -> None:
    fake.write("flow.py", FAILS)
    arguments = ["run", "flow.py", "--env", environment, "-o", "json", "-p"]
    failed = fake.flowenv(*arguments, "how=exit")
    assert (failed.returncode, failed.json["state"]) == (1, "Failed")
    assert "sys.exit(5)" in failed.json["message"]
    assert fake.flowenv(*arguments, "how=success").json["state"] == "Completed"


def test_a_platform_that_fails_is_exit_code_3(fake: Project) -> None:
    fake.write("flow.py", FAILS)
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "-s", "fail=submit")
    assert ended.returncode == 3
    assert ended.stderr.endswith("Error: The platform refuses to submit. Ask it nicely.\n")


def test_what_a_submitted_run_shows(fake: Project) -> None:
    fake.write("flow.py", FAILS)
    arguments = ["--env", "fake", "-s", "starting=pulling,creating", "-p", "how=none"]
    ended = fake.flowenv("run", "flow.py", *arguments)
    shown = [line.partition("] ")[2] for line in ended.stderr.splitlines() if "] " in line]
    (run_id,) = (path.parent.name for path in fake.fake.glob("*/about"))
    assert shown == [f"Submitted {run_id}", "Starting: pulling", "Starting: creating", "Running"]
    assert "Running the flow fails" in ended.stdout


def test_a_plugin_that_raises_is_named_with_its_own_frames_only(fake: Project) -> None:
    fake.write("flow.py", FAILS)
    fake.write(
        "odd.py",
        """
        from flowenv import hookimpl

        @hookimpl
        def flowenv_modify_spec(spec):
            spec["no such key"]
        """,
    )
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "--plugin", "odd.py")
    assert ended.returncode == 2
    assert "KeyError: 'no such key'" in ended.stderr
    assert "plugin odd.py raised KeyError in flowenv_modify_spec" in ended.stderr
    assert "pluggy" not in ended.stderr


def test_a_bug_shows_everything_and_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import click

    from flowenv import cli

    def breaks(self: click.Command, ctx: click.Context) -> None:
        raise KeyError("no such key")

    monkeypatch.setattr(click.Group, "invoke", breaks)
    assert cli.run_app(["plugins"]) == 3
    shown = capsys.readouterr().err
    assert "in breaks" in shown
    assert "please report it" in shown.splitlines()[-1]
