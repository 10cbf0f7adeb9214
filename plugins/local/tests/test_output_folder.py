"""Where a flow that runs in the caller's process leaves its files."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import flowenv
from flowenv.errors import UnsupportedOperation
from flowenv.plugin import contract


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(contract.OUTPUT, raising=False)
    monkeypatch.delenv(contract.FLOW_RUN_ID, raising=False)


def leave(text="x"):
    (flowenv.output_dir() / "left.txt").write_text(text)
    return os.environ["FLOWENV_OUTPUT"]


def test_a_local_run_has_a_folder_of_its_own_that_is_made_when_it_is_used(tmp_path):
    run = flowenv.submit(leave)
    folder = tmp_path / "flowenv-output" / f"leave-{run.id[:8]}"
    assert run.result() == str(folder)
    assert dict(run.files()) == {"left.txt": b"x"}
    assert (folder / "left.txt").exists()
    assert contract.OUTPUT not in os.environ

    assert dict(flowenv.submit(dict).files()) == {}
    assert list((tmp_path / "flowenv-output").iterdir()) == [folder]


def test_the_variable_names_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(contract.OUTPUT, str(tmp_path / "mine"))
    run = flowenv.submit(leave)
    assert run.result() == str(tmp_path / "mine")
    assert os.environ[contract.OUTPUT] == str(tmp_path / "mine")


def test_runs_at_the_same_time_keep_their_files_apart():
    together = threading.Barrier(3)

    def write(text):
        together.wait(20)
        leave(text)
        together.wait(20)

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda text: flowenv.submit(write, text=text), "abc"))
    assert [dict(run.files()) for run in runs] == [{"left.txt": text.encode()} for text in "abc"]
    assert contract.OUTPUT not in os.environ


def test_a_run_within_a_run_has_its_own(tmp_path):
    def outer():
        inner = flowenv.submit(leave)
        leave()
        return list(inner.files())

    run = flowenv.submit(outer)
    assert run.result() == list(run.files()) == ["left.txt"]
    assert len(list((tmp_path / "flowenv-output").iterdir())) == 2


def test_a_flow_that_raised_has_left_files_too():
    def fail():
        leave()
        raise ValueError

    assert list(flowenv.submit(fail).files()) == ["left.txt"]


def test_without_a_run_it_is_a_folder_here(tmp_path):
    assert flowenv.output_dir() == Path("flowenv-output")
    assert (tmp_path / "flowenv-output").is_dir()


def test_in_another_container_of_a_run_there_is_none(monkeypatch):
    monkeypatch.setenv(contract.FLOW_RUN_ID, "run")
    with pytest.raises(UnsupportedOperation, match="flow's own process"):
        flowenv.output_dir()
