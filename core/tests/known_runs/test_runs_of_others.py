"""`attach` and `find_runs`: runs that other processes have submitted."""

from __future__ import annotations

import datetime
import functools

import pytest

from flowenv import (
    Capabilities,
    Flow,
    FlowRun,
    RunSummary,
    State,
    Status,
    attach,
    find_runs,
    hookimpl,
    submit,
)
from flowenv.answers.handle import FinishedHandle
from flowenv.answers.summaries import Leftover
from flowenv.cli.app import app
from flowenv.errors import BackendNotFound, PluginError, SettingError, UnsupportedOperation
from flowenv.known_runs.sweeping import sweep as sweep_what_is_asked_for
from flowenv.results.record.outcome import Outcome

from ..flow_files import write
from ..plugging import ToyEnvironment, toy_hooks


class FoundEnvironment(ToyEnvironment):
    backend = "found"
    capabilities = Capabilities(attach=True, find=True)


def summary(name: str, day: int | None, *labels: str) -> RunSummary:
    created = datetime.datetime(2026, 1, day, tzinfo=datetime.UTC) if day else None
    return RunSummary(name, name, "flow", Status(State.RUNNING), created, labels)


@pytest.fixture
def found(plugging):
    """A backend that knows of some runs; what it was asked with."""
    asked = []

    @hookimpl
    def flowenv_environment_type():
        return FoundEnvironment

    @hookimpl
    def flowenv_attach(environment, reference):
        asked.append((environment.size, reference))
        run = FlowRun(environment, id=reference, flow_name="flow")
        run.handle = FinishedHandle(Outcome(reference, State.COMPLETED))
        return run

    @hookimpl
    def flowenv_find_runs(environment, labels):
        asked.append((environment.size, list(labels)))
        return iter([summary("undated", None), summary("old", 1), summary("new", 2)])

    plugging.backend("found", {**toy_hooks(), **locals()})
    return asked


@pytest.fixture
def configured(found, tmp_path):
    """`prod`, which is the default too, and has a size of 7."""
    text = 'environment = "prod"\n[environments.prod]\ntype = "found"\nsize = 7\n'
    write(tmp_path / "flowenv.toml", text)
    return found


def test_runs_are_found_newest_first(found):
    runs = find_runs(FoundEnvironment(size=3), labels=["nightly"])
    assert [run.reference for run in runs] == ["new", "old", "undated"]
    assert found == [(3, ["nightly"])]


NOW = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"states": ["completed"]}, ["done"]),
        ({"states": [State.RUNNING, "Failed"]}, ["new", "undated"]),
        ({"flow": "train*"}, ["done"]),
        ({"since": NOW}, ["new"]),
        ({"since": NOW.astimezone().replace(tzinfo=None)}, ["new"]),
        ({"mine": True}, ["new"]),
    ],
)
def test_of_the_runs_those_are_kept_that_are_asked_for(plugging, monkeypatch, wanted, names):
    monkeypatch.setenv("FLOWENV_SUBMITTER", "ada@mill")
    hour = datetime.timedelta(hours=1)

    @hookimpl
    def flowenv_find_runs(environment):
        done, running = Status(State.COMPLETED), Status(State.RUNNING)
        yield RunSummary("done", "1", "train-a", done, NOW - hour, submitter="bob@mill")
        yield RunSummary("new", "2", "load", running, NOW + hour, submitter="ada@mill")
        yield RunSummary("undated", "3", "load", running)

    type_hook = hookimpl(lambda: FoundEnvironment, specname="flowenv_environment_type")
    hooks = {"flowenv_environment_type": type_hook, "flowenv_find_runs": flowenv_find_runs}
    plugging.backend("found", {**toy_hooks(), **hooks})
    assert [run.reference for run in find_runs("found", **wanted)] == names


def test_an_unknown_state_is_an_error_that_names_all(found):
    with pytest.raises(SettingError, match=r"'done' is no state. There are Pending, Submitted"):
        find_runs("found", states=["done"])


def test_a_run_is_picked_up_by_its_reference(found):
    run = attach("run-1", FoundEnvironment(size=3))
    assert (run.id, run.environment.size) == ("run-1", 3)


