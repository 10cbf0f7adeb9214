"""The life of a run: which hook is called when, and what each may do."""

from __future__ import annotations

import signal

import pytest

import flowenv
from flowenv import Flow, Reason, RunRefused, Secret, State, attach, hookimpl, submit
from flowenv.errors import (
    ParameterError,
    PluginError,
    SettingError,
    SpecError,
    UnsupportedOperation,
)
from flowenv.execution.running import Returned
from flowenv.hooks.notifications import flush
from flowenv.runs.identity import DRAFT_ID
from flowenv.signals.terminated import Terminated
from flowenv.submission.lifecycle import as_flow, prepare

from ..plugging import Plugging, ToyEnvironment, toy_hooks


def recorder(name: str, events: list) -> dict:
    """A plugin that records each call."""

    @hookimpl
    def flowenv_environment_variables(target):
        events.append((name, "variables"))

    @hookimpl
    def flowenv_modify_spec(spec, flow_run):
        events.append((name, "modify"))
        spec["toy"].setdefault("seen", []).append(name)

    @hookimpl
    def flowenv_setup(flow_run):
        events.append((name, "setup", flow_run.is_draft))

    @hookimpl
    def flowenv_state_changed(status):
        events.append((name, status.state))

    return {k: v for k, v in locals().items() if k.startswith("flowenv_")}


def backend(events: list, **replaced) -> dict:
    """The toy backend, recording; hooks can be replaced or removed with None."""
    hooks = toy_hooks()
    build, execute = hooks["flowenv_build_spec"], hooks["flowenv_execute"]

    @hookimpl
    def flowenv_build_spec(environment, flow_run, process):
        process.variables.merge()
        events.append(("backend", "build"))
        return build(environment, flow_run, process)

    @hookimpl
    def flowenv_execute(flow_run):
        events.append(("backend", "execute"))
        return execute(flow_run)

    @hookimpl
    def flowenv_setup(flow_run):
        events.append(("backend", "setup", flow_run.is_draft))

    found = {
        "flowenv_environment_type": hooks["flowenv_environment_type"],
        "flowenv_build_spec": flowenv_build_spec,
        "flowenv_execute": flowenv_execute,
        "flowenv_setup": flowenv_setup,
    }
    return {k: v for k, v in {**found, **replaced}.items() if v is not None}


def use(plugging: Plugging, events: list, **replaced) -> None:
    plugging.backend("toy", backend(events, **replaced))


def test_the_order_of_calls(plugging, monkeypatch):
    events: list = []
    use(plugging, events)
    plugging.plugin("acme", recorder("installed", events))
    monkeypatch.setenv("FLOWENV_PLUGINS", plugging.local("mine", recorder("local", events)))
    submit(Flow(lambda: events.append("flow"), name="f"), environment=ToyEnvironment())
    flush()
    states = [State.RUNNING, State.COMPLETED]
    # each plugin is told in a thread of its own
    for plugin in ("installed", "local"):
        told = [one for one in events if one[0] == plugin and isinstance(one[1], State)]
        assert told == [(plugin, state) for state in states]
    assert [one for one in events if one[1] not in states] == [
        ("installed", "variables"),
        ("local", "variables"),
        ("backend", "build"),
        ("installed", "modify"),
        ("local", "modify"),
        ("backend", "setup", False),
        ("installed", "setup", False),
        ("local", "setup", False),
        ("backend", "execute"),
        "flow",
    ]


def test_setup_does_everything_but_execute_with_a_draft(plugging):
    events: list = []
    use(plugging, events)
    ToyEnvironment().setup(Flow(lambda a: 1, name="f"))
    assert events == [("backend", "build"), ("backend", "setup", True)]


def test_a_draft_has_no_identity(toy):
    run = prepare(Flow(dict), environment=ToyEnvironment(), draft=True).flow_run
    assert (run.id, run.created, run.is_draft) == (DRAFT_ID, None, True)


def test_every_run_has_an_id_of_its_own(toy):
    ids = {prepare(Flow(dict), environment=ToyEnvironment()).flow_run.id for _ in range(3)}
    assert len(ids) == 3


def test_submit_takes_any_callable(toy):
    assert submit(
        sorted, environment=ToyEnvironment(), parameters={"iterable": [2, 1]}
    ).result() == [1, 2]


