"""`flowenv files`, and what the other commands say of files that a run left."""

from __future__ import annotations

import pytest

from flowenv.cli.commands.files import _folder_of
from flowenv.errors import PlatformError

from .project import Project

FLOW = """
    from flowenv import flow, output_dir

    @flow
    def leave(size: int = 3):
        (output_dir() / "plots").mkdir()
        (output_dir() / "plots" / "loss.txt").write_text("x" * size)
        (output_dir() / "noise.bin").write_bytes(__import__("random").randbytes(size))
        return size
"""
HERE = ("--env", "fake")


def test_files_are_listed_and_written_and_nothing_is_replaced(fake: Project) -> None:
    fake.write("flow.py", FLOW)
    ran = fake.flowenv("run", "flow.py", *HERE)
    [line] = [line for line in ran.stderr.splitlines() if line.startswith("It left files.")]
    reference = line.split()[-4 - len(HERE) + 1]
    assert line.endswith(f"flowenv files {reference} --env fake -d FOLDER")
    assert ran.returncode == 0

    listed = fake.flowenv("files", reference, *HERE)
    assert [one.split() for one in listed.stdout.splitlines()[1:]] == [
        ["noise.bin", "3"],
        ["plots/loss.txt", "3"],
    ]
    for _ in range(2):
        written = fake.flowenv("files", reference, *HERE, "-d", "got")
        assert written.stdout == "got/noise.bin\ngot/plots/loss.txt\n"
    assert (fake.folder / "got/plots/loss.txt").read_text() == "xxx"
    assert fake.flowenv("files", reference, *HERE, "-o", "json").json[1] == {
        "name": "plots/loss.txt",
        "bytes": 3,
        "path": None,
    }
    (fake.folder / "got/plots/loss.txt").write_text("mine")
    refused = fake.flowenv("files", reference, *HERE, "-d", "got")
    assert refused.returncode == 2
    assert "got/plots/loss.txt is there already, with another content" in refused.stderr
    nowhere = fake.flowenv("files", reference, *HERE, "-d", "flow.py/got")
    assert nowhere.returncode == 2
    assert nowhere.stderr == "Error: Files can't be written to flow.py/got: Not a directory.\n"


def check_that_links_lead_nowhere(fake: Project, runs: list[str]) -> None:
    """A link of a run's name isn't followed; from another machine all runs are anybody's."""
    (fake.folder / "mine").mkdir()
    for run in runs:
        (fake.folder / run).symlink_to("mine")
    elsewhere = {"XDG_STATE_HOME": str(fake.folder / "another")}
    got = fake.flowenv("files", "--batch", "few", *HERE, "-d", ".", **elsewhere)
    assert (got.returncode, got.stdout) == (2, "")
    assert "2 of the runs that were found weren't submitted from here" in got.stderr
    assert all(f"{run} is no folder" in got.stderr for run in runs)
    assert list((fake.folder / "mine").iterdir()) == []


def test_a_folder_of_a_run_is_none_that_is_there() -> None:
    run_id = "6f1c0000-0000-4000-8000-000000000000"
    assert _folder_of("jobs/tests", run_id) == f"tests-{run_id}"
    assert _folder_of(r"jobs/..\a b", run_id) == f"_a_b-{run_id}"
    assert _folder_of(f"jobs/{run_id}", run_id) == run_id
    for forged in ("tests", "", "6f1c0000-0000-4000-8000-00000000000Z"):
        with pytest.raises(PlatformError, match="is no id of a run"):
            _folder_of("jobs/my", forged)


def test_the_files_of_a_batch_are_fetched_together_and_its_runs_deleted(fake: Project) -> None:
    fake.write("flow.py", FLOW)
    fake.write("sizes.csv", "size\n3\n5\n")
    left = fake.flowenv("run", "flow.py", *HERE, "--each", "sizes.csv", "--batch", "few")
    assert left.returncode == 0, left.stderr
    runs = sorted(path.name for path in fake.fake.iterdir() if path.is_dir())

    listed = fake.flowenv("files", "--batch", "few", *HERE, "-o", "json")
    assert sorted({one["reference"] for one in listed.json}) == runs
    assert sorted(one["bytes"] for one in listed.json) == [3, 3, 5, 5]
    written = fake.flowenv("files", "--batch", "few", *HERE, "-d", "got")
    assert sorted(written.stdout.split()) == [
        f"got/{run}/{name}" for run in runs for name in ("noise.bin", "plots/loss.txt")
    ]
    assert written.stderr == ""
    check_that_links_lead_nowhere(fake, runs)
    assert fake.flowenv("files", *HERE).returncode == 2

    deleted = fake.flowenv("delete", "--batch", "few", *HERE)
    assert deleted.returncode == 0
    assert deleted.stderr.count("it was Completed.") == 2
    none = fake.flowenv("delete", "--batch", "few", *HERE)
    assert (none.returncode, none.stdout) == (3, "")
    assert "The platform has no run of the batch few." in none.stderr
    assert fake.flowenv("delete", "few", "--batch", "few", *HERE).returncode == 2


