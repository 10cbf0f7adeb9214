"""`runs`, `status`, `attach`, `logs`, `cancel`, `sweep`: with backends that can and can't."""

from __future__ import annotations

import pytest

from .project import Project

FLOW = """
    import threading
    from flowenv import flow

    @flow
    def count(to: int = 2, forever: bool = False):
        for number in range(to):
            print("number", number, flush=True)
        if forever:
            threading.Event().wait()
        return to
"""
HERE = ("--env", "fake")
ADA = {"FLOWENV_SUBMITTER": "ada@mill"}


def submit(fake: Project, *arguments: str) -> str:
    fake.write("flow.py", FLOW)
    ended = fake.flowenv("run", "flow.py", *HERE, "--detach", *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["runs"], "can't list its runs. A run is in the process that submits it, and no"),
        (["status", "x"], "can't pick up runs of other processes"),
        (["attach", "x"], "can't pick up runs of other processes"),
        (["logs", "x"], "can't pick up runs of other processes"),
        (["cancel", "x"], "can't pick up runs of other processes"),
        (["delete", "x"], "can't pick up runs of other processes"),
        (["sweep"], "leaves nothing behind to sweep"),
    ],
)
def test_a_backend_that_cant_says_so(project: Project, command: list[str], says: str) -> None:
    ended = project.flowenv(*command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"Error: The backend local {says}")
    assert "--env" in ended.stderr


def test_runs_lists_what_the_platform_knows(fake: Project) -> None:
    assert fake.flowenv("runs", *HERE).stderr == "No runs.\n"
    reference = submit(fake, "--label", "nightly")
    fake.flowenv("attach", reference, *HERE)
    header, row = fake.flowenv("runs", *HERE).stdout.splitlines()
    assert header.split() == ["reference", "flow", "state", "labels"]
    assert row.split() == [reference, "count", "Completed", "nightly"]
    assert fake.flowenv("runs", *HERE, "--label", "other").stderr == "No runs with other.\n"


def test_runs_as_json(fake: Project) -> None:
    reference = submit(fake)
    fake.flowenv("attach", reference, *HERE)
    (found,) = fake.flowenv("runs", *HERE, "-o", "json").json
    assert (found["reference"], found["flow"], found["state"]) == (reference, "count", "Completed")


def test_runs_that_are_asked_for(fake: Project) -> None:
    fake.flowenv("attach", submit(fake), *HERE)
    for arguments, says in (
        (["--state", "failed"], "No such runs."),
        (["--flow", "other*"], "No such runs."),
        (["--since", "2026-01-01T00:00"], "No such runs."),  # the fake platform knows no dates
        (["--state", "done"], "'done' is no state. There are Pending"),
        (["--since", "yesterday"], "'yesterday' is no duration and no date"),
        (["--since", "999999999d"], "'999999999d' is no duration and no date"),
    ):
        assert says in fake.flowenv("runs", *HERE, *arguments).stderr
    assert fake.flowenv("runs", *HERE, "--mine", **ADA).stderr == "No such runs.\n"
    listed = fake.flowenv("runs", *HERE, "--mine", "--state", "COMPLETED", "--flow", "c*")
    assert "Completed" in listed.stdout


def test_a_long_name_makes_no_wide_table(fake: Project) -> None:
    fake.write("long.py", f"from flowenv import flow\n@flow(name={'n' * 250!r})\ndef a(): pass\n")
    assert fake.flowenv("run", "long.py", "--detach", *HERE).returncode == 0
    listed = fake.flowenv("runs", *HERE).stdout
    assert "n" * 59 + "…" in listed
    assert max(map(len, listed.splitlines())) < 200


def test_status_and_cancel(fake: Project) -> None:
    reference = submit(fake, "-p", "forever=yes")
    status = fake.flowenv("status", reference, *HERE, "-o", "json").json
    assert (status["run_id"], status["flow"], status["state"]) == (reference, "count", "Running")
    cancelled = fake.flowenv("cancel", reference, *HERE)
    assert (cancelled.returncode, cancelled.stdout[:9]) == (0, "Cancelled")
    assert fake.flowenv("status", reference, *HERE).stdout[:9] == "Cancelled"
    again = fake.flowenv("cancel", reference, *HERE, "-o", "json")
    assert (again.returncode, again.json["state"]) == (0, "Cancelled")


def test_attach_shows_the_log_and_the_result_and_exits_as_the_run(fake: Project) -> None:
    reference = submit(fake)
    ended = fake.flowenv("attach", reference, *HERE)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-3:] == ["number 0", "number 1", "Result: 2"]
    assert ended.stderr.splitlines()[-1].startswith("Completed")
    assert "Pending" not in ended.stderr
    as_json = fake.flowenv("attach", reference, *HERE, "-o", "json")
    assert as_json.json["result"] == 2


def test_attach_to_a_run_that_is_over_claims_no_times(fake: Project) -> None:
    reference = submit(fake)
    fake.flowenv("attach", reference, *HERE)
    assert fake.flowenv("attach", reference, *HERE).stderr.splitlines()[-1] == "Completed"


def test_logs_prints_the_log(fake: Project) -> None:
    reference = submit(fake)
    followed = fake.flowenv("logs", reference, *HERE, "--follow")
    assert followed.stdout.splitlines()[-2:] == ["number 0", "number 1"]
    assert fake.flowenv("logs", reference, *HERE).stdout == followed.stdout


@pytest.mark.parametrize("command", ["status", "attach", "logs", "cancel", "delete"])
def test_a_run_that_isnt_there(fake: Project, command: str) -> None:
    ended = fake.flowenv(command, "nowhere", *HERE)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == "Error: The platform has no run 'nowhere'.\n"