class FlowOfPrefect:
    """As of Prefect 0.x: it has a run method, and can't be called."""

    def run(self, parameters=None):
        return parameters


FlowOfPrefect.__name__ = "Flow"
FlowOfPrefect.__module__ = "prefect.core.flow"


def test_a_flow_of_prefect_is_answered_with_how_to_wrap_it(toy):
    with pytest.raises(SettingError, match="is a flow of Prefect") as caught:
        ToyEnvironment().execute(FlowOfPrefect())
    assert "run(parameters=…)" in caught.value.hint


def test_what_can_not_be_called_is_no_flow(toy):
    with pytest.raises(SettingError, match="needs a callable, not int"):
        submit(3, environment=ToyEnvironment())


def test_a_flow_stays_the_flow_it_is():
    flow = Flow(dict)
    assert as_flow(flow) is flow


def test_wrong_parameters_are_found_before_anything_is_built(plugging):
    events: list = []
    use(plugging, events)
    with pytest.raises(ParameterError):
        submit(Flow(lambda: 1, name="f"), environment=ToyEnvironment(), parameters={"x": 1})
    assert events == []


def test_the_environment_given_wins_over_the_flows_own(toy):
    flow = Flow(dict, environment=ToyEnvironment(size=1))
    assert submit(flow).environment.size == 1
    assert submit(flow, environment=ToyEnvironment(size=2)).environment.size == 2


def test_what_is_no_environment_is_a_type_error(toy):
    with pytest.raises(SettingError, match="flowenv Environment, not dict"):
        submit(Flow(dict), environment={"type": "toy"})


def test_labels_of_environment_and_submission_are_joined(toy):
    run = submit(Flow(dict), environment=ToyEnvironment(labels=["a", "b"]), labels=["b", "c"])
    assert run.labels == ("a", "b", "c")


def test_execute_gives_the_run_and_run_the_result(toy):
    flow = Flow(lambda x: x + 1, name="f")
    assert ToyEnvironment().execute(flow, x=1).result() == 2
    assert ToyEnvironment().run(flow, x=1) == 2


def test_run_lets_exceptions_through(toy):
    def fail():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ToyEnvironment().run(Flow(fail))


# -- the spec -----------------------------------------------------------------------------


def modifying(change) -> dict:
    @hookimpl
    def flowenv_modify_spec(spec, environment, flow_run):
        change(spec)

    return {"flowenv_modify_spec": flowenv_modify_spec}


def test_the_spec_is_built_once_and_changed_by_plugins(toy):
    toy.plugin("acme", modifying(lambda spec: spec["toy"].update(size=7)))
    prepared = prepare(Flow(dict), environment=ToyEnvironment())
    assert prepared.spec["toy"]["size"] == 7
    assert prepared.spec is prepared.spec


def test_changes_are_kept_when_asked_even_with_secrets_in_the_spec(toy):
    toy.plugin("first", modifying(lambda spec: spec["toy"].update(token=Secret("x"))))
    toy.plugin("second", modifying(lambda spec: spec["toy"].update(size=8)))
    prepared = prepare(Flow(dict), environment=ToyEnvironment())
    prepared.keep_changes = True
    prepared.spec  # noqa: B018
    first, second = prepared.changes
    assert (first.plugin, second.plugin) == ("plugin first", "plugin second")
    assert "token" not in first.before["toy"]
    assert second.before == first.after
    assert second.after["toy"]["size"] == 8


def test_a_plugin_can_refuse_the_run(plugging):
    events: list = []
    use(plugging, events)

    def refuse(spec):
        raise RunRefused("Not on Fridays.")

    plugging.plugin("policy", modifying(refuse))
    with pytest.raises(RunRefused, match="Not on Fridays"):
        submit(Flow(dict), environment=ToyEnvironment())
    assert ("backend", "execute") not in events


def test_the_environment_checks_the_finished_spec(toy, monkeypatch):
    def validate_spec(self, spec, flow_run):
        if spec["toy"]["size"] > 5:
            raise SpecError("too large")

    monkeypatch.setattr(ToyEnvironment, "validate_spec", validate_spec)
    toy.plugin("acme", modifying(lambda spec: spec["toy"].update(size=6)))
    with pytest.raises(SpecError, match="too large"):
        submit(Flow(dict), environment=ToyEnvironment())


