"""What a backend raises or gives is told with its name, its distribution, and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from flowenv import Capabilities, Flow, FlowRun, State, Status, attach, find_runs, hookimpl
from flowenv.answers.handle import FinishedHandle
from flowenv.cli.app import app
from flowenv.errors import PluginError, PluginFailed
from flowenv.results.record.outcome import Outcome
from flowenv.submission.lifecycle import prepare

from ..plugging import Plugging, ToyEnvironment, toy_hooks

ACME = "The backend acme of acme-dist 1.0"
DONE = Status(State.COMPLETED)


class AcmeEnvironment(ToyEnvironment):
    backend = "acme"
    capabilities = Capabilities(
        cancel=True, logs=True, attach=True, find=True, sweep=True, rehearse=True
    )


class RightHandle:
    reference: Any = "run-1"

    def status(self) -> Any:
        return Status(State.RUNNING)

    def follow(self, timeout: float | None = None) -> Any:
        yield DONE

    def logs(self, *, follow: bool = False) -> Any:
        return iter(["a line"])

    def outcome(self) -> Any:
        return Outcome("run-1", State.COMPLETED, 7, has_result=True)

    def cancel(self) -> None:
        """Do nothing."""


def hook(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    return {name: hookimpl(function, specname=name)}


def use(plugging: Plugging, name: str = "", function: Callable[..., Any] = dict) -> None:
    """Install the backend acme with one hook that is given."""
    right = {
        **toy_hooks(),
        **hook("flowenv_environment_type", lambda: AcmeEnvironment),
        **hook("flowenv_execute", lambda: RightHandle()),
    }
    plugging.backend("acme", {**right, **(hook(name, function) if name else {})})


def submitted(plugging: Plugging, **members: Any) -> FlowRun:
    """A run with a handle that has other members."""
    handle = type("WrongHandle", (RightHandle,), members)()
    use(plugging, "flowenv_execute", lambda: handle)
    return prepare(Flow(dict), environment=AcmeEnvironment()).submit()


def raising(*arguments: Any, **more: Any) -> Any:
    raise KeyError("nodes")


def ending_early(self: Any, timeout: float | None = None) -> Any:
    yield Status(State.RUNNING)


WRONG_ANSWERS = {
    "a state": (
        {"status": lambda self: State.RUNNING},
        lambda run: run.refresh(),
        "gives State in its handle's status, not a Status.",
    ),
    "a class": (
        {"status": lambda self: Status},
        lambda run: run.refresh(),
        "gives the class Status in its handle's status, not a Status.",
    ),
    "states": (
        {"follow": lambda self, timeout=None: iter([State.RUNNING])},
        lambda run: run.wait(),
        "gives State in its handle's follow, not a Status.",
    ),
    "an early end": (
        {"follow": ending_early},
        lambda run: run.wait(),
        "ended its handle's follow with Running, though it was given no timeout.",
    ),
    "nothing": (
        {"follow": lambda self, timeout=None: None},
        lambda run: run.wait(),
        "gives NoneType in its handle's follow, not several of Status.",
    ),
    "a record as a dict": (
        {"outcome": lambda self: {"result": 7}},
        lambda run: run.result(),
        "gives dict in its handle's outcome, not an Outcome.",
    ),
    "bytes": (
        {"logs": lambda self, follow=False: iter([b"line"])},
        lambda run: list(run.logs()),
        "gives bytes in its handle's logs, not text.",
    ),
    "one text": (
        {"logs": lambda self, follow=False: "a line"},
        lambda run: list(run.logs()),
        "gives str in its handle's logs, not several of str.",
    ),
    "events as texts": (
        {"events": lambda self: ["FailedMount"]},
        lambda run: run.events(),
        "gives str in its handle's events, not an Event.",
    ),
    "a number": (
        {"reference": 17},
        lambda run: run.reference,
        "gives int in its handle's reference, not text.",
    ),
}


@pytest.mark.parametrize("what", WRONG_ANSWERS)
def test_a_wrong_answer_of_a_handle(plugging: Plugging, what: str) -> None:
    members, ask, said = WRONG_ANSWERS[what]
    run = submitted(plugging, **members)
    with pytest.raises(PluginError) as raised:
        ask(run)
    assert raised.value.message == f"{ACME} {said}"


@pytest.mark.parametrize(
    ("method", "ask"),
    [
        ("status", lambda run: run.refresh()),
        ("follow", lambda run: run.wait()),
        ("logs", lambda run: list(run.logs())),
        ("outcome", lambda run: run.result()),
        ("events", lambda run: run.events()),
        ("cancel", lambda run: run.cancel()),
        ("reference", lambda run: run.reference),
    ],
)
def test_what_a_handle_raises(plugging: Plugging, method: str, ask: Callable[[Any], Any]) -> None:
    wrong = property(raising) if method == "reference" else raising
    handle = type("WrongHandle", (RightHandle,), {method: wrong})()
    use(plugging, "flowenv_execute", lambda: RightHandle())
    run = prepare(Flow(dict), environment=AcmeEnvironment()).submit()
    run.handle = handle
    with pytest.raises(PluginFailed) as raised:
        ask(run)
    assert raised.value.message == f"{ACME} raised KeyError in its handle's {method}: 'nodes'"
    assert isinstance(raised.value.__cause__, KeyError)


def test_a_follow_that_takes_no_timeout(plugging: Plugging) -> None:
    run = submitted(plugging, follow=lambda self: iter([DONE]))
    with pytest.raises(PluginFailed, match=f"{ACME} raised TypeError in its handle's follow"):
        run.wait()


CALLS = {
    "flowenv_environment_type": lambda: find_runs("acme"),
    "flowenv_build_spec": lambda: prepare(Flow(dict), environment=AcmeEnvironment()).spec,
    "flowenv_execute": lambda: prepare(Flow(dict), environment=AcmeEnvironment()).submit(),
    "flowenv_attach": lambda: attach("run-1", "acme"),
    "flowenv_find_runs": lambda: find_runs("acme"),
    "flowenv_sweep": lambda: app(["sweep", "--env", "acme"], standalone_mode=False),
    "flowenv_setup": lambda: prepare(Flow(dict), environment=AcmeEnvironment()).setup(),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_a_backends_hook_raises(plugging: Plugging, name: str) -> None:
    use(plugging, name, lambda: raising())
    with pytest.raises(PluginFailed) as raised:
        CALLS[name]()
    assert raised.value.message == f"{ACME} raised KeyError in {name}: 'nodes'"


GIVEN = {
    "a class for a handle": (
        "flowenv_execute",
        RightHandle,
        "gives the class RightHandle in flowenv_execute, not an object of it.",
    ),
    "a handle for a run": (
        "flowenv_attach",
        RightHandle(),
        "gives RightHandle in flowenv_attach, not a FlowRun.",
    ),
    "a text for runs": (
        "flowenv_find_runs",
        "run-1",
        "gives str in flowenv_find_runs, not several of RunSummary.",
    ),
    "texts for runs": (
        "flowenv_find_runs",
        ["run-1"],
        "gives str in flowenv_find_runs, not a RunSummary.",
    ),
    "texts for leftovers": (
        "flowenv_sweep",
        ["job-1"],
        "gives str in flowenv_sweep, not a Leftover.",
    ),
}


@pytest.mark.parametrize("what", GIVEN)
def test_what_a_backends_hook_gives(plugging: Plugging, what: str) -> None:
    name, given, said = GIVEN[what]
    use(plugging, name, lambda: given)
    with pytest.raises(PluginError) as raised:
        CALLS[name]()
    assert raised.value.message == f"{ACME} {said}"


def test_a_run_without_a_handle_is_not_attached(plugging: Plugging) -> None:
    run = FlowRun(AcmeEnvironment(), id="run-1", flow_name="flow")
    use(plugging, "flowenv_attach", lambda: run)
    with pytest.raises(PluginError, match=f"{ACME} gives no handle in flowenv_attach, but None"):
        attach("run-1", "acme")
    run.handle = FinishedHandle(Outcome("run-1", State.COMPLETED))
    assert attach("run-1", "acme") is run


class DictEnvironment(AcmeEnvironment):
    capabilities: ClassVar[Any] = {"cancel": True}


def test_capabilities_as_a_dict(plugging: Plugging) -> None:
    use(plugging, "flowenv_environment_type", lambda: DictEnvironment)
    with pytest.raises(PluginError) as raised:
        find_runs("acme")
    assert raised.value.message == (f"{ACME} has dict for the capabilities of DictEnvironment.")


@pytest.mark.parametrize("method", ["needs_image", "validate_spec", "variables", "contract_values"])
def test_what_an_environments_own_method_raises(plugging: Plugging, method: str) -> None:
    use(plugging, "flowenv_build_spec", lambda process: dict(process.variables.merge().values))
    environment = type("OddEnvironment", (AcmeEnvironment,), {method: raising})()
    with pytest.raises(PluginFailed) as raised:
        _ = prepare(Flow(dict), environment=environment).spec
    assert raised.value.message == f"{ACME} raised KeyError in OddEnvironment.{method}: 'nodes'"


def test_a_wrapper_of_a_plugin_is_blamed_for_what_it_gives(toy: Plugging) -> None:
    @hookimpl(wrapper=True)
    def flowenv_run_flow():
        yield
        return "nothing right"

    toy.plugin("timed", {"flowenv_run_flow": flowenv_run_flow})
    with pytest.raises(PluginError) as raised:
        prepare(Flow(dict), environment=ToyEnvironment()).run_here()
    assert raised.value.message == (
        "plugin timed gave 'nothing right' in flowenv_run_flow, which is no result of a flow."
    )


def test_a_backend_is_blamed_for_what_it_gives_beside_a_wrapper(plugging: Plugging) -> None:
    @hookimpl(wrapper=True)
    def flowenv_run_flow():
        return (yield)

    plugging.plugin("timed", {"flowenv_run_flow": flowenv_run_flow})
    use(plugging, "flowenv_run_flow", lambda: 7)
    with pytest.raises(PluginError, match=f"{ACME} gave 7 in flowenv_run_flow"):
        prepare(Flow(dict), environment=AcmeEnvironment()).run_here()
