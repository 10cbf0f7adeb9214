"""Flows: what is checked, what is called, and what a flow may be made of."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import functools
import threading
import uuid
from pathlib import Path
from typing import Any, Literal

import pytest

from flowenv import Capabilities, Flow, LocalExecutor, flow
from flowenv.errors import ParameterError, SettingError

from ..plugging import ToyEnvironment


@flow
def add(a: int, b: int = 1) -> int:
    """Add up."""
    return a + b


class Scaler:
    def __init__(self, factor):
        self.factor = factor

    def scale(self, value):
        return self.factor * value

    def __call__(self, value=1):
        return self.factor * value


def test_calling_a_flow_calls_its_function():
    assert add(1, b=2) == 3


def test_a_flow_looks_like_its_function():
    assert (add.__name__, add.__doc__, add.__module__) == ("add", "Add up.", __name__)


def test_a_flow_takes_its_name_from_the_function_with_dashes():
    @flow
    def some_thing(): ...

    assert some_thing.name == "some-thing"


def test_options_of_the_decorator_are_those_of_flow():
    made = flow(name="n", image="i", files=["a.csv"], code="source")(lambda: None)
    assert (made.name, made.image, made.files, made.code) == ("n", "i", ("a.csv",), "source")


def test_a_flow_of_a_flow_is_the_same_function_again():
    again = Flow(add, image="other")
    assert again.function is add.function
    assert again.name == "add"


def test_the_functions_own_attributes_do_not_hide_the_flows():
    def function(x): ...

    function.name, function.signature = "hidden", "hidden"
    assert Flow(function).name == "function"
    assert list(Flow(function).signature.parameters) == ["x"]


def test_a_flow_knows_the_module_where_it_was_made():
    assert add.module == __name__
    assert Flow(functools.partial(pow, 2), name="power").module == __name__


@pytest.mark.parametrize("wrong", [3, None, "add"])
def test_what_is_not_callable_is_no_flow(wrong):
    with pytest.raises(TypeError, match="needs a callable"):
        Flow(wrong)


def test_an_unknown_way_for_the_code_is_refused():
    with pytest.raises(ValueError, match="'module', 'source' or 'pickle', not 'zip'"):
        Flow(len, code="zip")


def test_files_as_one_string_are_refused():
    with pytest.raises(TypeError, match="list of file names"):
        Flow(len, files="data.csv")


# -- parameters ---------------------------------------------------------------------------


def test_an_unknown_parameter_names_the_nearest():
    def train(learning_rate): ...

    with pytest.raises(ParameterError, match=r"Did you mean 'learning_rate'?"):
        Flow(train).run(learning_rat=1)


def test_a_flow_without_parameters_says_so():
    with pytest.raises(ParameterError, match="It takes none"):
        Flow(lambda: 1, name="none").run(x=1)


def test_all_missing_parameters_are_named_with_the_next_step():
    def both(a, *, b): ...

    with pytest.raises(ParameterError, match=r"needs the parameters a, b\..*-p a=… -p b=…"):
        Flow(both).run()


def test_nothing_is_called_when_parameters_are_wrong():
    called = []

    def function(a):
        called.append(a)

    with pytest.raises(ParameterError):
        Flow(function).run(b=1)
    assert called == []


def test_a_parameter_error_is_the_builtins_that_a_caller_expects():
    with pytest.raises(TypeError):
        add.run()
    with pytest.raises(ValueError, match="needs"):
        add.run()


def test_positional_only_parameters_are_given_by_name():
    def function(a, b=2, /, c=3):
        return a, b, c

    assert Flow(function).run(a=1, c=4) == (1, 2, 4)
    assert Flow(function).run(a=1, b=5) == (1, 5, 3)


def test_a_missing_positional_only_parameter_is_named():
    def function(a, /): ...

    with pytest.raises(ParameterError, match="needs the parameter a"):
        Flow(function).run()


def test_further_keywords_take_any_parameter():
    def function(a, **more):
        return a, more

    assert Flow(function).run(a=1, anything=2) == (1, {"anything": 2})


def test_star_arguments_can_not_be_given_by_name():
    def function(*values): ...

    with pytest.raises(ParameterError, match="no parameter 'values'"):
        Flow(function).run(values=[1])


def test_a_parameter_called_executor_is_the_flows_own():
    def function(executor):
        return executor

    assert Flow(function).run(executor="mine") == "mine"


def test_a_parameter_called_self_reaches_the_flow():
    def function(self):
        return self

    assert Flow(function).run(self=3) == 3


def test_an_annotation_that_only_type_checkers_see_does_no_harm():
    def function(a: NotThere): ...  # noqa: F821

    assert list(Flow(function).signature.parameters) == ["a"]


def test_check_gives_a_copy_of_the_parameters():
    given = {"a": 1}
    assert add.check(given) == given
    assert add.check(given) is not given


# -- other libraries' callables -----------------------------------------------------------


def test_a_partial_is_a_flow():
    assert Flow(functools.partial(pow, 2), name="power").run(exp=5) == 32


def test_a_builtin_is_a_flow():
    assert Flow(sorted).run(iterable=[2, 1], reverse=True) == [2, 1]


def test_a_builtin_without_a_signature_takes_anything():
    assert Flow(dict).run(a=1) == {"a": 1}


def test_a_callable_object_is_a_flow():
    scaler = Flow(Scaler(2))
    assert (scaler.name, scaler.run(value=4)) == ("Scaler", 8)


def test_a_bound_method_is_a_flow():
    method = Flow(Scaler(3).scale)
    assert (method.name, method.run(value=2)) == ("scale", 6)


def test_a_class_is_a_flow():
    assert Flow(Scaler).run(factor=5).factor == 5


# -- running ------------------------------------------------------------------------------


def test_a_flow_runs_in_the_calling_thread():
    assert Flow(threading.get_ident).run() == threading.get_ident()


def test_a_flows_exception_comes_through_as_it_is():
    def fail():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Flow(fail).run()


def test_an_executor_of_another_type_is_a_type_error_that_names_it():
    with pytest.raises(TypeError, match=r"builtins\.str"):
        add.run(a=1, executor="threads")


def test_an_executor_class_instead_of_an_instance_is_named():
    with pytest.raises(TypeError, match="the class LocalExecutor, not an instance"):
        add.run(a=1, executor=LocalExecutor)


def test_an_async_flow_runs_to_its_end():
    async def double(x):
        await asyncio.sleep(0)
        return 2 * x

    assert Flow(double).run(x=4) == 8


def test_an_async_flow_runs_inside_a_running_loop():
    async def double(x):
        await asyncio.sleep(0)
        return 2 * x

    async def notebook_cell():
        return Flow(double).run(x=4)

    assert asyncio.run(notebook_cell()) == 8


def test_an_async_flows_exception_comes_through_a_running_loop():
    async def fail():
        raise KeyError("mine")

    async def notebook_cell():
        Flow(fail).run()

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(notebook_cell())


def test_an_interrupt_inside_a_running_loop_cancels_the_flow(monkeypatch):
    import concurrent.futures

    events = []
    started = threading.Event()

    async def endless():
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    def interrupted(self, timeout=None):
        started.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(concurrent.futures.Future, "result", interrupted)

    async def notebook_cell():
        with pytest.raises(KeyboardInterrupt):
            Flow(endless).run()

    asyncio.run(notebook_cell())
    assert events == ["cancelled"]


def test_a_context_variable_reaches_an_async_flow_in_a_running_loop():
    import contextvars

    variable = contextvars.ContextVar("variable", default="default")

    async def read():
        return variable.get()

    async def notebook_cell():
        variable.set("set")
        return Flow(read).run()

    assert asyncio.run(notebook_cell()) == "set"


# -- parameters by their place ------------------------------------------------------------


def test_run_takes_parameters_by_their_place_as_a_call_does():
    assert Flow(lambda a, b=1: (a, b)).run(5) == (5, 1)
    assert Flow(lambda a, b=1: (a, b)).run(5, b=2) == (5, 2)


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [((1, 2), {}, "takes 1 parameters by their place, not 2"), ((1,), {"a": 1}, "given a twice")],
)
def test_what_has_no_place_or_two_is_an_error(args, named, message):
    with pytest.raises(ParameterError, match=message):
        Flow(lambda a: a).run(*args, **named)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from flowenv import task", "a task is a plain function here"),
        ("from flowenv import Flow, Parameter", "a flow's parameters are its function's here"),
        ("Flow('etl')", "'etl' is a name. A flow is a function with @flow above it"),
        ("Flow(dict).register(project_name='a')", "nothing is registered"),
        ("Flow(dict).storage = 1", "its file travels with the run"),
        ("Flow(dict).run_config = 1", "its environment alone"),
    ],
)
def test_a_name_of_prefect_is_answered_with_what_became_of_it(code: str, said: str) -> None:
    with pytest.raises((ImportError, AttributeError, SettingError)) as caught:
        exec(code, {"Flow": Flow})
    assert said in str(caught.value)
    assert "Coming from Prefect 0.x" in str(caught.value)


def test_parameters_in_a_mapping_are_answered_with_how_they_are_given() -> None:
    with pytest.raises(ParameterError, match=r"by their names: run\(n=3\)"):
        add.run(parameters={"a": 1})


def test_a_property_that_fails_says_its_own_reason() -> None:
    def wrong(a):
        """Its annotation can't be evaluated."""

    wrong.__annotations__["a"] = "threading.nothing"
    with pytest.raises(AttributeError, match="module 'threading' has no attribute 'nothing'"):
        _ = Flow(wrong).signature


