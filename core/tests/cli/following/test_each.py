"""`flowenv run --each`: a run for each row of a file."""

from __future__ import annotations

import json
import signal

import pytest

from ..project import Project, eventually

FLOW = """
    import datetime
    from flowenv import flow

    @flow
    def report(day: datetime.date, size: int = 1, fails: bool = False, token_age: int = 0):
        if fails:
            raise ValueError("no data")
        return f"{day:%A} {size}"
"""


HERE = """
    import dataclasses
    from flowenv import Environment, hookimpl
    from flowenv.environments.common_environment import CommonEnvironment
    from flowenv.execution.in_process import execute_here

    @dataclasses.dataclass(repr=False)
    class Here(CommonEnvironment):
        backend = "here"

    @hookimpl
    def flowenv_environment_type():
        return Here

    @hookimpl
    def flowenv_build_spec():
        return {}

    @hookimpl
    def flowenv_execute(flow_run):
        return execute_here(flow_run)
"""


@pytest.fixture
def days(project: Project) -> Project:
    project.install_fake()
    project.write("report.py", FLOW)
    project.write("days.csv", "day,size\n2024-02-29,3\n2024-03-01,\n")
    return project


def run(project: Project, file: str, *options: str):
    return project.flowenv("run", "report.py", "--env", "fake", "--each", file, *options)


def test_a_batch_that_is_left_prints_its_references_and_is_picked_up_by_the_same_command(days):
    left = run(days, "days.csv", "--batch", "leap", "--detach")
    assert left.returncode == 0, left.stderr
    assert left.stderr.splitlines()[-1] == "flowenv runs --batch leap --env fake"
    assert set(left.stdout.split()) == {path.name for path in days.fake.iterdir() if path.is_dir()}
    done = run(days, "days.csv", "--batch", "leap")
    assert done.returncode == 0
    assert done.stdout.count("Result: ") == 2
    again = run(days, "days.csv", "--batch", "leap", "--detach", "-o", "json")
    assert [one["reference"] for one in lines_of(again)] == left.stdout.split()
    here = days.flowenv("run", "report.py", "--env", "local", "--each", "days.csv", "--detach")
    assert (here.returncode, here.stdout) == (2, "")
    assert "The backend local can't be left: nobody could pick the runs up again." in here.stderr


def test_each_row_is_a_run_with_values_as_annotations_read_them(days):
    done = run(days, "days.csv", "--batch", "leap")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "   1  Completed  day=2024-02-29 size=3  Result: 'Thursday 3'",
        "   2  Completed  day=2024-03-01  Result: 'Friday 1'",
    ]
    assert done.stderr.splitlines() == ["Batch leap: 2 runs.", "2 Completed"]


