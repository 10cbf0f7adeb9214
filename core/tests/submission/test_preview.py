"""A preview is what a run would be: offline, and hooks can tell it from a run."""

from __future__ import annotations

import pytest

import flowenv
from flowenv import Flow, RunRefused, Secret, hookimpl

from ..plugging import Plugging, ToyEnvironment, toy_hooks


def test_the_spec_the_variables_and_the_changes(plugging: Plugging) -> None:
    @hookimpl
    def flowenv_build_spec(process):
        return {"toy": {"size": 1, "variables": process.variables.merge().values}}

    @hookimpl
    def flowenv_environment_variables():
        return {"TEAM": "forecasting", "TOKEN": Secret("s3cr3t")}

    @hookimpl
    def flowenv_modify_spec(spec):
        spec["toy"]["size"] = 2

    plugging.backend("toy", {**toy_hooks(), "flowenv_build_spec": flowenv_build_spec})
    hooks = (flowenv_environment_variables, flowenv_modify_spec)
    plugging.plugin("acme", {one.__name__: one for one in hooks})
    seen = flowenv.preview(Flow(dict), ToyEnvironment())
    assert seen.spec["toy"]["size"] == 2
    assert seen.variables()["TEAM"] == "forecasting"
    assert "s3cr3t" not in f"{seen}"
    assert seen.variables("worker") == {}
    assert seen.changes == [
        {
            "plugin": "plugin acme",
            "differences": [{"path": "toy.size", "before": 1, "after": 2}],
        }
    ]


def test_hooks_can_tell_a_preview_from_a_run(toy: Plugging) -> None:
    seen = []

    @hookimpl
    def flowenv_modify_spec(flow_run):
        seen.append(flow_run.is_preview)

    toy.plugin("acme", {"flowenv_modify_spec": flowenv_modify_spec})
    flowenv.preview(Flow(dict), ToyEnvironment())
    flowenv.submit(Flow(dict), environment=ToyEnvironment())
    assert seen == [True, False]


def test_what_would_be_refused_is_refused(toy: Plugging) -> None:
    @hookimpl
    def flowenv_modify_spec():
        raise RunRefused("Not today.")

    toy.plugin("acme", {"flowenv_modify_spec": flowenv_modify_spec})
    with pytest.raises(RunRefused):
        flowenv.preview(Flow(dict), ToyEnvironment())