def test_a_configuration_is_left_out_and_the_others_are_written(fake: Project) -> None:
    fake.write(
        "flow.py",
        """
        from flowenv import flow, output_dir

        @flow
        def leave():
            (output_dir() / "flowenv.toml").write_text("plugins = []")
            (output_dir() / "notes.txt").write_text("x")
        """,
    )
    reference = fake.flowenv("run", "flow.py", *HERE, "-o", "json").json["reference"]
    written = fake.flowenv("files", reference, *HERE, "-d", "got")
    assert (written.stdout, written.returncode) == ("got/notes.txt\n", 4)
    assert written.stderr == (
        "Not written: flowenv.toml. flowenv would take it for a configuration, which can name code "
        "to run.\n"
    )
    assert [path.name for path in (fake.folder / "got").iterdir()] == ["notes.txt"]
    described = fake.flowenv("files", reference, *HERE, "-d", "got", "-o", "json")
    assert [one["path"] for one in described.json] == [None, "got/notes.txt"]
    assert fake.flowenv("files", reference, *HERE).returncode == 0


def test_files_that_stay_behind_are_an_exit_code_and_a_reason(fake: Project) -> None:
    fake.write("flow.py", FLOW)
    ran = fake.flowenv("run", "flow.py", *HERE, "-p", "size=1100000", "-o", "json")
    assert (ran.returncode, ran.json["result"]) == (4, 1100000)
    assert ran.json["files"]["where"] is None
    assert "1,048,576 at most" in ran.json["files"]["problem"]
    again = fake.flowenv("files", ran.json["reference"], *HERE)
    assert again.returncode == 4
    assert "stayed behind" in again.stderr
    assert "Set results_url" in again.stderr


def test_a_run_in_this_process_leaves_a_folder(fake: Project) -> None:
    fake.write("flow.py", FLOW)
    ran = fake.flowenv("run", "flow.py", "--env", "local")
    [line] = [line for line in ran.stderr.splitlines() if line.startswith("Files: ")]
    [folder] = (fake.folder / "flowenv-output").iterdir()
    assert line == f"Files: {folder}"
    assert (folder / "plots/loss.txt").read_text() == "xxx"


def test_a_rehearsal_says_which_files_would_come_back(fake: Project) -> None:
    fake.write("flow.py", FLOW)
    ran = fake.flowenv("run", "flow.py", *HERE, "--rehearse")
    assert "Files that would come back: noise.bin, plots/loss.txt" in ran.stderr
    assert ran.returncode == 0


def test_a_result_is_written_to_a_file_in_the_form_that_its_name_says(fake: Project) -> None:
    fake.write(
        "flow.py",
        """
        from flowenv import flow

        @flow
        def draw(fail: bool = False) -> bytes:
            if fail:
                raise ValueError("no ink")
            return b"\\x89PNG" + bytes(300)
        """,
    )
    reference = fake.flowenv("run", "flow.py", *HERE, "-o", "json").json["reference"]
    saved = fake.flowenv("result", reference, *HERE, "--save", "loss.png")
    assert (saved.stdout, saved.returncode) == ("", 0)
    assert "The result is in loss.png (304 bytes)." in saved.stderr
    assert (fake.folder / "loss.png").read_bytes() == b"\x89PNG" + bytes(300)
    piped = f"flowenv result {reference} --env fake --save - 2>/dev/null | wc -c"
    assert fake.shell("bash", piped).strip() == "304"
    guessed = fake.flowenv("result", reference, *HERE, "-o", "loss.png")
    assert guessed.returncode == 2
    assert "Did you mean --save loss.png?" in guessed.stderr
    nowhere = fake.flowenv("result", reference, *HERE, "--save", "none/loss.png")
    assert (nowhere.returncode, "is no folder" in nowhere.stderr) == (2, True)

    failed = fake.flowenv("run", "flow.py", *HERE, "-p", "fail=true", "-o", "json").json
    refused = fake.flowenv("result", failed["reference"], *HERE, "--save", "other.png")
    assert (refused.returncode, "no ink" in refused.stderr) == (1, True)
    assert not (fake.folder / "other.png").exists()