@pytest.mark.parametrize(("name", "size"), [("found", 1), ("prod", 7), (None, 7)])
def test_an_environment_goes_by_its_name_and_nobody_names_the_default(configured, name, size):
    find_runs(name)
    attach("run-1", name)
    assert configured == [(size, []), (size, "run-1")]
    assert submit(Flow(dict), environment=name).environment.size == size


@pytest.mark.parametrize(
    "call", [find_runs, lambda name: attach("x", name), lambda name: submit(dict, environment=name)]
)
def test_an_unknown_name_is_an_error_that_names_the_nearest(configured, call):
    with pytest.raises(BackendNotFound, match="Did you mean 'prod'"):
        call("prodd")
    with pytest.raises(SettingError, match="must be a flowenv Environment, not type"):
        call(FoundEnvironment)


def test_a_backend_that_cant_find_runs_says_so(toy):
    with pytest.raises(UnsupportedOperation, match="toy can't list its runs"):
        find_runs("toy")


class ClaimingEnvironment(ToyEnvironment):
    backend = "claiming"
    capabilities = Capabilities(attach=True, find=True, sweep=True)


CLAIMED = pytest.mark.parametrize(
    ("capability", "hook", "call"),
    [
        ("find", "flowenv_find_runs", find_runs),
        ("attach", "flowenv_attach", lambda name: attach("run-1", name)),
        (
            "sweep",
            "flowenv_sweep",
            lambda name: app(["sweep", "--env", name], standalone_mode=False),
        ),
    ],
)


def claiming():
    type_hook = hookimpl(lambda: ClaimingEnvironment, specname="flowenv_environment_type")
    return {**toy_hooks(), "flowenv_environment_type": type_hook}


@CLAIMED
def test_what_a_backend_claims_it_implements(plugging, capability, hook, call):
    plugging.backend("claiming", claiming())
    claims = f"The backend claiming of claiming-dist 1.0 claims {capability}, but"
    with pytest.raises(PluginError, match=f"{claims} implements no {hook}"):
        call("claiming")


@CLAIMED
def test_what_a_backend_claims_it_gives(plugging, capability, hook, call):
    silent = {"nothing": hookimpl(lambda: None, specname=hook)}
    plugging.backend("claiming", {**claiming(), **silent})
    claims = f"The backend claiming of claiming-dist 1.0 claims {capability}, but"
    with pytest.raises(PluginError, match=f"{claims} its {hook} gives None"):
        call("claiming")


def test_labels_are_no_single_text(found):
    with pytest.raises(SettingError, match=r"labels must be list\[str\]"):
        find_runs("found", labels="nightly")


class SweptEnvironment(ToyEnvironment):
    backend = "swept"
    capabilities = Capabilities(sweep=True)


@pytest.mark.parametrize(
    ("wanted", "removed"),
    [
        ({}, {"ada", "nobody", "shared"}),
        ({"mine": True}, {"ada"}),
        ({"everyone": True}, {"ada", "bob", "nobody", "shared"}),
        ({"labels": ["a"]}, {"ada"}),
        ({"labels": ["b"]}, set()),
        ({"labels": ["b"], "everyone": True}, {"bob"}),
    ],
)
def test_a_sweep_removes_what_is_asked_for(plugging, monkeypatch, wanted, removed):
    monkeypatch.setenv("FLOWENV_SUBMITTER", "ada@mill")
    gone = set()

    @hookimpl
    def flowenv_sweep(delete):
        assert not delete  # what is to be removed is known when it is known whose it is
        left = [
            Leftover("job", "ada", "1", submitter="ada@mill", labels=("a",)),
            Leftover("job", "bob", "2", submitter="bob@mill", labels=("b",)),
            Leftover("job", "nobody", "3"),
            Leftover("image", "shared"),
        ]
        return [one.swept(functools.partial(gone.add, one.name), delete) for one in left]

    type_hook = hookimpl(lambda: SweptEnvironment, specname="flowenv_environment_type")
    hooks = {"flowenv_environment_type": type_hook, "flowenv_sweep": flowenv_sweep}
    plugging.backend("swept", {**toy_hooks(), **hooks})
    swept = sweep_what_is_asked_for(SweptEnvironment(), 0.0, delete=True, **wanted)
    assert gone == removed == {one.name for one in swept.found if one.removed}
    others = {one.name for one in swept.of_others}
    assert others <= {"bob"} - gone
