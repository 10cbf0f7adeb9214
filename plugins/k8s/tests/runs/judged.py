"""A run's Job and pods as Kubernetes tells of them, and what is made of that."""

from __future__ import annotations

import datetime
from typing import Any

from flowenv.plugin import Outcome, Reason, State
from flowenv_k8s.runs.diagnosis.run_status import Observed, Verdict, judge

RUN = "11111111-2222-4333-8444-555555555555"
NOW = datetime.datetime(2026, 11, 22, 18, 0, tzinfo=datetime.UTC)


def job(*conditions: tuple[str, str], backoff: int = 0, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "job"},
        "spec": {"backoffLimit": backoff, **spec},
        "status": {
            "conditions": [
                {"type": kind, "status": "True", "reason": reason, "message": "words"}
                for kind, reason in conditions
            ]
        },
    }


def container(name: str = "flow", **state: Any) -> dict[str, Any]:
    return {"name": name, "state": state}


def terminated(
    code: int = 0, message: str = "", reason: str = "", ended: str = ""
) -> dict[str, Any]:
    return {"exitCode": code, "message": message, "reason": reason, "finishedAt": ended}


def pod(*statuses: dict[str, Any], name: str = "pod-1", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": name},
        "spec": {"containers": [{"name": "flow"}, {"name": "side"}], "restartPolicy": "Never"},
        "status": {"phase": "Running", "containerStatuses": list(statuses), **status},
    }


def record(state: State, **more: Any) -> str:
    return Outcome(RUN, state, **more).to_bytes().decode()


STOPPED = record(State.CRASHED, reason=Reason.STOPPED, message="SIGTERM")


def verdict(job: dict[str, Any] | None, *pods: dict[str, Any], **more: Any) -> Verdict:
    return judge(Observed(RUN, job, pods, "flow", NOW, **more))
