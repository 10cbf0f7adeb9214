"""What the log says while a cluster comes up."""

import pytest

from flowenv import FlowRun
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from flowenv_dask_cloud.cluster.progress import Progress


def test_the_log_says_again_and_again_what_is_waited_for_and_for_how_long(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    caplog.set_level("INFO", "flowenv.dask_cloud")
    environment = DaskCloudProviderEnvironment("distributed.LocalCluster")
    progress = Progress(FlowRun(environment, id="run-1", flow_name="total"))
    progress.say("Making a LocalCluster.")

    for clock[0] in (5.0, 12.0, 15.0, 30.0):
        progress.still()

    assert caplog.messages == [
        "Making a LocalCluster.",
        "Making a LocalCluster. (for 12 s)",
        "Making a LocalCluster. (for 30 s)",
    ]
