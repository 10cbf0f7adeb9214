"""One malformed object stops no list, no sweep and nobody who follows another run."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from flowenv import FlowRun, attach
from flowenv.cli.app import app
from flowenv.registry.registry import registry
from flowenv.remote.marks import moment, seconds_since
from flowenv_fargate.spec.tags import Identity
from flowenv_k8s import KubernetesJobEnvironment
from on_kubernetes.job_runs import running
from rigs.kubernetes import KubernetesRig

from .test_foreign_places import RUN_ID, strangers_job

DEEP = "[" * 200_000
NONSENSE = [
    {"flowenv.io/created": "0001-01-01T00:00:00+00:00"},
    {"flowenv.io/created": "9999-12-31T23:59:59-23:59"},
    {"flowenv.io/created": "0001-01-01T00:00:00"},
    {"flowenv.io/created": "yesterday"},
    {"flowenv.io/created": "2026-11-28"},
    {"flowenv.io/labels": DEEP},
    {"flowenv.io/labels": '{"a": 1}'},
    {"flowenv.io/labels": '[[["a"]], null, 1e999]'},
    {"flowenv.io/labels": "9" * 5000},
    {"flowenv.io/outcome": DEEP},
    {"flowenv.io/outcome": '{"run": "%s", "state": []}' % RUN_ID},  # noqa: UP031
    {"flowenv.io/flow-container": "no such container"},
    {"flowenv.io/flow": "\x1b[2J\u202e"},
    {"flowenv.io/cancelled": DEEP},
    {"flowenv.io/parameters": DEEP},
    {"flowenv.io/parameters": '{"n": [1], "m": {}, "\x1b[2J": "\x1b[2J"}'},
    {"flowenv.io/parameters": '"%s"' % ("x" * 100_000)},
    {"flowenv.io/submitter": "\x1b[2J" + "x" * 50_000},
]


@pytest.mark.parametrize("notes", NONSENSE, ids=range(len(NONSENSE)))
@pytest.mark.usefixtures("empty_cluster")
def test_a_list_and_a_sweep_go_on_behind_it(
    rig: KubernetesRig,
    start: Callable[[], FlowRun],
    environment: KubernetesJobEnvironment,
    notes: dict[str, str],
) -> None:
    job = copy.deepcopy(strangers_job("", name="aaa"))
    job["metadata"]["annotations"].update(notes)
    rig.apply(job)
    run = start()
    running(run)
    hook = registry().hooks("k8s").hook
    found = list(hook.flowenv_find_runs(environment=environment, labels=()))
    assert {one.run_id for one in found} == {RUN_ID, run.id}
    list(hook.flowenv_sweep(environment=environment, older_than=0.0, delete=False))
    attach("aaa", environment).refresh()
    for output in ("text", "json"):
        ended = CliRunner().invoke(app, ["runs", "--env", "k8s", "--output", output])
        assert ended.exit_code == 0, ended.output
        assert run.reference in ended.output
        assert "\x1b" not in ended.output


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59-23:59", "", "x", "2026-W01"])
def test_a_moment_is_one_or_none(text: str) -> None:
    found = moment(text)
    assert seconds_since(found) >= 0


TASKS: list[dict[str, Any]] = [
    {"tags": [{"key": "flowenv:created", "value": "0001-01-01"}]},
    {"tags": [{"key": "flowenv:parameters", "value": ": :: + +x =ZZ:=ZZ"}]},
    {"tags": [{"key": "flowenv:submitter", "value": "=1B[2J"}]},
    {"tags": [{"key": "flowenv:created", "value": "="}]},
    {"tags": [{"key": "flowenv:labels.x", "value": "=ZZ ="}]},
    {"tags": [{"key": "flowenv:labels.-1", "value": ""}]},
    {"tags": [{"key": "flowenv:labels.9999999999999999999999", "value": "a"}]},
    {"tags": [{"key": "flowenv:flow", "value": "=FF=FE=80"}]},
    {"tags": [{}]},
    {"overrides": {"containerOverrides": [{"environment": [{"name": "FLOWENV_PAYLOAD"}]}]}},
    {
        "overrides": {
            "containerOverrides": [
                {
                    "environment": [
                        {"name": "FLOWENV_PAYLOAD", "value": "data:"},
                        {"name": "FLOWENV_MARKS", "value": DEEP},
                    ]
                }
            ]
        }
    },
]


@pytest.mark.parametrize("task", TASKS, ids=range(len(TASKS)))
def test_a_task_with_nonsense_in_its_tags_is_read(task: dict[str, Any]) -> None:
    run_id = {"key": "flowenv:run-id", "value": RUN_ID}
    whole = {
        "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/c/0",
        "startedBy": f"flowenv/{RUN_ID}",
        **task,
        "tags": [run_id, *task.get("tags", [])],
    }
    found = Identity.of(whole)
    assert found
    assert found.run_id == RUN_ID
    json.dumps(found.to_json())
