"""The DaskExecutor: a cluster of its own, or one that exists."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import dask
import pytest

from flowenv import DaskExecutor, Flow, get_executor
from flowenv.container.unpacking import load_run, unpack
from flowenv.errors import PlatformError, SettingError
from flowenv.execution.running import call_with_callbacks
from flowenv.executors.dask import check_versions
from flowenv.executors.opening import open_executor
from flowenv.flows.finding import find_flow
from flowenv.payload.packing import pack
from flowenv.submission.lifecycle import prepare

from ..flow_files import write
from ..plugging import ToyEnvironment

distributed = pytest.importorskip("distributed")

SMALL = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0"}
HERE = {**SMALL, "processes": False}


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two processes that outlives the flows."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


def everything():
    """What a flow may do with Dask, each time telling which process did it."""
    from dask import bag, delayed
    from distributed import get_client

    def pid(x=None):
        return os.getpid()

    return {
        "delayed": delayed(pid)().compute(),
        "bag": bag.from_sequence([1], npartitions=1).map(pid).compute()[0],
        "future": get_client().submit(pid).result(),
        "executor": get_executor().submit(pid).result(),
    }


def test_all_of_dask_uses_the_cluster_that_is_made_for_the_run():
    pids = Flow(everything).run(executor=DaskExecutor(cluster_kwargs=SMALL))
    assert len(set(pids.values())) == 1
    assert os.getpid() not in pids.values()


def test_all_of_dask_uses_the_cluster_that_exists(cluster):
    address = cluster.scheduler_address
    pids = Flow(everything).run(executor=DaskExecutor(address))
    workers = {nanny.pid for nanny in cluster.workers.values()}
    assert set(pids.values()) <= workers


def test_a_cluster_that_exists_stays(cluster):
    Flow(lambda: 1).run(executor=DaskExecutor(cluster.scheduler_address))
    assert cluster.status.name == "running"


def test_nothing_of_dasks_configuration_or_client_is_left(cluster):
    # clients of other tests that nobody has closed may be there
    before = dict(dask.config.config), distributed.client._get_global_client()
    Flow(everything).run(executor=DaskExecutor(cluster.scheduler_address))
    assert (dask.config.config, distributed.client._get_global_client()) == before


def test_a_cluster_class_may_be_named():
    executor = DaskExecutor(cluster_class="distributed.LocalCluster", cluster_kwargs=HERE)
    assert Flow(everything).run(executor=executor)["delayed"] == os.getpid()


def how_ctrl_c_is_taken():
    """What a worker does about Ctrl-C, and a program that it starts."""
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    program = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    started = subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    os.kill(os.getpid(), signal.SIGINT)
    return blocked, started.returncode


def test_workers_take_no_notice_of_ctrl_c_but_the_programs_they_start_do():
    def ask():
        taken = get_executor().submit(how_ctrl_c_is_taken).result()
        return taken, get_executor().submit(abs, -1).result()

    taken, later = Flow(ask).run(executor=DaskExecutor(cluster_kwargs=SMALL))
    assert taken == (False, -signal.SIGINT)
    assert later == 1


def test_here_ctrl_c_is_taken_as_before():
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    Flow(everything).run(executor=DaskExecutor(cluster_kwargs=HERE))
    after = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert after == before


class Recorded:
    """A cluster class that tells what happens to it."""

    events: list = []  # noqa: RUF012

    def __init__(self, **kwargs):
        self.cluster = distributed.LocalCluster(**kwargs)
        self.scheduler_address = self.cluster.scheduler_address

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.events.append("closed")
        self.cluster.close()

    def adapt(self, **kwargs):
        self.events.append(kwargs)
        if kwargs.get("minimum", 0) < 0:
            raise ValueError("minimum")


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.setattr(Recorded, "events", [])
    monkeypatch.setattr(distributed.Client, "__init__", _with_address(distributed.Client.__init__))
    return Recorded.events


def _with_address(init):
    def wrapped(self, address=None, *args, **kwargs):
        init(self, getattr(address, "cluster", address), *args, **kwargs)

    return wrapped


def test_a_cluster_is_made_adaptive_when_asked_and_closed(recorded):
    executor = DaskExecutor(
        cluster_class=Recorded, cluster_kwargs=HERE, adapt_kwargs={"maximum": 2}
    )
    assert Flow(lambda: 3).run(executor=executor) == 3
    assert recorded == [{"maximum": 2}, "closed"]


def test_a_cluster_is_closed_when_it_can_not_be_made_adaptive(recorded):
    executor = DaskExecutor(
        cluster_class=Recorded, cluster_kwargs=HERE, adapt_kwargs={"minimum": -1}
    )
    with pytest.raises(PlatformError, match="can't be opened: ValueError"):
        Flow(lambda: 3).run(executor=executor)
    assert recorded[-1] == "closed"


def test_a_cluster_is_closed_when_the_flow_fails(recorded):
    def fail():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Flow(fail).run(executor=DaskExecutor(cluster_class=Recorded, cluster_kwargs=HERE))
    assert recorded == ["closed"]


def test_an_address_and_a_cluster_exclude_each_other():
    with pytest.raises(SettingError, match="either an address or a cluster"):
        DaskExecutor("tcp://127.0.0.1:1", cluster_kwargs={"n_workers": 1})


def test_an_unknown_cluster_class_is_named():
    with pytest.raises(SettingError, match=r"'absent\.Cluster' can't be imported"):
        Flow(lambda: 1).run(executor=DaskExecutor(cluster_class="absent.Cluster"))


def test_the_performance_report_is_written_and_the_log_says_where(tmp_path, cluster, caplog):
    path = tmp_path / "report.html"
    executor = DaskExecutor(cluster.scheduler_address, performance_report_path=str(path))
    with caplog.at_level("INFO", "flowenv"):
        Flow(everything).run(executor=executor)
    assert "<html" in path.read_text()
    assert f"performance report was written to {path}" in caplog.text


def test_in_a_container_the_performance_report_is_one_of_the_runs_files(
    tmp_path, cluster, monkeypatch
):
    monkeypatch.setenv("PREFECT__CONTEXT__FLOW_RUN_ID", "run-1")
    monkeypatch.setenv("FLOWENV_OUTPUT", str(tmp_path / "output"))
    executor = DaskExecutor(cluster.scheduler_address, performance_report_path="dask/report.html")
    with executor.open(source_files=()):
        pass
    assert "<html" in (tmp_path / "output" / "dask" / "report.html").read_text()


def test_the_performance_report_of_a_failed_flow_is_written_too(tmp_path, cluster):
    def fail():
        raise KeyError("mine")

    path = tmp_path / "report.html"
    executor = DaskExecutor(cluster.scheduler_address, performance_report_path=str(path))
    with pytest.raises(KeyError):
        Flow(fail).run(executor=executor)
    assert path.exists()


def test_a_report_that_can_not_be_written_does_not_hide_the_result(tmp_path, cluster, caplog):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "report.html"
    executor = DaskExecutor(cluster.scheduler_address, performance_report_path=str(path))
    assert Flow(lambda: 3).run(executor=executor) == 3
    assert "performance report couldn't be written" in caplog.text


def test_a_report_without_bokeh_is_refused_before_the_flow_begins(tmp_path, cluster, monkeypatch):
    begun = []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    report = str(tmp_path / "report.html")
    for executor in (
        DaskExecutor(performance_report_path=report),
        DaskExecutor(cluster.scheduler_address, performance_report_path=report),
    ):
        with pytest.raises(SettingError, match="needs bokeh") as caught:
            Flow(lambda: begun.append(1)).run(executor=executor)
        assert "pip install bokeh" in caught.value.hint
    assert begun == []


# -- versions -----------------------------------------------------------------------------


def versions(**packages):
    return {"packages": {"python": "3.11.7.final.0", "dask": "1", "distributed": "1", **packages}}


class OtherVersions:
    def __init__(self, **workers):
        self.workers = workers

    def get_versions(self, check):
        workers = {name: versions(**packages) for name, packages in self.workers.items()}
        return {"client": versions(), "scheduler": versions(), "workers": workers}


@pytest.mark.parametrize("package", ["python", "dask", "distributed"])
def test_another_version_is_an_error_that_lists_who_has_which(package):
    with pytest.raises(PlatformError, match=r"client: Python 3\.11.*worker w.*9\.9.*one image"):
        check_versions(OtherVersions(w={package: "9.9.0"}))


def test_another_patch_of_python_is_fine():
    check_versions(OtherVersions(w={"python": "3.11.99.final.0"}))


@pytest.mark.filterwarnings("ignore:Mismatched versions")  # Dask's own word on it
def test_a_worker_with_another_version_is_refused_before_the_flow_runs(tmp_path):
    text = """
        from distributed import versions

        real = vars(versions).setdefault("real", versions._version_cached)  # it is run twice
        versions._version_cached = lambda name: "1999.1.0" if name == "dask" else real(name)
    """
    preload = write(tmp_path / "preload.py", text)
    executor = DaskExecutor(cluster_kwargs={**SMALL, "preload": [str(preload)]})
    with pytest.raises(PlatformError, match=r"worker .*: .* dask 1999\.1\.0"):
        Flow(lambda: pytest.fail("the flow ran")).run(executor=executor)


# -- shipped source -----------------------------------------------------------------------

SHIPPED = """
    import os
    from pathlib import Path

    from dask import delayed
    from flowenv import flow
    from beside_of_shipped import OFFSET
    from below_of_shipped.module import FACTOR

    DATA = Path(__file__).parent / "numbers.txt"

    def work(x):
        return x * FACTOR + OFFSET

    def read(x):
        return int(DATA.read_text()) + x

    @flow(files=["beside_of_shipped.py", "below_of_shipped/module.py", "numbers.txt"])
    def shipped(late=None):
        from distributed import get_client

        client = get_client()
        if late:
            late(client)
        return [
            sum(client.gather(client.map(work, range(3)))),
            delayed(work)(1).compute(),
            delayed(read)(1).compute(),
            client.submit(os.getpid).result() != os.getpid(),
        ]
