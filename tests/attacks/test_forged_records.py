"""A record that the flow's process didn't write, and a payload that the submitter didn't, count for
nothing."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowenv import Reason, State, contract
from flowenv.contract.process import COMMAND
from flowenv.flows.finding import find_flow
from flowenv.payload.packing import pack
from flowenv.plugin import FlowRun, Outcome
from flowenv.results.record.seal import proof_of, seal_of
from flowenv.results.record.text import LIMIT
from flowenv.submission.lifecycle import prepare
from flowenv_local import LocalEnvironment

RUN_ID = "6f1c0a3c-6c0b-4f0e-9d0a-0a54d7a3b6c1"
PAYLOAD = b"payload"
SEAL = seal_of(PAYLOAD)
HONEST = Outcome(RUN_ID, State.FAILED, error_class="KeyError", proof=proof_of(PAYLOAD))
FORGED = Outcome(RUN_ID, State.COMPLETED, result=666, has_result=True)


@pytest.mark.parametrize("proof", ["", "0" * 64, SEAL, "\ud800"])
class TestAForgedRecord:
    """One that somebody else's text has brought into the log, with all that can be seen."""

    def test_does_not_count(self, proof: str) -> None:
        forged = dataclasses.replace(FORGED, proof=proof)
        for text in (forged.to_line(), forged.to_bytes()):
            assert Outcome.from_text(text, RUN_ID, SEAL) is None

    def test_does_not_hide_the_real_one(self, proof: str) -> None:
        forged = dataclasses.replace(FORGED, proof=proof).to_line()
        log = f"{forged}\n{HONEST.to_line()}\n{forged}\n{forged}"
        assert Outcome.from_text(log, RUN_ID, SEAL) == HONEST

    def test_a_crash_does_not_hide_it_either(self, proof: str) -> None:
        crash = Outcome(RUN_ID, State.CRASHED, reason=Reason.OOM_KILLED, proof=proof).to_line()
        assert Outcome.from_text(f"{HONEST.to_line()}\n{crash}", RUN_ID, SEAL) == HONEST


def test_words_in_front_of_it_make_no_record() -> None:
    line = Outcome(RUN_ID, State.CRASHED, message="a").to_line()
    assert Outcome.from_text(f"He said: {line}\n", RUN_ID) is None
    assert Outcome.from_text(f"He said: {line}\n", RUN_ID, SEAL) is None


def test_json_without_the_mark_is_no_record_in_a_log() -> None:
    record = FORGED.to_bytes().decode()
    assert Outcome.from_text(f"{record}\nlast words\n", RUN_ID) is None


@pytest.mark.parametrize(
    "record",
    [
        "[" * 200_000,
        '{"run":' + "[" * 3000,
        '{"run": 1e999999999999999999, "state": []}',
        f'{{"run": "{RUN_ID}", "state": ["Failed"]}}',
        f'{{"run": "{RUN_ID}", "state": "Failed", "reason": [[]]}}',
        f'{{"run": "{RUN_ID}", "state": "Completed", "result": {"9" * 5000}}}',
        json.dumps({"run": RUN_ID, "state": "Failed", "message": "x" * LIMIT}),
        "null",
        "[]",
        '"a"',
    ],
)
def test_nonsense_is_no_record(record: str) -> None:
    for text in (record, f"flowenv-outcome {RUN_ID} {record}"):
        assert Outcome.from_text(text, RUN_ID) is None


# -- in the container -----------------------------------------------------------------------

FLOW = """
    from flowenv import flow

    @flow
    def add(a: int = 1, b: int = 2, say: str = "") -> int:
        if say:
            print(say, end="", flush=True)
        return a + b
"""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a container's process ended."""

    exit_code: int
    log: str


Contained = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path) -> FlowRun:
    (tmp_path / "flows.py").write_text("\n".join(line[4:] for line in FLOW.split("\n")))
    flow = find_flow(str(tmp_path / "flows.py"))
    return prepare(flow, environment=LocalEnvironment()).flow_run


@pytest.fixture
def contained(tmp_path: Path) -> Contained:
    """Run a payload as a container does, with the log as its only way out."""
    folder = tmp_path / "container"
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)

    def contained(run: FlowRun, payload: bytes, **variables: str) -> Ended:
        (folder / "payload.json").write_bytes(payload)
        ended = subprocess.run(
            COMMAND,
            env={
                "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
                contract.FLOW_RUN_ID: run.id,
                contract.PAYLOAD: str(folder / "payload.json"),
                **variables,
            },
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout)

    return contained


def test_the_process_proves_its_record(run: FlowRun, contained: Contained) -> None:
    payload = pack(run)
    ended = contained(run, payload, **{contract.PAYLOAD_SEAL: seal_of(payload)})
    outcome = Outcome.from_text(ended.log, run.id, seal_of(payload))
    assert outcome
    assert (ended.exit_code, outcome.result) == (0, 3)


def test_what_the_flow_prints_without_a_line_end_does_not_hide_the_record(
    run: FlowRun, contained: Contained
) -> None:
    run.parameters["say"] = Outcome.of_result(run.id, 666).to_line()
    payload = pack(run)
    outcome = Outcome.from_text(contained(run, payload).log, run.id, seal_of(payload))
    assert outcome
    assert outcome.result == 3


@pytest.mark.parametrize("compressed", [False, True])
def test_another_payload_is_not_read(run: FlowRun, contained: Contained, compressed: bool) -> None:
    seal = seal_of(pack(run))
    run.parameters["a"] = 664
    payload = gzip.compress(pack(run)) if compressed else pack(run)
    ended = contained(run, payload, **{contract.PAYLOAD_SEAL: seal})
    outcome = Outcome.from_text(ended.log, run.id, seal)
    assert outcome
    assert (ended.exit_code, outcome.reason) == (3, Reason.START_ERROR)
    assert "isn't the one that this run was submitted with" in outcome.message


def test_a_compressed_bomb_is_refused(run: FlowRun, contained: Contained, tmp_path: Path) -> None:
    bomb = gzip.compress(b"[" * (600 * 1024 * 1024), compresslevel=1)
    ended = contained(run, bomb)
    outcome = Outcome.from_text(ended.log, run.id)
    assert outcome
    assert "more than 536,870,912 bytes" in outcome.message


def test_a_payload_as_deep_as_a_mine_is_refused(run: FlowRun, contained: Contained) -> None:
    outcome = Outcome.from_text(contained(run, b"[" * 200_000).log, run.id)
    assert outcome
    assert "nested too deeply" in outcome.message


def test_nobody_can_guess_a_payload(run: FlowRun) -> None:
    again = FlowRun(
        run.environment,
        id=run.id,
        flow_name=run.flow_name,
        flow=run.flow,
        parameters=run.parameters,
        created=run.created,
    )
    assert pack(run) == pack(run)
    assert pack(again) != pack(run)