def test_the_same_command_again_submits_only_what_is_missing(days):
    assert run(days, "days.csv", "--batch", "leap").returncode == 0
    days.write("days.csv", "day,size\n2024-02-29,3\n2024-03-01,\n2024-03-02,\n")
    done = run(days, "days.csv", "--batch", "leap", "-o", "json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["row"], one["earlier"]) for one in lines] == [(1, True), (2, True), (3, False)]
    assert [one["result"] for one in lines] == ["Thursday 3", "Friday 1", "Saturday 1"]
    assert all(one["files"] is None and one["run_id"] for one in lines)
    assert done.stderr.startswith("Batch leap: 3 runs, 2 of them found from before.")
    assert len([path for path in days.fake.iterdir() if path.is_dir()]) == 3


def test_without_a_name_the_same_rows_are_the_same_batch(days):
    first, second = run(days, "days.csv"), run(days, "days.csv")
    assert first.returncode == second.returncode == 0
    assert second.stdout.count("(before)") == 2
    assert "day=2024-03-01  (before)  Result: 'Friday 1'" in second.stdout
    assert run(days, "days.csv", "--again").stdout.count("(before)") == 0


def test_what_failed_is_run_again_if_that_is_asked_for(days):
    days.write("mixed.jsonl", '{"day": "2024-02-29"}\n\n{"day": "2024-03-01", "fails": true}\n')
    done = run(days, "mixed.jsonl")
    assert done.returncode == 1
    assert "Failed: ValueError: no data" in done.stdout
    *_, counts, hint = done.stderr.splitlines()
    assert counts == "1 Completed, 1 Failed"
    assert (
        hint == "With --only-failed the same command runs that one once more that didn't complete."
    )
    repeated = run(days, "mixed.jsonl").stdout
    assert repeated.count("(before)") == 2
    assert done.stdout.split()[-1] == repeated.split()[-1]  # the reference of the one that failed
    again = run(days, "mixed.jsonl", "--only-failed")
    assert (again.returncode, again.stdout.count("(before)")) == (1, 1)
    days.write("one.csv", "day\n2024-02-29\n")
    assert run(days, "one.csv").stderr.splitlines()[0].endswith(": 1 run.")


def test_in_this_process_a_failure_has_its_traceback(days):
    days.install("here", HERE)
    days.write("one.jsonl", '{"day": "2024-03-01", "fails": true}\n')
    done = days.flowenv("run", "report.py", "--env", "here", "--each", "one.jsonl")
    assert done.returncode == 1
    assert done.stdout.startswith("   1  Failed: ValueError: no data")
    assert 'raise ValueError("no data")' in done.stderr


def test_of_what_has_not_run_nothing_has_failed(days):
    done = run(days, "days.csv", "--only-failed", "--batch", "typo")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no run of the batch typo. It has no batch of the flow report." in done.stderr
    assert run(days, "days.csv", "--batch", "leap").returncode == 0
    unnamed = run(days, "days.csv", "--only-failed")
    assert "Of the flow report it has the batches leap: name the one" in unnamed.stderr
    days.write("later.csv", "day\n2025-01-01\n")
    others = run(days, "later.csv", "--only-failed", "--batch", "leap")
    assert (others.returncode, others.stdout) == (0, "")
    assert others.stderr.startswith("Batch leap: 0 runs.")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "day\nx\n", "a.csv, line 2, column day: 'x': expected an ISO date"),
        ("a.csv", f"day\n\x1b[2J{'x' * 90}\n", f"day: '\\x1b[2J{'x' * 51}…: expected an ISO date"),
        ("a.csv", "day,token_age\n2024-01-01,hunter2\n", "column token_age: ***: expected an int"),
        ("a.csv", "dya\n2024-01-01\n", "a.csv, line 2: The flow report has no parameter 'dya'."),
        ("a.csv", "day,size\n2024-01-01\n", "a.csv, line 2: 1 cells, but 2 columns."),
        ("a.csv", "day,day\n", "a.csv, line 1: the column day is there twice."),
        ("a.csv", "day,\n", "a.csv, line 1: the column '' can't be a parameter's name."),
        ("a.csv", "day;size\n", "names the flow's parameters. Columns are separated by commas."),
        ("a.csv", "day\n", "a.csv has no rows."),
        ("a.csv", "", "a.csv has no rows."),
        ("a.csv", "size\n3\n", "a.csv, line 2: The flow report needs the parameter day."),
        ("a.jsonl", "{}\n[", "a.jsonl, line 1: The flow report needs the parameter day."),
        ("a.jsonl", '{"day": "2024-01-01"}\n{"day": 5}', "a.jsonl, line 2, column day: It is a"),
        ("a.jsonl", '{"day": 5}', "column day: It is a date, not int."),
        ("a.jsonl", "[1]", "a.jsonl, line 1: list, not parameters by name."),
        ("a.jsonl", '{}\n{"day": \n', "a.jsonl, line 2, character 8: no JSON: Expecting value."),
        ("a.txt", "day\n", "a.txt has rows in no format that is known."),
        ("a.parquet", "day\n", "a.parquet "),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_submitted(days, name, text, said):
    days.write(name, text)
    done = run(days, name)
    assert done.returncode == 2
    assert said in done.stderr
    assert not [path for path in days.fake.iterdir() if path.is_dir()]


def test_a_parquet_file_has_rows_too(days):
    parquet = pytest.importorskip("pyarrow.parquet")
    import datetime

    import pyarrow

    table = pyarrow.table({"day": [datetime.date(2024, 2, 29)], "size": [2]})
    parquet.write_table(table, days.folder / "days.parquet")
    assert "Result: 'Thursday 2'" in run(days, "days.parquet").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--at-once", "2"], "--at-once goes with --each FILE."),
        (["--only-failed"], "--only-failed goes with --each FILE."),
        (["--each", "days.csv", "--rehearse"], "--each doesn't go with --rehearse."),
        (
            ["--each", "days.csv", "--detach", "--at-once", "2"],
            "--at-once doesn't go with --detach: nobody would be there to submit the runs",
        ),
        (["--each", "days.csv", "--again", "--only-failed"], "--again and --only-failed exclude"),
        (["--each", "days.csv", "-p", "size=3"], "line 2: the parameter size is given with -p"),
        (["--each", "days.csv", "--batch", ""], "A batch can't be called ''."),
        (["--each", "days.csv", "--batch", "a b"], "A batch can't be called 'a b'."),
        (["--each", "none.csv"], "'none.csv' does not exist"),
        (["--each", "days.csv", "--each", "days.csv"], "--each is given twice."),
        (["--each", "days.csv", "-e", "local"], "--env is given twice."),
    ],
)
def test_options_that_do_not_go_together_are_refused(days, options, said):
    done = days.flowenv("run", "report.py", "--env", "fake", *options)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_batch_is_listed_and_cancelled_by_its_name(days):
    days.write(
        "long.py",
        """
        import threading
        from flowenv import flow

        @flow
        def long(n: int):
            threading.Event().wait(600)
        """,
    )
    days.write("numbers.csv", "n\n1\n2\n3\n4\n")
    command = ("run", "long.py", "--env", "fake", "--each", "numbers.csv", "--batch", "long")
    command = (*command, "--at-once", "2")
    with days.start(*command) as running:
        listed = ("runs", "--env", "fake", "--batch", "long")
        eventually(lambda: days.flowenv(*listed).stdout.count("Running") == 2, "two running runs")
        done = days.flowenv("cancel", "--env", "fake", "--batch", "long")
        assert done.returncode == 0
        assert done.stdout.count("Cancelled") == 2
        assert "A process that still submits the batch stops when it sees that." in done.stderr
        ended = running.wait()
    assert ended.returncode == 3
    assert ended.stdout.count("Cancelled") == 4
    assert "--only-failed" not in ended.stderr
    assert ended.stdout.count("It was never submitted, as row 1 was cancelled.") == 2
    assert "so 2 runs that waited aren't submitted." in ended.stderr
    assert len([path for path in days.fake.iterdir() if path.is_dir()]) == 2
    swept = days.flowenv("sweep", "--env", "fake", "--batch", "other", "--older-than", "0s")
    assert swept.stdout == "Nothing is left over of runs with batch=other.\n"
    over = days.flowenv("cancel", "--env", "fake", "--batch", "long")
    assert over.returncode == 0
    assert over.stderr.startswith("No run of the batch goes on. A process that still submits it")
    none = days.flowenv("cancel", "--env", "fake", "--batch", "lnog")
    assert none.returncode == 3
    assert "The platform has no run of the batch lnog." in none.stderr
    assert days.flowenv("cancel", "--env", "fake").returncode == 2


