"""flowenv, brought to a scheduler and workers that lack it."""

from __future__ import annotations

import inspect
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from distributed import Client, LocalCluster
from distributed.protocol.pickle import dumps

from flowenv.executors.dask import run_on
from flowenv.executors.dask_cluster import worker_runtime
from flowenv.payload.runtime import shipped_runtime

from .without_dashboard import WITHOUT_DASHBOARD

LACKS_IT = """
import asyncio, importlib.util, pickle, sys
assert importlib.util.find_spec("flowenv") is None
plugin = pickle.loads(sys.stdin.buffer.read())
before = list(sys.path)
if hasattr(plugin, "start"):
    asyncio.run(plugin.start(None))
else:
    plugin.setup(None)
import flowenv
print(flowenv.flow(lambda: 42)(), sys.path[:-1] == before, flowenv.__file__)
"""


@pytest.mark.parametrize("which", [0, 1], ids=["scheduler", "worker"])
def test_what_lacks_flowenv_can_import_it(which: int, tmp_path: Path) -> None:
    source = inspect.getsource(worker_runtime)
    plugin = worker_runtime.runtime_plugins(shipped_runtime().content, source)[which]
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if not one.name.startswith("flowenv"):
            (tmp_path / one.name).symlink_to(one)
    # without site no .pth file leads to a flowenv that is installed to be edited
    done = subprocess.run(
        [sys.executable, "-S", "-c", LACKS_IT],
        input=dumps(plugin),
        capture_output=True,
        env={"PYTHONPATH": str(tmp_path)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"42 True ")
    assert b"flowenv.zip" in done.stdout


def test_what_has_flowenv_keeps_it() -> None:
    before = list(sys.path)
    with (
        LocalCluster(
            n_workers=1,
            processes=False,
            **WITHOUT_DASHBOARD,
        ) as cluster,
        Client(cluster) as client,
        run_on(client, runtime=b"no zip") as pool,
    ):
        assert pool.submit(pow, 2, 3).result(60) == 8
    assert sys.path == before
