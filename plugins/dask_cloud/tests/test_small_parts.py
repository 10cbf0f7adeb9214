"""Names, quoting, Dask's configuration, diagnosis: the pure parts."""

import copy
import subprocess
import uuid

import dask.config
import pytest
import yaml
from dask_cloudprovider.generic.vmcluster import VMCluster
from hypothesis import given, settings
from hypothesis import strategies as st

from flowenv import FlowRun
from flowenv.plugin import Reason
from flowenv_dask_cloud import DaskCloudProviderEnvironment
from flowenv_dask_cloud.cluster.dask_config import ProviderSettings
from flowenv_dask_cloud.cluster.diagnosis import cause_of, not_in_time, start_error, why_stopped
from flowenv_dask_cloud.cluster.ecs_tasks import todays_command
from flowenv_dask_cloud.cluster.progress import Progress
from flowenv_dask_cloud.spec.cloud_init import quoted
from flowenv_dask_cloud.spec.tags import cluster_name, tag_value


@given(st.uuids())
def test_a_clusters_name_leaves_room_for_the_names_of_its_roles(run_id: uuid.UUID) -> None:
    name = cluster_name(str(run_id))

    assert len(f"dask-{name}-execution-role") <= 64
    assert name.replace("-", "").isalnum()


@given(st.text())
def test_any_text_becomes_a_tags_value(text: str) -> None:
    value = tag_value(text)

    assert 1 <= len(value) <= 256
    assert not set(value) & set("()*!?#;'\"<>{}")


@settings(max_examples=15, deadline=None)
@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\x85")
    )
)
def test_any_one_line_value_survives_cloud_init_and_the_shell(value: str) -> None:
    rendered = VMCluster.render_cloud_init(
        _Quiet(), image="i", command="c", env_vars=quoted({"X": value})
    )

    [line] = yaml.safe_load(rendered)["runcmd"]
    words = subprocess.run(
        ["sh", "-c", line.replace("docker run", r"printf %s\\n")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    assert f"X={value}" in words


class _Quiet:
    debug = False


def test_what_a_provider_sets_in_dasks_configuration_is_undone_and_nothing_else() -> None:
    before = copy.deepcopy(dask.config.config)
    noticed = ProviderSettings()

    with noticed.noticed():
        dask.config.set({"test-provider.deep.key": 1, "test-provider.other": {}})
    dask.config.set({"test-flow.key": 2})
    try:
        noticed.undo()
        assert dask.config.config == {**before, "test-flow": {"key": 2}}
    finally:
        dask.config.config.pop("test-flow")


def test_defaults_of_a_library_that_is_imported_meanwhile_stay() -> None:
    noticed = ProviderSettings()
    before = list(dask.config.defaults)

    with noticed.noticed():
        dask.config.update_defaults({"test-library": {"key": 1}})
    noticed.undo()
    try:
        assert dask.config.get("test-library.key") == 1
    finally:
        dask.config.config.pop("test-library")
        dask.config.defaults[:] = before


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["dask-scheduler", "--idle-timeout", "5"], ["dask", "scheduler", "--idle-timeout", "5"]),
        (["dask-worker", "tcp://a:1"], ["dask", "worker", "tcp://a:1"]),
        (["dask-cuda-worker", "x"], ["dask-cuda-worker", "x"]),
        (["dask", "worker"], ["dask", "worker"]),
    ],
)
def test_commands_get_todays_names(command: list[str], expected: list[str]) -> None:
    assert todays_command(command) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CannotPullContainerError: not found", Reason.IMAGE_PULL),
        ("ResourceInitializationError: unable to pull secrets", Reason.NETWORK),
        ("OutOfMemoryError: Container killed", Reason.OOM_KILLED),
        ("An error occurred (AccessDeniedException)", Reason.ACCESS_DENIED),
        ("Capacity is unavailable at this time", Reason.UNSCHEDULABLE),
        ("something else", Reason.START_ERROR),
    ],
)
def test_a_providers_text_has_a_reason(text: str, reason: Reason) -> None:
    assert cause_of(text)[0] is reason


def test_a_running_task_has_no_reason() -> None:
    assert why_stopped({"lastStatus": "RUNNING", "containers": []}) is None


def test_a_start_error_says_each_thing_once() -> None:
    outer = RuntimeError("Cluster failed to start: no room")
    outer.__cause__ = RuntimeError("no room")

    error = start_error("VMCluster", outer, ["the worker's task has stopped: no image"])

    assert error.message.count("no room") == 1
    assert "the worker's task has stopped: no image" in error.message


def test_a_reason_that_the_task_its_container_and_the_provider_name_is_said_once() -> None:
    task = {
        "lastStatus": "STOPPED",
        "stoppedReason": "CannotPullContainerError: not found",
        "containers": [{"name": "dask-worker", "reason": "CannotPullContainerError: not found"}],
    }
    why = why_stopped(task)
    assert why

    problem = f"the worker's task {why.message}"
    error = start_error("FargateCluster", RuntimeError(f"failed to start: {problem}"), [problem])

    assert error.message.count("CannotPullContainerError") == 1


def test_what_aws_refuses_for_good_has_a_hint() -> None:
    error = start_error("FargateCluster", RuntimeError("An error occurred (ClusterNotFound…)"))

    assert error.reason is Reason.CONFIGURATION
    assert "cluster_arn" in error.hint


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


@pytest.mark.parametrize(("here", "asks"), [(True, False), (False, True)])
def test_a_cluster_on_this_machine_isnt_asked_for_an_image_and_a_port(
    here: bool, asks: bool
) -> None:
    error = not_in_time("LocalCluster", 4, "Making a LocalCluster.", [], here=here)

    assert ("image" in error.hint) is asks
    assert "start_timeout" in error.hint