def test_an_image_that_is_needed_and_missing_says_where_to_set_it(toy, monkeypatch):
    monkeypatch.setattr(ToyEnvironment, "needs_image", lambda self: True)
    with pytest.raises(SpecError, match=r"needs a container image.*@flow\(image=…\)"):
        submit(Flow(dict, name="f"), environment=ToyEnvironment())


@pytest.mark.parametrize(
    ("environment", "flow", "configured", "image"),
    [("e", "f", "c", "e"), (None, "f", "c", "f"), (None, None, "c", "c"), (None, None, None, None)],
)
def test_the_image_is_the_environments_else_the_flows_else_the_configured(
    toy, monkeypatch, environment, flow, configured, image
):
    if configured:
        monkeypatch.setenv("FLOWENV_IMAGE", configured)
    metadata = {"image": environment} if environment else None
    run = prepare(Flow(dict, image=flow), environment=ToyEnvironment(metadata=metadata)).flow_run
    assert run.image == image


# -- decisions that nobody took -----------------------------------------------------------


def test_a_backend_that_builds_nothing_is_an_error(plugging):
    use(plugging, [], flowenv_build_spec=None)
    with pytest.raises(PluginError, match=r"toy of toy-dist 1\.0 builds no spec"):
        submit(Flow(dict), environment=ToyEnvironment())


def test_a_backend_that_executes_nothing_is_an_error(plugging):
    use(plugging, [], flowenv_execute=None)
    with pytest.raises(PluginError, match=r"toy-dist 1\.0 gives no handle in flowenv_execute"):
        submit(Flow(dict), environment=ToyEnvironment())


def test_a_backend_that_can_not_attach_says_so(toy):
    with pytest.raises(UnsupportedOperation, match="toy can't attach"):
        attach("reference", ToyEnvironment())


def test_a_backend_that_returns_the_result_unwrapped_is_told_how(plugging):
    @hookimpl
    def flowenv_run_flow(flow_run):
        return flow_run.flow()

    use(plugging, [], flowenv_run_flow=flowenv_run_flow)
    with pytest.raises(PluginError, match=r"gave 3.*returns flowenv\.plugin\.Returned"):
        ToyEnvironment().run(Flow(lambda: 3, name="f"))


def test_a_backend_can_run_the_flow_its_own_way(plugging):
    @hookimpl
    def flowenv_run_flow(flow_run):
        return Returned(("mine", flow_run.flow()))

    use(plugging, [], flowenv_run_flow=flowenv_run_flow)
    assert ToyEnvironment().run(Flow(lambda: 3, name="f")) == ("mine", 3)


# -- what hooks are given is the run's own ------------------------------------------------


def meddling():
    """A plugin that changes what it is given, in every hook that it can."""

    def meddle(environment, flow_run):
        environment.size = 9
        environment.labels.add("meddled")
        environment.metadata["image"] = "meddled"
        flow_run.parameters["sizes"].append("meddled")
        flow_run.parameters["more"] = {}

    @hookimpl
    def flowenv_environment_variables(environment, flow_run):
        meddle(environment, flow_run)

    @hookimpl
    def flowenv_modify_spec(environment, flow_run):
        meddle(environment, flow_run)

    return {k: v for k, v in locals().items() if k.startswith("flowenv_")}


def test_what_plugins_change_is_not_the_users(toy):
    environment = ToyEnvironment(labels=["mine"], metadata={"image": "mine"}, password="s3cr3t")
    given = {"sizes": [1], "more": {}}
    toy.plugin("acme", meddling())
    flow = Flow(lambda **given: None, name="f")
    prepared = prepare(flow, environment=environment, parameters=given)
    assert prepared.spec["toy"]
    assert given == {"sizes": [1], "more": {}}
    assert (environment.size, list(environment.labels)) == (1, ["mine"])
    assert environment.metadata == {"image": "mine"}
    assert prepared.flow_run.environment.password == environment.password


# -- observers ----------------------------------------------------------------------------


