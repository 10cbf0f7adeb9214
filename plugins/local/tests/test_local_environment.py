"""LocalEnvironment: the flow runs here, in the calling thread."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from flowenv import (
    Capabilities,
    Environment,
    Flow,
    LocalDaskExecutor,
    State,
    attach,
    flow,
    get_executor,
    make_environment,
    submit,
)
from flowenv.errors import RunFailed, UnsupportedOperation
from flowenv.plugin import configuration
from flowenv.registry.registry import reset
from flowenv.submission.lifecycle import prepare
from flowenv_local import LocalEnvironment


@pytest.fixture(autouse=True)
def as_a_new_process(tmp_path, monkeypatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    configuration.cache_clear()
    reset()
    yield
    configuration.cache_clear()
    reset()


def where() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


@flow
def fail():
    raise KeyError("mine")


def test_its_arguments_are_those_of_the_seed_in_their_order():
    import inspect

    parameters = inspect.signature(LocalEnvironment).parameters
    assert list(parameters) == ["executor", "labels", "on_start", "on_exit", "metadata"]
    assert all(parameter.default is None for parameter in parameters.values())


def test_it_is_the_backend_local():
    assert isinstance(make_environment("local"), LocalEnvironment)
    assert LocalEnvironment().serialize()["type"] == "local"


def test_it_is_where_flows_run_by_default():
    assert isinstance(submit(dict).environment, LocalEnvironment)


def test_the_flow_runs_in_the_calling_thread():
    assert LocalEnvironment().execute(Flow(where)).result() == where()


def test_the_flow_runs_in_whichever_thread_calls():
    found = []

    def call():
        found.append((LocalEnvironment().execute(Flow(where)).result(), where()))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    ((result, there),) = found
    assert result == there


def test_the_run_is_over_when_execute_returns():
    run = LocalEnvironment().execute(Flow(dict))
    assert run.state is State.COMPLETED
    assert run.wait(0).state is State.COMPLETED


def test_the_result_is_the_object_itself():
    made = object()
    assert LocalEnvironment().execute(Flow(lambda: made)).result() is made


def test_a_failed_run_says_so_and_chains_the_flows_exception():
    run = LocalEnvironment().execute(fail)
    assert run.state is State.FAILED
    with pytest.raises(RunFailed, match="failed: KeyError: 'mine'") as raised:
        run.result()
    assert isinstance(raised.value.__cause__, KeyError)
    assert raised.value.error_class == "KeyError"


def test_run_gives_the_result_and_lets_exceptions_through():
    assert LocalEnvironment().run(Flow(lambda x: x), x=3) == 3
    with pytest.raises(KeyError):
        LocalEnvironment().run(fail)


def test_the_given_executor_is_used():
    environment = LocalEnvironment(executor=LocalDaskExecutor("threads"))
    result = environment.execute(Flow(lambda: get_executor().submit(where).result())).result()
    assert result != where()


def test_the_default_executor_is_the_variables(monkeypatch):
    monkeypatch.setenv(
        "PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS", "flowenv.executors.LocalDaskExecutor"
    )
    run = LocalEnvironment().execute(Flow(lambda: type(get_executor()).__name__))
    assert run.result() == "ThreadPoolExecutor"


def test_an_async_flow_runs_also_inside_a_running_loop():
    async def double(x):
        await asyncio.sleep(0)
        return 2 * x

    async def notebook_cell():
        return LocalEnvironment().execute(Flow(double), x=2).result()

    assert LocalEnvironment().execute(Flow(double), x=1).result() == 2
    assert asyncio.run(notebook_cell()) == 4


def test_an_interrupt_passes_through_after_on_exit_and_with_the_executor_closed():
    events = []

    def interrupted():
        events.append(get_executor())
        raise KeyboardInterrupt

    environment = LocalEnvironment(
        executor=LocalDaskExecutor("threads"), on_exit=lambda: events.append("exit")
    )
    with pytest.raises(KeyboardInterrupt):
        environment.execute(Flow(interrupted))
    pool, called = events
    assert called == "exit"
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(where)


def test_two_threads_can_run_flows_at_once():
    barrier = threading.Barrier(2, timeout=30)
    results = []

    def call(x):
        def meet(x):
            barrier.wait()
            return x

        results.append(LocalEnvironment().execute(Flow(meet), x=x).result())

    threads = [threading.Thread(target=call, args=(x,)) for x in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1]


def test_a_flow_can_run_another():
    inner = Flow(lambda x: x + 1, name="inner")

    def outer():
        return LocalEnvironment().execute(inner, x=1).result() + 1

    assert LocalEnvironment().execute(Flow(outer)).result() == 3


def test_what_it_can_do_is_said():
    can = LocalEnvironment.capabilities
    assert can == Capabilities()
    assert not any((can.cancel, can.logs, can.attach, can.find, can.sweep, can.image))


def test_what_it_can_not_do_says_so():
    with pytest.raises(UnsupportedOperation, match="can't attach"):
        attach("reference", LocalEnvironment())
    with pytest.raises(UnsupportedOperation, match="can't read a run's logs"):
        list(LocalEnvironment().execute(Flow(dict)).logs())


def test_cancelling_a_run_that_is_over_leaves_it_so():
    assert LocalEnvironment().execute(Flow(dict)).cancel().state is State.COMPLETED


def test_setup_runs_nothing():
    called = []
    LocalEnvironment().setup(Flow(lambda: called.append(1), name="f"))
    assert called == []


def test_the_spec_names_flow_and_executor():
    environment = LocalEnvironment(executor=LocalDaskExecutor("threads"))
    spec = prepare(Flow(dict, name="f"), environment=environment).spec
    assert spec["local"]["flow"] == "f"
    assert "LocalDaskExecutor" in spec["local"]["executor"]


def test_it_reads_back_as_it_was():
    environment = LocalEnvironment(
        executor=LocalDaskExecutor("threads", num_workers=2),
        labels=["a"],
        on_start=os.getpid,
        metadata={"image": "i"},
    )
    assert Environment.deserialize(environment.serialize()) == environment
