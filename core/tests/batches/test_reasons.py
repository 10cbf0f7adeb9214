"""Why runs of a batch wait is said once for each reason, and a log shows that the batch goes on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from flowenv.batches.reasons import PATIENCE, Reasons
from flowenv.cli.following import batch_view
from flowenv.states import Reason, State, Status

PULLS = Status(State.STARTING, Reason.IMAGE_PULL, "no such image \x1b[2J")
WAITS = Status(State.SUBMITTED, Reason.UNSCHEDULABLE, "no room")
RUNS, OVER = Status(State.RUNNING), Status(State.COMPLETED)


class Standing:
    """A batch whose runs stand so."""

    def __init__(self, *statuses: Status) -> None:
        self.rows = [SimpleNamespace(last_status=one) for one in statuses]

    def __len__(self) -> int:
        return len(self.rows)

    def summary(self) -> str:
        return "as it is"


def test_a_reason_that_lasts_is_said_once_with_how_many_runs_it_holds() -> None:
    reasons, rows = Reasons(), Standing(PULLS, RUNS, PULLS, WAITS).rows
    assert reasons.news(rows, 0.0) == []
    assert reasons.news(rows, PATIENCE) == [
        r"2 runs, the first of them: Starting (image_pull): no such image \x1b[2J",
        "1 run: Submitted (unschedulable): no room",
    ]
    assert reasons.news(rows, 1000.0) == []


def test_a_reason_that_passes_or_has_ended_a_run_is_not_said() -> None:
    reasons = Reasons()
    reasons.news(Standing(WAITS).rows, 0.0)
    reasons.news(Standing(RUNS).rows, 1.0)
    crashed = Status(State.CRASHED, Reason.OOM_KILLED, "killed")
    assert reasons.news(Standing(WAITS, crashed).rows, PATIENCE) == []


def test_a_log_has_a_line_for_each_tenth_and_each_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = ((5.0, 2), (11.0, 2), (22.0, 3), (72.0, 3), (90.0, 4), (100.0, 20))
    clock = iter([0.0, *(now for now, _ in looks)])
    monkeypatch.setattr(batch_view, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    batch = Standing(*[RUNS] * 20)
    view = batch_view.InALog(batch)  # type: ignore[arg-type]
    said = []
    for _, over in looks:
        for row in batch.rows[:over]:
            row.last_status = OVER
        view.show()
        said.append(capsys.readouterr().err)
    assert said == [
        "",
        "[  11.0 s] 2 of 20 over: as it is\n",
        "",
        "[  72.0 s] 3 of 20 over: as it is\n",
        "",
        "[ 100.0 s] 20 of 20 over: as it is\n",
    ]