def test_a_plugin_that_fails_while_it_is_told_breaks_nothing(toy, caplog):
    @hookimpl
    def flowenv_state_changed(flow_run):
        raise RuntimeError("chat is down")

    toy.plugin("chat", {"flowenv_state_changed": flowenv_state_changed})
    assert submit(Flow(dict), environment=ToyEnvironment()).state is State.COMPLETED
    flush()
    assert "plugin chat failed in flowenv_state_changed: RuntimeError: chat is down" in caplog.text


def test_an_interrupt_goes_through_and_plugins_hear_of_it(toy):
    heard = []

    @hookimpl
    def flowenv_state_changed(status):
        heard.append(status.state)

    def interrupted():
        raise KeyboardInterrupt

    toy.plugin("chat", {"flowenv_state_changed": flowenv_state_changed})
    with pytest.raises(KeyboardInterrupt):
        submit(Flow(interrupted), environment=ToyEnvironment())
    flush()
    assert heard == [State.RUNNING, State.CANCELLED]


@pytest.mark.parametrize(
    ("number", "state", "reason"),
    [
        (signal.SIGINT, State.CANCELLED, None),
        (signal.SIGTERM, State.CRASHED, Reason.STOPPED),
        (signal.SIGHUP, State.CRASHED, Reason.STOPPED),
    ],
)
def test_a_signal_but_for_ctrl_c_does_not_say_that_anybody_cancelled(toy, number, state, reason):
    heard = []

    @hookimpl
    def flowenv_state_changed(status):
        heard.append((status.state, status.reason))

    def stopped():
        raise Terminated(number)

    toy.plugin("chat", {"flowenv_state_changed": flowenv_state_changed})
    with pytest.raises(KeyboardInterrupt):
        submit(Flow(stopped), environment=ToyEnvironment())
    flush()
    assert heard[-1] == (state, reason)


def test_an_executor_that_can_not_be_opened_crashes_the_run(toy):
    from flowenv import DaskExecutor

    executor = DaskExecutor(cluster_class="os.getpid")
    run = submit(Flow(dict), environment=ToyEnvironment(executor=executor))
    assert (run.state, run.status.reason) == (State.CRASHED, Reason.START_ERROR)


def test_an_executor_that_can_not_be_had_is_an_error_before_the_run(toy):
    from flowenv import DaskExecutor

    executor = DaskExecutor(cluster_class="absent.Cluster")
    with pytest.raises(SettingError, match=r"absent\.Cluster"):
        submit(Flow(dict), environment=ToyEnvironment(executor=executor))


def test_submit_takes_the_flows_parameters_by_name():
    assert submit(dict, n=5, parameters={"labels": "mine"}).result() == {"n": 5, "labels": "mine"}


def test_a_parameter_that_is_given_twice_is_an_error():
    with pytest.raises(ParameterError, match="n is given twice"):
        submit(dict, n=5, parameters={"n": 5})


def test_a_misspelt_argument_is_a_parameter_that_the_flow_has_not():
    with pytest.raises(ParameterError, match="has no parameter 'enviroment'") as caught:
        submit(Flow(lambda n: n), n=1, enviroment="k8s")
    assert caught.value.hint == "Did you mean environment=?"
    with pytest.raises(ParameterError, match="has no parameter 'lable'") as caught:
        submit(Flow(lambda label: label), lable="a")
    assert caught.value.hint == "Did you mean 'label'?"
    assert submit(dict, lable="a").result() == {"lable": "a"}
    with pytest.raises(ParameterError, match="has no parameter 'lables'") as caught:
        ToyEnvironment().execute(Flow(lambda n: n), n=1, lables=["a"])
    assert caught.value.hint == "labels= is an argument of flowenv.submit(flow, environment=…)."


def test_a_batch_takes_parameters_by_their_names_and_knows_misspelt_arguments():
    with pytest.raises(ParameterError, match="has no parameter 'atonce'") as caught:
        flowenv.map(Flow(lambda n, of: n), [{"n": 1}], of=2, atonce=3)
    assert caught.value.hint == "Did you mean at_once=?"
    with pytest.raises(ParameterError, match="of is given twice"):
        flowenv.map(Flow(lambda n, of: n), [{"n": 1}], of=2, parameters={"of": 2})
