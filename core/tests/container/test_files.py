"""What a flow leaves in its output folder comes back; what can't is said."""

from __future__ import annotations

import pytest

from flowenv import Capabilities, State, contract
from flowenv.flows.finding import find_flow
from flowenv.results.lines import LARGEST, content_in
from flowenv.runs.files_of_run import files_of_run
from flowenv.submission.lifecycle import prepare

from ..containers import Container
from ..flow_files import write
from ..plugging import ToyEnvironment

FLOWS = """
    import os, random, socket
    from pathlib import Path
    import flowenv
    from flowenv import flow

    @flow
    def leave(files, fails=False):
        for name, size in files.items():
            path = flowenv.output_dir() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(random.Random(size).randbytes(size))
        if fails:
            raise ValueError("after it had left something")
        return os.environ["FLOWENV_OUTPUT"]

    @flow
    def odd():
        folder = Path(os.environ["FLOWENV_OUTPUT"])
        (folder / "good").write_text("good")
        (folder / "link").symlink_to("/etc/hostname")
        (folder / "folder").symlink_to("/etc")
        os.mkfifo(folder / "fifo")
        os.close(os.open(os.fsencode(folder) + b"/odd\\xff", os.O_CREAT))
        (folder / "new\\nline").touch()
        (folder / "..\\\\win").touch()
        (folder / "secret").touch(mode=0)

    @flow
    def lose(results):
        os.rmdir(results)
        Path(results).touch()
        (flowenv.output_dir() / "a").touch()

    @flow
    def many():
        for n in range(1001):
            (flowenv.output_dir() / str(n)).touch()

    @flow
    def two(size):
        (flowenv.output_dir() / "plot.png").write_bytes(random.Random(1).randbytes(size))
        return random.Random(2).randbytes(size)
"""


@pytest.fixture
def leave(toy, tmp_path, monkeypatch):
    """Run one of the flows in a container whose log is kept; gives how it ended, and its run."""
    monkeypatch.setattr(ToyEnvironment, "capabilities", Capabilities(logs=True))

    def run(name, parameters=None, *, variables=None, **metadata):
        write(tmp_path / "here" / "flows_with_files.py", FLOWS)
        flow = find_flow(str(tmp_path / "here" / f"flows_with_files.py:{name}"))
        environment = ToyEnvironment(metadata=metadata)
        made = prepare(flow, environment=environment, parameters=parameters).flow_run
        return Container(tmp_path, made, variables=variables).wait(), made

    return run


def content(size: int) -> bytes:
    import random

    return random.Random(size).randbytes(size)


def got(ended, run):
    """The files that came back."""
    lines = ended.stdout.splitlines()
    return files_of_run(
        run, ended.outcome.status(), ended.outcome, lambda sha, _: content_in(lines, run.id, sha)
    )


def test_files_come_back_by_the_log(leave):
    ended, run = leave("leave", {"files": {"a.bin": 10, "plots/b.bin": 5000}})
    assert dict(got(ended, run)) == {"a.bin": content(10), "plots/b.bin": content(5000)}
    assert ended.outcome.result.endswith("/output")


def test_files_of_a_flow_that_raised_come_back_too(leave):
    ended, run = leave("leave", {"files": {"a.bin": 10}, "fails": True})
    assert (ended.exit_code, ended.outcome.error_class) == (1, "ValueError")
    assert dict(got(ended, run)) == {"a.bin": content(10)}


def test_a_result_and_files_may_both_be_as_large_as_the_log_takes(leave):
    size = LARGEST - 150_000
    ended, run = leave("two", {"size": size})
    assert got(ended, run).sizes == {"plot.png": size}
    lines = ended.stdout.splitlines()
    value = ended.outcome.value(logged=lambda sha: content_in(lines, run.id, sha))
    assert len(value) == size


def test_what_is_larger_is_stored_if_there_is_a_place(leave, tmp_path):
    ended, run = leave(
        "leave", {"files": {"a.bin": 2_000_000}}, results_url=f"file://{tmp_path}/results"
    )
    assert ended.outcome.files_stored
    assert got(ended, run)["a.bin"] == content(2_000_000)


def test_what_is_larger_stays_behind_without_a_place_and_the_run_completes(leave):
    ended, _ = leave("leave", {"files": {"a.bin": 2_000_000}})
    assert (ended.exit_code, ended.outcome.state) == (0, State.COMPLETED)
    assert "they have 2,000,0" in ended.outcome.files_left
    assert "results_url" in ended.outcome.files_left
    assert "stay behind" in ended.stderr


def test_files_whose_place_is_gone_leave_the_run_as_it_ended(leave, tmp_path):
    metadata = {"results_url": f"file://{tmp_path}/results"}
    ended, _ = leave("lose", {"results": f"{tmp_path}/results"}, **metadata)
    assert ended.outcome.state is State.COMPLETED
    assert "can't be written" in ended.outcome.files_left


def test_only_files_come_back_and_each_other_thing_is_named(leave):
    ended, run = leave("odd")
    assert set(got(ended, run)) - {"secret"} == {"good"}  # root may read it
    for name in ("link", "folder", "fifo", "odd"):
        assert f"'{name}" in ended.stderr
    assert "it is a symbolic link" in ended.stderr
    why = "its name has a backslash, a control character or a byte that is no text."
    assert ended.stderr.count(f"in the output folder stays behind: {why}") == 3


def test_too_many_files_stay_behind(leave):
    ended, _ = leave("many")
    assert "more than 1,000" in ended.outcome.files_left


def test_a_folder_that_somebody_has_chosen_is_theirs(leave, tmp_path):
    ended, run = leave(
        "leave", {"files": {"a.bin": 3}}, variables={contract.OUTPUT: str(tmp_path / "volume")}
    )
    assert (tmp_path / "volume" / "a.bin").exists()
    assert ended.outcome.result == str(tmp_path / "volume")
    assert dict(got(ended, run)) == {}