# -- what one would guess ---------------------------------------------------------------------


class Elsewhere(ToyEnvironment):
    capabilities = Capabilities(attach=True)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (
            "train.submit(n=5)",
            "flowenv.submit(train, n=5) runs it where its environment says, train",
        ),
        ("train.delay(5)", "train.run(5) in this process"),
        ("train.map([1, 2])", "flowenv.map(train, […]) makes a run of each"),
        ("train.serve()", "cron, or a CronJob, calls `flowenv run`"),
        ("flow(file='a.csv')(print)", "@flow has no option 'file'. Did you mean 'files'?"),
        (
            "flow(retries=3)(print)",
            "@flow has no option 'retries'. Known: code, environment, files",
        ),
    ],
)
def test_what_one_would_guess_says_what_to_write(code: str, says: str) -> None:
    @flow
    def train(n: int) -> int:
        return n

    with pytest.raises((AttributeError, SettingError)) as caught:
        exec(code, {"train": train, "flow": flow})
    assert says in str(caught.value)
    assert not hasattr(train, "submit")


@pytest.mark.parametrize("place", ["prod", Elsewhere()])
def test_a_flow_with_a_place_of_its_own_says_that_it_runs_here(
    place: object, caplog: pytest.LogCaptureFixture
) -> None:
    made = Flow(lambda: 5, name="train", environment=place)  # type: ignore[arg-type]
    assert made.run() == 5
    assert "The flow train runs in this process, not in its environment " in caplog.text


