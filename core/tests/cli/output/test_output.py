"""Where the output goes may be full, closed, or know few letters."""

from __future__ import annotations

import errno
import json
import os
from concurrent.futures import Future

import pytest

from flowenv.cli import run_app

from ..project import Project

FLOW = """
    from flowenv import flow

    @flow
    def letters():
        return "\\N{RIGHTWARDS ARROW} \\N{GRINNING FACE}"
"""
RESULT = "\N{RIGHTWARDS ARROW} \N{GRINNING FACE}"


@pytest.fixture
def project_with_flow(project: Project) -> Project:
    project.write("flow.py", FLOW)
    return project


@pytest.mark.parametrize("command", ["hooks", "run flow.py", "run flow.py -o json"])
def test_a_full_disk_is_no_bug(project_with_flow: Project, command: str) -> None:
    said = project_with_flow.shell("bash", f"flowenv {command} 2>&1 >/dev/full; echo $?")
    *_, error, code = said.splitlines()
    assert error == "Error: The output can't be written: No space left on device."
    assert code == "3"
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["hooks", "run flow.py", "run flow.py -o json"])
def test_an_output_that_is_closed_is_not_missed(project_with_flow: Project, command: str) -> None:
    said = project_with_flow.shell("bash", f"exec 3>&1; flowenv {command} 2>&3 >&-; echo $? >&3")
    assert said.splitlines()[-1] == "0"
    assert "Error" not in said


def lines(project: Project) -> None:
    project.write(
        "lines.py",
        """
        from pathlib import Path
        from flowenv import flow

        @flow
        def lines(folder: str):
            for number in range(5):
                print("line", number, flush=True)
            Path(folder, "over").touch()
        """,
    )


RUN_LINES = "flowenv run lines.py --env fake -p folder=$PWD"


def test_a_log_that_can_not_be_written_is_said_and_the_run_goes_on(fake: Project) -> None:
    lines(fake)
    said = fake.shell("bash", f"{RUN_LINES} 2>&1 >/dev/full; echo $?")
    assert "Traceback" not in said
    assert "The log can't be written: No space left on device. The run goes on." in said
    assert "Completed after" in said
    assert said.splitlines()[-1] == "3"
    assert (fake.folder / "over").exists()


@pytest.mark.parametrize("where", ["2>&1 | head -1", "| head -1", "2>/dev/full | head -1"])
def test_a_run_goes_on_when_nobody_reads_of_it(fake: Project, where: str) -> None:
    lines(fake)
    script = f"set -o pipefail; {RUN_LINES} {where} >first; echo $?"
    assert fake.shell("bash", script).splitlines()[-1] == "0"
    assert (fake.folder / "over").exists()
    assert (fake.folder / "first").read_text().count("\n") == 1


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize(("where", "code"), [(">&3", "0"), (">/dev/full", "3")])
def test_a_batch_goes_on_when_nobody_can_have_its_lines(
    project: Project, output: str, where: str, code: str
) -> None:
    project.write(
        "quiet.py",
        """
        from pathlib import Path
        from flowenv import flow

        @flow
        def quiet(number: int):
            Path(f"over-{number}").touch()
        """,
    )
    project.write("n.csv", "number\n1\n2\n3\n")
    gone = "exec 3> >(true); wait $!"
    command = f"flowenv run quiet.py --each n.csv -o {output}"
    said = project.shell("bash", f"{gone}; {command} {where} 2>said; echo $?; cat said")
    lost = ["The output can't be written: No space left on device. The runs go on."] * (code == "3")
    assert said.splitlines()[0] == code
    assert said.splitlines()[2:] == [*lost, "3 Completed"]
    assert len(list(project.folder.glob("over-*"))) == 3


def test_letters_that_the_output_lacks_are_escaped(project_with_flow: Project) -> None:
    ended = project_with_flow.flowenv_anew("run", "flow.py", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"Result: {RESULT!a}\n"


def test_json_is_json_whatever_letters_the_output_has(project_with_flow: Project) -> None:
    given = {"PYTHONIOENCODING": "ascii"}
    ended = project_with_flow.flowenv_anew("run", "flow.py", "-o", "json", **given)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["result"] == RESULT


def refuse(*_: object, **__: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "flowenv.toml")


def test_a_file_that_may_not_be_looked_at_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("flowenv.settings.configuration._find", refuse)
    assert run_app(["runs"]) == 2
    assert capsys.readouterr().err == "Error: flowenv.toml: Permission denied.\n"


def test_a_target_that_may_not_be_read_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused: Future[None] = Future()  # its frames are the standard library's, not a user's
    refused.set_exception(PermissionError(errno.EACCES, os.strerror(errno.EACCES), "flow.py"))
    monkeypatch.setattr("flowenv.flows.finding.find_flow", refused.result)
    assert run_app(["run", "flow.py"]) == 2
    assert capsys.readouterr().err == "Error: flow.py can't be read: Permission denied.\n"
