"""`flowenv report` and `--report`: pages on runs, of this process and of others."""

from __future__ import annotations

import pytest

import flowenv
from flowenv.errors import FlowenvError
from flowenv.plugin import CommonEnvironment, FinishedHandle, Marks, Outcome

from .project import Project

pytest.importorskip("jinja2")


@pytest.fixture
def square(project: Project) -> Project:
    project.install_fake()
    project.write(
        "square.py",
        """
        from flowenv import flow

        @flow
        def square(n: int):
            print("working on", n)
            return n * n
        """,
    )
    project.write("n.csv", "n\n2\n3\n")
    return project


def test_a_run_that_is_over_is_written_down_with_its_log_spec_and_variables(square):
    done = square.flowenv("run", "square.py", "--env", "fake", "-p", "n=7", "--report", "run.html")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("The report is in run.html.\n")
    page = (square.folder / "run.html").read_text()
    for said in ("working on 7", ">49</pre>", "Variables of", "<summary>Spec</summary>"):
        assert said in page


def test_runs_of_others_are_written_down_by_reference_and_by_batch(square):
    command = ("run", "square.py", "--env", "fake", "--each", "n.csv", "--batch", "few")
    assert square.flowenv(*command, "--report", "first.html").returncode == 0
    done = square.flowenv("report", "--batch", "few", "--env", "fake", "-o", "few.html")
    assert done.returncode == 0, done.stderr
    for name in ("first.html", "few.html"):
        page = (square.folder / name).read_text()
        assert "<title>few: " in page
        assert "2 Completed" in page
        assert "working on 2" in page
        assert "working on 3" in page
    (one, _) = [path.name for path in square.fake.iterdir() if path.is_dir()]
    done = square.flowenv("report", one, "--env", "fake", "-o", "one.html")
    assert "<title>square: Completed</title>" in (square.folder / "one.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("report", "-o", "x.html"), 2, "Give REFERENCEs, or --batch NAME."),
        (("report", "nobody", "-o", "x.html", "--env", "fake"), 3, "has no run 'nobody'"),
        (("report", "--batch", "no", "-o", "x.html", "--env", "fake"), 3, "has no run of the ba"),
        (("run", "square.py", "-p", "n=1", "--report", "no/x.html"), 2, "is no folder in which"),
        (("run", "square.py", "-p", "n=1", "--report", "square.py/x.html"), 2, "is no folder in"),
        (("report", "nobody", "-o", "square.py/x.html", "--env", "fake"), 2, "is no folder in wh"),
        (
            ("run", "square.py", "-p", "n=1", "--rehearse", "--report", "x.html"),
            2,
            "--report goes with neither --detach nor --rehearse.",
        ),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_runs(square, arguments, code, said):
    done = square.flowenv(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


@pytest.mark.parametrize("rows", [("-p", "n=3"), ("--each", "n.csv")])
def test_a_page_that_cannot_be_written_in_the_end_is_a_failure_though_the_runs_are_none(
    square, rows
):
    done = square.flowenv("run", "square.py", *rows, "--env", "fake", "--report", "/dev/full")
    assert done.returncode == 3
    assert "9" in done.stdout
    assert "Error: there is no report: The report can't be written to /dev/full" in done.stderr


def test_a_page_goes_through_a_link_to_a_pipe_and_to_the_standard_output(square) -> None:
    ran = square.flowenv("run", "square.py", "-p", "n=3", "--env", "fake", "-o", "json")
    reference, link = ran.json["reference"], square.folder / "link.html"
    link.symlink_to("real.html")

    square.flowenv("report", reference, "--env", "fake", "-o", "link.html")
    piped = square.flowenv("report", reference, "--env", "fake", "-o", "/dev/stdout")
    printed = square.flowenv("report", reference, "--env", "fake", "-o", "-")

    assert link.is_symlink()
    assert link.read_text().startswith("<!DOCTYPE html>")
    assert piped.stdout.startswith("<!DOCTYPE html>")
    assert (printed.returncode, printed.stderr) == (0, "")
    assert printed.stdout.startswith("<!DOCTYPE html>")


def test_what_is_no_run_has_no_page() -> None:
    with pytest.raises(FlowenvError, match=r"'run-1' is no run\. .*flowenv\.attach"):
        flowenv.report("run-1")  # type: ignore[arg-type]


def run_of_others(**marks: object) -> flowenv.FlowRun:
    """A run that is over, as what stands on its object says."""
    handle = FinishedHandle(Outcome("6f1c", flowenv.State.COMPLETED))
    read = Marks.from_json({"run_id": "6f1c", "flow": "train", **marks})
    return read.attached(CommonEnvironment(), handle)


@pytest.mark.parametrize(
    "marks",
    [
        {"flow": "\ud800"},
        {"labels": ["\ud800"]},
        {"submitter": "\ud800"},
        {"parameters": {"\ud800": "\ud800"}},
        {"created": "0001-01-01T00:00:00+14:00"},
        {"created": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_what_others_wrote_on_their_runs_does_not_break_the_page(tmp_path, marks) -> None:
    runs = [run_of_others(**marks), run_of_others()]
    for chosen in (runs, runs[0]):
        flowenv.report(chosen, tmp_path / "page.html")
        assert "Completed" in (tmp_path / "page.html").read_text()


def test_of_very_many_parameters_the_table_has_the_first() -> None:
    runs = [run_of_others(parameters={f"p{n}-{i}": "1" for i in range(20)}) for n in range(3)]
    page = flowenv.report(runs)
    assert page.count('data-name="p') == 50
    assert "The table leaves out 10 more parameters." in page


class Wordless:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


class Numbered:
    def __repr__(self) -> str:
        return 3  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Wordless(), "&lt;Wordless: its repr() raises RuntimeError&gt;"),
        ([Numbered()], "&lt;list: its repr() raises TypeError&gt;"),
        (10**6000, "&lt;int: its repr() raises ValueError&gt;"),
    ],
    ids=["raises", "is no text", "is too long"],
)
def test_a_result_that_python_cannot_write_does_not_end_the_page(value, said) -> None:
    assert said in flowenv.report(flowenv.submit(lambda: value))