def test_a_flow_that_would_run_here_anyhow_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert Flow(lambda: 5, environment=ToyEnvironment()).run() == 5
    assert Flow(lambda: 5).run() == 5
    assert caplog.text == ""


@flow
def typed(
    n: int = 0,
    rate: float = 0.0,
    name: str | None = None,
    names: list[str] = [],  # noqa: B006
    sizes: dict[str, list[int]] = {},  # noqa: B006
    pair: tuple[int, str] = (0, ""),
    many: tuple[float, ...] | None = None,
    how: Literal["fast", "slow"] = "fast",
    when: datetime.date | None = None,
    moment: datetime.datetime | None = None,
    wait: datetime.timedelta = datetime.timedelta(0),
    price: decimal.Decimal = decimal.Decimal(0),
    key: uuid.UUID | None = None,
    place: Path = Path(),
    either: datetime.date | str = "",
    implicit: int = None,  # type: ignore[assignment]  # noqa: RUF013
    free=None,  # type: ignore[no-untyped-def]
) -> None:
    pass


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"n": "5"}, "The parameter n of the flow typed is an integer, not str. Give 5, not '5'."),
        ({"n": 2.5}, "is an integer, not float."),
        ({"rate": "0.5"}, "Give 0.5, not '0.5'."),
        ({"name": 5}, "The parameter name of the flow typed"),
        ({"names": "a,b"}, "is list[str], not str."),
        ({"names": {"a": 1}}, "is list[str], not dict."),
        ({"names": ["a", 5]}, "is list[str], and its item 1 is a string, not int."),
        ({"names": [None]}, "and its item 0 is a string, not None."),
        ({"sizes": {"a": [1], "b": ["2"]}}, "and its 'b' is list[int], and its item 0 is an int"),
        ({"sizes": {5: []}}, "and its key 5 is a string, not int."),
        ({"pair": [1, 2]}, "and its item 1 is a string, not int."),
        ({"pair": (1, "a", 2)}, "and it has 3 items, not 2."),
        ({"many": (1, "2.5")}, "and its item 1 is a number, not str. Give 2.5, not '2.5'."),
        ({"how": "quick"}, "The parameter how of the flow typed"),
        ({"when": 5}, "The parameter when of the flow typed is a date or None, not int."),
        ({"when": "2026-11-28"}, "not str. Give datetime.date(2026, 11, 28), not '2026-11-28'."),
        ({"moment": "now"}, "is a date and time or None, not str."),
        ({"wait": 5}, "is a duration, not int."),
        ({"price": 0.5}, "is a decimal number, not float."),
        ({"price": "0.5"}, "Give decimal.Decimal('0.5'), not '0.5'."),
        ({"key": "a"}, "is a UUID or None, not str."),
        ({"when": datetime.datetime(2026, 11, 28, 9)}, "a date or None, not 2026-11-28 09:00:00."),
        ({"name": datetime.date(2026, 11, 28)}, "is a string or None, not 2026-11-28."),
        ({"n": decimal.Decimal("2.5")}, "is an integer, not 2.5."),
        ({"either": 5}, "is a date or a string, not int."),
        ({"n": None}, "is an integer, not None."),
    ],
)
def test_a_parameter_that_cant_be_meant_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError) as caught:
        typed.run(**given)
    assert says in str(caught.value)


class Number:
    """As NumPy's numbers are: no int by its class."""

    def __index__(self) -> int:
        return 5


@pytest.mark.parametrize(
    "given",
    [
        {"n": True},
        {"n": Number()},
        {"rate": 1},
        {"name": None},
        {"names": ("a", "b")},
        {"names": {"a", "b"}},
        {"sizes": {"a": (1, Number())}},
        {"pair": [1, "a"]},
        {"many": [1, 2.5]},
        {"place": "data/a.csv"},
        {"price": 5},
        {"implicit": None},
        {"free": object()},
    ],
)
def test_what_a_flow_may_well_take_is_given_to_it(given: dict[str, Any]) -> None:
    typed.run(**given)
