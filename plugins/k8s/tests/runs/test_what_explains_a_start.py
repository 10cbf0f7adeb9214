"""What explains that a run doesn't start: events, and other pods of it."""

from __future__ import annotations

from typing import Any

import pytest

from flowenv.plugin import Reason, State
from flowenv_k8s.runs.diagnosis.events import explain
from flowenv_k8s.runs.diagnosis.pod_status import pod_status
from flowenv_k8s.runs.diagnosis.reasons import hint_for

from .judged import container, pod, terminated

# -- events, and other pods -------------------------------------------------------------------


def event(
    reason: str, message: str, second: int = 1, kind: str = "Warning", version: int = 1
) -> dict[str, Any]:
    when = f"2026-11-22T18:00:{second:02}Z"
    return {
        "metadata": {"resourceVersion": str(version)},
        "reason": reason,
        "message": message,
        "lastTimestamp": when,
        "type": kind,
    }


def scheduling(message: str, when: str, last: str = "") -> dict[str, Any]:
    """An event as the scheduler writes it."""
    made = {"reason": "FailedScheduling", "message": message, "type": "Warning"}
    series = {"lastObservedTime": f"2026-11-22T18:00:{last}Z"} if last else None
    at = f"2026-11-22T18:00:{when}Z"
    return {**made, "lastTimestamp": None, "eventTime": at, "series": series}


def test_the_newest_is_known_whoever_wrote_it() -> None:
    one, two = "0/1 nodes: cpu", "0/1 nodes: memory"
    refused = event("FailedCreate", "no", 3)
    assert explain([scheduling(one, "03.250000"), refused]) == (
        (Reason.UNSCHEDULABLE, f"FailedScheduling: {one}")
    )
    assert explain([scheduling(one, "01.000000", "09.500000"), scheduling(two, "08.000000")]) == (
        (Reason.UNSCHEDULABLE, f"FailedScheduling: {one}")
    )
    quota = event("FailedCreate", "exceeded quota", 3, version=9)
    for events in ([refused, quota], [quota, refused]):
        assert (explain(events) or ("",))[0] is Reason.QUOTA


def test_what_can_not_be_mounted_is_told_of_every_volume_and_no_longer_than_it_holds() -> None:
    secret, path = 'secret "x" not found', "hostPath type check failed"
    both = [event("FailedMount", secret, 20), event("FailedMount", path, 21)]
    assert explain(both) == (Reason.CONFIGURATION, f"FailedMount: {path}; {secret}")
    later = [both[0], event("FailedMount", path, 40)]
    assert explain(later) == (Reason.CONFIGURATION, f"FailedMount: {path}")


def test_the_newest_telling_event_explains() -> None:
    events = [
        event("FailedScheduling", "0/1 nodes", 1),
        event("FailedMount", 'secret "x" not found', 2),
        event("Pulled", "fine", 3, "Normal"),
        event("SomethingElse", "hm", 4),
    ]
    assert explain(events) == (Reason.CONFIGURATION, 'FailedMount: secret "x" not found')


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest": …', "securityContext"),
        ("failed quota: q: must specify limits.cpu for: flow", "set resources"),
        ("maximum memory usage per Container is 1Gi, but limit is 2Gi", "LimitRange"),
        ('error looking up service account a/b: serviceaccount "b" not found', "service_account="),
        ("no PriorityClass with name high was found", "get priorityclasses"),
        ("container has runAsNonRoot and image will run as root", "USER 1000"),
        ("hostPath type check failed: /nope is not a directory", "no such path"),
        ('persistentvolumeclaim "data" not found', "Make the claim"),
        ('references non-existent secret key: key, Secret "x"', "Does the Secret"),
        ("something that nobody knows", ""),
    ],
)
def test_a_hint_is_about_what_kubernetes_says(words: str, hint: str) -> None:
    found = hint_for(Reason.CONFIGURATION, words)
    assert hint in found
    assert bool(found) is bool(hint)


def test_a_start_that_fails_speaks_of_a_shell_only_where_a_file_is_missing() -> None:
    assert "/bin/sh" in hint_for(Reason.START_ERROR, 'exec: "/bin/sh": no such file or directory')
    assert hint_for(Reason.START_ERROR, "StartError: error setting cgroup config") == ""


def test_what_came_before_a_pod_had_a_node_explains_nothing_later() -> None:
    events = [event("FailedScheduling", "0/1 nodes", 1)]
    assert explain(events)
    assert explain(events, has_node=True) is None


def test_a_quota_is_told_from_other_refusals() -> None:
    quota = event("FailedCreate", "pods is forbidden: exceeded quota: small")
    assert (explain([quota]) or ("",))[0] is Reason.QUOTA
    assert (explain([event("FailedCreate", "admission denied")]) or ("",))[0] is (
        Reason.CONFIGURATION
    )


def test_nothing_telling_explains_nothing() -> None:
    assert explain([event("Scheduled", "ok", kind="Normal")]) is None


def test_any_pod_can_be_judged_by_itself() -> None:
    assert pod_status(pod(container(running={}))).state is State.RUNNING
    waiting = container(waiting={"reason": "ImagePullBackOff", "message": "m"})
    assert pod_status(pod(waiting)).reason is Reason.IMAGE_PULL
    assert pod_status(pod(container(terminated=terminated(1)))).state is State.CRASHED