def test_who_can_no_longer_follow_says_what_goes_on_and_how_to_get_back(days):
    (days.fake / "blind").touch()
    done = run(days, "days.csv", "--batch", "leap", "--at-once", "1")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[-1] == (
        "Error: Not allowed to look. Ask for the right. 1 of 2 runs goes on, 1 isn't submitted. "
        "The same command picks the batch up; to stop it: flowenv cancel --batch leap --env fake"
    )
    (days.fake / "blind").unlink()
    assert run(days, "days.csv", "--batch", "leap").returncode == 0


def test_an_interrupt_cancels_what_goes_on_and_a_killed_submitter_leaves_it(days):
    days.write(
        "held.py",
        """
        import threading
        from flowenv import flow

        @flow
        def held(n: int):
            threading.Event().wait(600)
        """,
    )
    days.write("numbers.csv", "n\n1\n2\n3\n")
    command = ("run", "held.py", "--env", "fake", "--each", "numbers.csv")

    def running_now() -> int:
        return days.flowenv("runs", "--env", "fake").stdout.count("Running")

    with days.start(*command, "--at-once", "2") as first:
        eventually(lambda: running_now() == 2, "two running runs")
        first.process.send_signal(signal.SIGKILL)
        first.wait()
    assert running_now() == 2
    with days.start(*command, "-o", "json", "--at-once", "2") as second:
        eventually(lambda: any("2 of them" in line for line in second.stderr), "the runs are found")
        second.process.send_signal(signal.SIGINT)
        ended = second.wait()
    assert ended.returncode == 130
    assert "Cancelling 2 runs; 1 not started. Ctrl-C again leaves them." in ended.stderr
    assert "3 Cancelled" in ended.stderr
    assert running_now() == 0
    told = sorted((one["row"], one["state"], one["earlier"]) for one in lines_of(ended))
    assert told == [(1, "Cancelled", True), (2, "Cancelled", True), (3, "Cancelled", False)]


@pytest.mark.parametrize(("at_once", "begun"), [("1", 1), ("2", 2)])
def test_an_interrupt_of_a_batch_here_cancels_all_of_it(project, at_once, begun):
    project.write(
        "held.py",
        """
        from pathlib import Path
        import threading
        from flowenv import flow

        @flow
        def held(n: int, folder: str):
            Path(folder, f"begun-{n}").touch()
            threading.Event().wait(600)
        """,
    )
    folder = project.folder
    project.write(
        "n.jsonl", "\n".join(json.dumps({"n": n, "folder": str(folder)}) for n in range(4))
    )
    command = ("run", "held.py", "--each", "n.jsonl", "--at-once", at_once, "-o", "json")
    with project.start(*command) as running:
        eventually(lambda: len(list(folder.glob("begun-*"))) == begun, "flows that have begun")
        running.interrupt()
        ended = running.wait()
    assert ended.returncode == 130
    assert "\n4 Cancelled\n" in ended.stderr
    assert ("Cancelling 2 runs; 2 not started." in ended.stderr) == (at_once == "2")
    assert [(one["row"], one["state"]) for one in lines_of(ended)] == [
        (number, "Cancelled") for number in range(1, 5)
    ]


def lines_of(ended):
    return [json.loads(line) for line in ended.stdout.splitlines()]