def test_sweep_lists_and_removes_only_when_told(fake: Project) -> None:
    assert fake.flowenv("sweep", *HERE).stdout == "Nothing older than 1h is left over.\n"
    reference = submit(fake)
    fake.flowenv("attach", reference, *HERE)
    listed = fake.flowenv("sweep", *HERE)
    assert (listed.returncode, listed.stderr) == (0, "Remove them with --yes.\n")
    (one,) = fake.flowenv("sweep", *HERE, "--yes", "-o", "json").json
    assert (one["run_id"], one["removed"]) == (reference, True)


@pytest.mark.parametrize(
    ("typed", "said"), [("0s", ""), ("90m", "older than 90m "), ("48h", "older than 2d ")]
)
def test_sweep_says_how_far_it_has_looked(fake: Project, typed: str, said: str) -> None:
    ended = fake.flowenv("sweep", *HERE, "--older-than", typed)
    assert ended.stdout == f"Nothing {said}is left over.\n"


def test_sweep_exits_with_3_if_something_cant_be_removed(fake: Project) -> None:
    fake.flowenv("attach", submit(fake), *HERE)
    ended = fake.flowenv("sweep", *HERE, "--yes", "-s", "fail=sweep")
    assert ended.returncode == 3
    assert "The platform refuses to sweep. Ask it nicely." in ended.stdout


def submitted_by(fake: Project, *people: str) -> dict[str, str]:
    """Runs that are over, of several people."""
    fake.write("flow.py", FLOW)
    made = {}
    for who in people:
        ended = fake.flowenv(
            "run",
            "flow.py",
            *HERE,
            "--label",
            who[:3] or "who",
            "-o",
            "json",
            FLOWENV_SUBMITTER=who,
        )
        made[who] = ended.json["run_id"]
    return made


def test_a_sweep_says_whose_things_are_and_leaves_others_alone(fake: Project) -> None:
    made = submitted_by(fake, "ada@mill", "bob@mill")
    listed = fake.flowenv("sweep", *HERE, **ADA)
    assert made["ada@mill"] in listed.stdout
    assert "ada@mill" in listed.stdout
    assert made["bob@mill"] not in listed.stdout
    assert "Left alone: 1 thing of bob@mill. --everyone takes them too." in listed.stderr
    fake.flowenv("sweep", *HERE, "--yes", **ADA)
    (left,) = fake.flowenv("runs", *HERE, "-o", "json").json
    assert left["run_id"] == made["bob@mill"]


def test_what_says_nothing_of_whose_it_is_the_journal_knows(fake: Project) -> None:
    made = submitted_by(fake, "bob@mill")
    about = fake.fake / made["bob@mill"] / "about"
    about.write_text(about.read_text().replace('"bob@mill"', "null"))
    listed = fake.flowenv("sweep", *HERE, **ADA)
    assert "Left alone: 1 thing of bob@mill" in listed.stderr


def test_a_backend_that_can_only_remove_all_removes_nothing_of_others(fake: Project) -> None:
    submitted_by(fake, "ada@mill", "bob@mill")
    ended = fake.flowenv("sweep", *HERE, "--yes", "-s", "fail=all", **ADA)
    assert ended.returncode == 2
    assert "can only remove all that is left" in ended.stderr
    swept = fake.flowenv(
        "sweep", *HERE, "--yes", "--everyone", "-s", "fail=all", "-o", "json", **ADA
    )
    assert all(one["removed"] for one in swept.json)


def test_a_run_that_is_over_can_be_deleted(fake: Project) -> None:
    reference = submit(fake)
    fake.flowenv("attach", reference, *HERE)
    ended = fake.flowenv("delete", reference, *HERE)
    assert ended.returncode == 0
    assert ended.stderr == f"Deleted {reference}: it was Completed.\n"
    assert fake.flowenv("runs", *HERE).stderr == "No runs.\n"
    assert fake.flowenv("result", reference, *HERE).stdout == "Result: 2\n"
    assert fake.flowenv("delete", reference, *HERE).returncode == 3


def test_what_nobody_has_asked_for_is_known_after_a_deletion_too(fake: Project) -> None:
    reference = submit(fake)
    fake.flowenv("logs", reference, *HERE, "--follow")
    fake.flowenv("delete", reference, *HERE)
    assert fake.flowenv("result", reference, *HERE).stdout == "Result: 2\n"


def test_of_several_runs_each_is_deleted_once_and_one_that_goes_on_stops_no_other(
    fake: Project,
) -> None:
    first, last = submit(fake), submit(fake)
    going_on = submit(fake, "-p", "forever=yes")
    ended = fake.flowenv("delete", first, first, going_on, "nobody", last, *HERE)
    assert ended.returncode == 2
    assert ended.stderr.count("Deleted ") == 2
    assert f"Deleted {last}: it was Completed." in ended.stderr
    assert ended.stderr.count("Error: ") == 2
    assert "only one that is over can be deleted" in ended.stderr


def test_a_run_that_goes_on_isnt_deleted(fake: Project) -> None:
    reference = submit(fake, "-p", "forever=yes")
    ended = fake.flowenv("delete", reference, *HERE)
    assert ended.returncode == 2
    assert "and only one that is over can be deleted. Cancel it first." in ended.stderr
    assert fake.flowenv("status", reference, *HERE).stdout.startswith("Running")


@pytest.mark.parametrize("typed", ["soon", "-1h", "1w", "", "5", "0"])
def test_a_duration_that_is_none(project: Project, typed: str) -> None:
    ended = project.flowenv("sweep", "--older-than", typed)
    assert ended.returncode == 2
    assert "is no duration; give 90s, 30m, 12h or 7d" in ended.stderr
