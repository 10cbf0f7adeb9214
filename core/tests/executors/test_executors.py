"""Executors in this machine: where parallel work runs, and what is left afterwards."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import textwrap
import threading

import dask
import pytest
from dask import bag, delayed

from flowenv import DaskExecutor, Flow, LocalDaskExecutor, LocalExecutor, contract, get_executor
from flowenv.errors import FlowenvError, PlatformError, SettingError
from flowenv.executors import Executor, check_executor
from flowenv.executors.opening import default_executor, open_executor


def where() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


HERE = (os.getpid(), threading.main_thread().ident)


def test_outside_a_flow_the_executor_is_serial():
    assert get_executor().submit(where).result() == where()


def test_the_local_executor_runs_everything_in_the_calling_thread():
    def flow():
        return [get_executor().submit(where).result(), delayed(where)().compute()]

    assert Flow(flow).run(executor=LocalExecutor()) == [where()] * 2


def test_the_local_executor_is_the_default():
    assert Flow(lambda: delayed(where)().compute()).run() == where()


def test_a_serial_pool_keeps_an_exception_in_the_future():
    future = get_executor().submit(int, "three")
    assert isinstance(future.exception(), ValueError)


def test_threads_are_threads_of_this_process():
    def flow():
        return [get_executor().submit(where).result(), delayed(where)().compute()]

    for pid, thread in Flow(flow).run(executor=LocalDaskExecutor("threads", num_workers=2)):
        assert pid == os.getpid()
        assert thread != threading.get_ident()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("sync", "synchronous"),
        ("single-threaded", "synchronous"),
        ("threading", "threads"),
        ("multiprocessing", "processes"),
    ],
)
def test_dasks_other_names_of_its_schedulers_are_understood(given, name):
    assert LocalDaskExecutor(given) == LocalDaskExecutor(scheduler=name)
    assert (
        Flow(lambda: get_executor().submit(len, "ab").result()).run(
            executor=LocalDaskExecutor(given, num_workers=1)
        )
        == 2
    )


def test_an_unknown_scheduler_is_refused():
    with pytest.raises(SettingError, match="scheduler must be 'threads'"):
        LocalDaskExecutor("gpu")


@pytest.mark.parametrize(("debug", "level"), [(True, 30), (False, 50)])
def test_debug_of_earlier_days_is_said_in_todays_word(debug, level):
    with pytest.warns(DeprecationWarning, match="silence_logs in cluster_kwargs"):
        executor = DaskExecutor(debug=debug)
    assert executor == DaskExecutor(cluster_kwargs={"silence_logs": level})
    with pytest.warns(DeprecationWarning, match="debug"):
        assert DaskExecutor("tcp://127.0.0.1:1", debug=debug).cluster_kwargs is None


def test_processes_are_others():
    def flow():
        return [get_executor().submit(os.getpid).result(), delayed(os.getpid)().compute()]

    pids = Flow(flow).run(executor=LocalDaskExecutor("processes", num_workers=1))
    assert os.getpid() not in pids


def test_synchronous_is_here():
    assert Flow(lambda: delayed(where)().compute()).run(
        executor=LocalDaskExecutor("synchronous")
    ) == where()  # fmt: skip


def test_a_bag_uses_the_active_executor():
    def flow():
        return bag.from_sequence(range(3), npartitions=3).map(lambda x: where()[0]).compute()

    assert set(Flow(flow).run(executor=LocalDaskExecutor("threads"))) == {os.getpid()}
    assert os.getpid() not in Flow(flow).run(executor=LocalDaskExecutor("processes", num_workers=1))


def test_work_that_itself_computes_does_not_wait_for_its_own_thread():
    def inner():
        return delayed(abs)(-1).compute()

    one_thread = LocalDaskExecutor("threads", num_workers=1)
    assert Flow(lambda: delayed(inner)().compute()).run(executor=one_thread) == 1


def test_the_number_of_workers_is_kept():
    barrier = threading.Barrier(3, timeout=30)

    def flow():
        return [f.result() for f in [get_executor().submit(barrier.wait) for _ in range(3)]]

    assert sorted(Flow(flow).run(executor=LocalDaskExecutor("threads", num_workers=3))) == [0, 1, 2]


@pytest.mark.parametrize(
    "executor",
    [
        LocalExecutor(),
        LocalDaskExecutor("threads"),
        LocalDaskExecutor("synchronous", num_workers=1),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_dasks_configuration_is_left(executor, fails):
    def flow():
        if fails:
            raise KeyError("x")

    before = dict(dask.config.config)
    try:
        Flow(flow).run(executor=executor)
    except KeyError:
        assert fails
    assert dask.config.config == before


@pytest.mark.parametrize("executor", [LocalExecutor(), LocalDaskExecutor("threads")])
def test_nothing_of_it_is_left_by_runs_that_overlap(executor):
    begun, ended = threading.Event(), threading.Event()
    before, during = dict(dask.config.config), []

    def first():
        with executor.open():
            assert begun.wait(60)
        ended.set()

    thread = threading.Thread(target=first)
    thread.start()
    with executor.open():
        begun.set()
        assert ended.wait(60)
        during.append(dask.config.get("scheduler"))
    thread.join()
    assert dask.config.config == before
    assert during == [getattr(executor, "scheduler", "synchronous")]


def test_the_executor_before_is_active_again():
    def outer():
        with open_executor(LocalDaskExecutor("threads")):
            inner = type(get_executor()).__name__
        return inner, type(get_executor()).__name__

    assert Flow(outer).run() == ("ThreadPoolExecutor", "SerialPool")


def in_a_new_process(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_dask_that_only_the_flow_imports_computes_here_too():
    assert in_a_new_process("""
        import sys
        from flowenv import Flow

        def flow():
            import os, threading
            from dask import delayed, config
            config.set({"mine": 3})
            here = threading.get_ident()
            print(delayed(threading.get_ident)().compute() == here)

        before = "dask" in sys.modules
        Flow(flow).run()
        import dask, os
        print(before, dask.config.get("scheduler", None), dask.config.get("mine"))
        print("DASK_SCHEDULER" in os.environ)
    """) == ["True", "False", "None", "3", "False"]  # fmt: skip


def test_a_users_own_variable_for_dask_is_there_again(monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER", "threads")
    assert in_a_new_process("""
        import os
        from flowenv import Flow

        def flow():
            import dask
            print(dask.config.get("scheduler"))

        Flow(flow).run()
        import dask
        print(dask.config.get("scheduler"), os.environ["DASK_SCHEDULER"])
    """) == ["synchronous", "threads", "threads"]


# -- settings -----------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["thread", None, 3])
def test_an_unknown_scheduler_names_the_known_ones(scheduler):
    with pytest.raises(SettingError, match="'threads' or 'processes' or 'synchronous'"):
        LocalDaskExecutor(scheduler)


@pytest.mark.parametrize("wrong", ["threads", 3, object()])
def test_what_is_no_executor_is_a_type_error_that_names_it(wrong):
    with pytest.raises(TypeError, match=rf"builtins\.{type(wrong).__name__}"):
        check_executor(wrong)


def test_an_executor_shows_its_settings():
    assert repr(LocalDaskExecutor("threads", num_workers=2)) == (
        "LocalDaskExecutor(scheduler='threads', num_workers=2)"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_worker": 2}, "no setting 'num_worker'. Did you mean 'num_workers'?"),
        ({"num_workers": "3"}, "num_workers must be an integer or None, not str ('3')"),
        ({"num_workers": 0}, "num_workers must be at least 1, not 0"),
    ],
)
def test_a_wrong_setting_of_dasks_is_an_error_at_once(settings, message):
    with pytest.raises(SettingError, match=re.escape(message)):
        LocalDaskExecutor(**settings)


def test_what_else_is_given_is_dasks_configuration_while_the_flow_runs():
    def flow():
        import dask

        return dask.config.get("chunksize"), dask.config.get("array.chunk-size")

    executor = LocalDaskExecutor("synchronous", chunksize=4, array__chunk_size="1MiB")
    assert Flow(flow).run(executor=executor) == (4, "1MiB")


def test_executors_with_equal_settings_are_equal():
    assert LocalDaskExecutor("threads", num_workers=2) == LocalDaskExecutor(
        "threads", num_workers=2
    )


# -- the default --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flowenv.executors.LocalDaskExecutor", LocalDaskExecutor()),
        ("flowenv.LocalExecutor", LocalExecutor()),
        ("prefect.executors.LocalDaskExecutor", LocalDaskExecutor()),
        ("prefect.engine.executors.LocalExecutor", LocalExecutor()),
    ],
)
def test_the_variable_names_the_default_executor(monkeypatch, name, expected):
    monkeypatch.setenv(contract.EXECUTOR, name)
    assert default_executor() == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("os.path.join", "no flowenv Executor class"),
        ("absent.Executor", "can't be imported"),
        ("Executor", "no executor 'Executor'"),
        (f"{__name__}.NeedsMore", "can't be made"),
    ],
)
def test_a_variable_that_names_no_executor_is_an_error(monkeypatch, name, message):
    monkeypatch.setenv(contract.EXECUTOR, name)
    with pytest.raises(SettingError, match=message):
        default_executor()


@dataclasses.dataclass
class NeedsMore(Executor):
    more: str


# -- opening and closing ------------------------------------------------------------------


class Breaks(Executor):
    """Fails where it is told to."""

    def __init__(self, at):
        self.at = at

    def open(self, source_files=()):
        return self

    def __enter__(self):
        if self.at == "open":
            raise OSError("no room")
        return "pool"

    def __exit__(self, *error):
        if self.at == "close":
            raise OSError("can't close")


def test_an_executor_that_can_not_be_opened_is_an_error_of_the_platform():
    with pytest.raises(
        PlatformError, match="The executor Breaks can't be opened: OSError: no room"
    ):
        Flow(lambda: 1).run(executor=Breaks("open"))


def test_an_executor_that_can_not_be_closed_does_not_hide_the_result(caplog):
    assert Flow(lambda: 1).run(executor=Breaks("close")) == 1
    assert "could not be closed properly" in caplog.text


def test_an_executor_that_can_not_be_closed_does_not_hide_the_flows_exception():
    def fail():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Flow(fail).run(executor=Breaks("close"))


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(FlowenvError, match=r"needs dask.*pip install 'flowenv\[dask\] @"):
        Flow(lambda: 1).run(executor=LocalDaskExecutor("synchronous"))
