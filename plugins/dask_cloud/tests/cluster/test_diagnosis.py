"""From a provider's words to why there is no cluster."""

import pytest

from flowenv.plugin import Reason
from flowenv_dask_cloud.cluster.diagnosis import cause_of, not_in_time, start_error, why_stopped


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


@pytest.mark.parametrize(("here", "asks"), [(True, False), (False, True)])
def test_a_cluster_on_this_machine_isnt_asked_for_an_image_and_a_port(
    here: bool, asks: bool
) -> None:
    error = not_in_time("LocalCluster", 4, "Making a LocalCluster.", [], here=here)

    assert ("image" in error.hint) is asks
    assert "start_timeout" in error.hint