"""


@pytest.fixture
def shipped(toy, tmp_path):
    """A run as its container loads it, its source nowhere else."""
    here, there = tmp_path / "here", tmp_path / "there"
    write(here / "beside_of_shipped.py", "OFFSET = 100\n")
    write(here / "below_of_shipped" / "module.py", "FACTOR = 10\n")
    write(here / "numbers.txt", "7\n")
    path = write(here / "shipped_flow.py", SHIPPED)
    run = prepare(find_flow(str(path)), environment=ToyEnvironment()).flow_run
    data = pack(run)
    for name in (
        "shipped_flow",
        "beside_of_shipped",
        "below_of_shipped",
        "below_of_shipped.module",
    ):
        sys.modules.pop(name, None)
    sys.path.remove(str(here))
    there.mkdir()
    run = load_run(unpack(data), there)
    yield run
    for name in (
        "shipped_flow",
        "beside_of_shipped",
        "below_of_shipped",
        "below_of_shipped.module",
    ):
        sys.modules.pop(name, None)


def run_on_cluster(run, executor):
    with open_executor(executor, lambda: run.source_files):
        return call_with_callbacks(run.environment, run).value


EXPECTED = [330, 110, 8, True]


def test_shipped_source_reaches_the_workers_of_a_cluster_elsewhere(shipped, elsewhere):
    assert run_on_cluster(shipped, DaskExecutor(elsewhere.scheduler_address)) == EXPECTED


def test_shipped_source_reaches_a_worker_that_joins_late(shipped, elsewhere):
    def late(client):
        before = set(client.scheduler_info(n_workers=-1)["workers"])
        elsewhere.scale(2)
        client.wait_for_workers(2, timeout=30)
        (new,) = set(client.scheduler_info(n_workers=-1)["workers"]) - before
        (old,) = before
        client.retire_workers([old])
        assert client.submit(os.getpid, workers=[new]).result()

    shipped.parameters["late"] = late
    assert run_on_cluster(shipped, DaskExecutor(elsewhere.scheduler_address)) == EXPECTED


def test_shipped_source_reaches_a_cluster_of_its_own(shipped):
    assert run_on_cluster(shipped, DaskExecutor(cluster_kwargs=SMALL)) == EXPECTED


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A cluster whose processes don't see this one's `sys.path`."""
    with monkeypatch.context() as patched:
        hidden = [p for p in sys.path if not p.startswith(str(tmp_path))]
        patched.setattr(sys, "path", hidden)
        made = distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        )
    with made:
        yield made


def test_no_thread_of_ours_is_left(cluster):
    Flow(everything).run(executor=DaskExecutor(cluster.scheduler_address))
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("flowenv", "keep-dask-awake"))]
