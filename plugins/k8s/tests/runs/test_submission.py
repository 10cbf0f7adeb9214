"""Submitting: few requests, once only, all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv.errors import (
    PlatformError,
    PlatformUnreachable,
    RunConflict,
    SpecError,
    TransientPlatformError,
)
from flowenv.plugin import FlowRun, Outcome, State, configuration, storage
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.api.client import Client
from flowenv_k8s.api.resources import CONFIG_MAPS, JOBS, SECRETS, Resource
from flowenv_k8s.spec.runtime import runtime_of
from on_kubernetes.proofs import proof
from rigs.kubernetes import KubernetesRig, Script, ScriptedKubelet

Environments = Callable[..., KubernetesJobEnvironment]
NAMED = {
    "metadata": {"name": "my-job"},
    "spec": {"template": {"spec": {"containers": [{"image": "repo/flow:1"}]}}},
}


@pytest.fixture(scope="module")
def kubelet() -> ScriptedKubelet:
    return ScriptedKubelet(Script(starts_after=None))


@pytest.fixture(autouse=True)
def empty(rig: KubernetesRig) -> Iterator[None]:
    yield
    rig.faults.clear()
    for config_map in rig.objects("ConfigMap"):
        rig.delete("ConfigMap", config_map["metadata"]["name"])
    for job in rig.objects("Job"):
        rig.delete("Job", job["metadata"]["name"], propagation="Background")


def made(environment: KubernetesJobEnvironment) -> Prepared:
    return prepare(flows.add, environment=environment, parameters={"a": 1})


def submit(environment: KubernetesJobEnvironment) -> FlowRun:
    return made(environment).submit()


def left(rig: KubernetesRig) -> list[str]:
    rig.wait_until(lambda: len(rig.objects("Secret")) <= len(rig.objects("Job")), "collection")
    return [one["metadata"]["name"] for kind in ("Job", "Secret") for one in rig.objects(kind)]


def requests(rig: KubernetesRig) -> list[tuple[str, str]]:
    return [(one.verb, one.resource) for one in rig.requests]


def test_a_run_is_two_requests_the_job_first(rig: KubernetesRig, environment: Environments) -> None:
    submit(environment(runtime="image"))
    assert requests(rig) == [("create", "jobs"), ("create", "secrets")]


def test_flowenv_is_brought_once_for_all_runs_of_a_namespace(
    rig: KubernetesRig, environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_runtime = [("create", "configmaps"), ("create", "jobs"), ("create", "secrets")]
    submit(environment())
    assert requests(rig) == with_runtime
    rig.requests.clear()
    submit(environment())
    assert requests(rig) == with_runtime[1:]
    # another user, or another machine
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    rig.requests.clear()
    submit(environment())
    assert requests(rig) == [with_runtime[0], ("get", "configmaps"), *with_runtime[1:]]


def test_submitters_of_different_versions_bring_one_each(
    rig: KubernetesRig, environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(environment())
    monkeypatch.setattr(KubernetesJobEnvironment, "shipped", ())  # another content
    submit(environment())
    jobs, there = rig.objects("Job"), rig.objects("ConfigMap")
    used = {runtime_of(job["spec"]["template"]["spec"]) for job in jobs}
    assert used == {one["metadata"]["name"] for one in there}
    assert len(used) == 2


def test_a_config_map_that_somebody_else_has_made_is_not_run(
    rig: KubernetesRig, client: Client, environment: Environments
) -> None:
    found = made(environment()).spec["runtime"]
    client.create(
        CONFIG_MAPS, {**found, "binaryData": dict.fromkeys(found["binaryData"], "ZXZpbA==")}
    )
    rig.requests.clear()
    with pytest.raises(RunConflict, match="somebody else has made it"):
        submit(environment())
    assert ("create", "jobs") not in requests(rig)


def test_a_run_without_a_secret_is_one_request(
    rig: KubernetesRig, environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://payloads")
    configuration.cache_clear()
    large = {"message": "x" * 2**20}
    prepared = prepare(flows.fail, environment=environment(runtime="image"), parameters=large)
    run = prepared.submit()
    assert requests(rig) == [("create", "jobs")]
    stored = storage.read(f"memory://payloads/{run.id}.payload.json")
    assert json.loads(stored)["run"]["id"] == run.id


def test_the_secret_goes_with_its_job(rig: KubernetesRig, environment: Environments) -> None:
    run = submit(environment())
    name = run.reference.partition("/")[2]
    secret = rig.get("Secret", name)
    assert (
        secret["metadata"]["ownerReferences"][0]["uid"] == rig.get("Job", name)["metadata"]["uid"]
    )
    rig.delete("Job", name, propagation="Background")
    rig.wait_gone("Secret", name)


@pytest.mark.parametrize("resource", ["jobs", "secrets"])
@pytest.mark.parametrize("fault", ["answer_lost", "500", "503", "429"])
def test_a_lost_answer_or_a_busy_server_makes_no_second_run(
    rig: KubernetesRig, environment: Environments, client: Client, resource: str, fault: str
) -> None:
    quick(client, [])
    options: dict[str, Any] = {"retry_after": 0} if fault in ("429", "503") else {}
    with rig.faults.inject(fault, verb="create", resource=resource, **options) as injected:
        run = submit(environment())
        injected.wait_until_hit()
    name = run.reference.partition("/")[2]
    assert left(rig) == [name, name]


def quick(client: Client, pauses: list[float]) -> None:
    """Let the client note its pauses instead of waiting."""
    object.__setattr__(client.retries, "sleep", pauses.append)


def test_retry_after_is_honoured(
    rig: KubernetesRig, environment: Environments, client: Client
) -> None:
    pauses: list[float] = []
    quick(client, pauses)
    with rig.faults.inject("429", verb="create", resource="jobs", retry_after=7):
        submit(environment())
    assert pauses == [7.0]


def test_a_server_that_stays_busy_is_an_error_after_a_few_tries(
    rig: KubernetesRig, environment: Environments, client: Client
) -> None:
    pauses: list[float] = []
    quick(client, pauses)
    with rig.faults.inject("503", verb="create", resource="secrets", times=None):
        with pytest.raises(TransientPlatformError, match=r"create secrets .*HTTP 503"):
            submit(environment())
    assert len(pauses) == client.retries.tries - 1
    assert left(rig) == []


def test_the_same_name_again_says_which_run_owns_it(
    rig: KubernetesRig, environment: Environments
) -> None:
    first = submit(environment(job_spec=NAMED))
    with pytest.raises(RunConflict, match=rf"belongs to the run {first.id} of add, which isn't"):
        submit(environment(job_spec=NAMED))
    assert rig.get("Job", "my-job")["metadata"]["labels"]["flowenv.io/run-id"] == first.id


@pytest.mark.parametrize("over", ["", "the Job", "the flow"])
def test_the_way_out_of_a_conflict_fits_how_the_other_run_stands(
    over: str, rig: KubernetesRig, environment: Environments
) -> None:
    run = submit(environment(job_spec=NAMED))
    job = rig.get("Job", "my-job")
    if over == "the Job":
        ended = {"conditions": [{"type": "Complete", "status": "True"}]}
        rig.apply({**job, "status": {**job["status"], **ended}})
    elif over:  # a sidecar is still ending
        record = Outcome(run.id, State.COMPLETED, proof=proof(run)).to_bytes().decode()
        job["metadata"]["annotations"]["flowenv.io/outcome"] = record
        rig.apply(job)
    with pytest.raises(RunConflict) as caught:
        submit(environment(job_spec=NAMED))
    hint = caught.value.hint
    way_out = "TTL of 86400 s is over, or remove it: kubectl delete job my-job" if over else "gone."
    assert "(-s unique_job_name=true; in Python unique_job_name=True)" in hint
    assert hint.endswith(f"{way_out} -n default" if over else way_out)
    assert ("which is over" in caught.value.message) is bool(over)


def test_a_job_of_somebody_else_is_left_alone(
    rig: KubernetesRig, environment: Environments
) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
    rig.apply(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "my-job"},
            "spec": {"template": {"spec": pod}},
        }
    )
    with pytest.raises(RunConflict, match="belongs to no flowenv run"):
        submit(environment(job_spec=NAMED))
    assert rig.find("Job", "my-job")


def test_unique_names_let_runs_be_side_by_side(
    rig: KubernetesRig, environment: Environments
) -> None:
    made = environment(job_spec=NAMED, unique_job_name=True)
    assert submit(made).reference != submit(made).reference


def test_a_refused_secret_leaves_no_job(rig: KubernetesRig, environment: Environments) -> None:
    with rig.access.denied("create", "secrets"):
        with pytest.raises(PlatformError) as caught:
            submit(environment())
    assert 'resources: ["secrets"]\n    verbs: ["create"]' in caught.value.hint
    assert left(rig) == []


def test_what_cannot_be_removed_is_named(rig: KubernetesRig, environment: Environments) -> None:
    with rig.access.denied("create", "secrets"), rig.access.denied("delete", "jobs"):
        with pytest.raises(PlatformError) as caught:
            submit(environment())
    assert "the Job add-" in caught.value.__notes__[0]
    assert "may be left behind" in caught.value.__notes__[0]


@pytest.mark.parametrize("moment", ["before the secret", "while the job is made"])
def test_an_interrupt_half_way_leaves_nothing(
    moment: str,
    rig: KubernetesRig,
    environment: Environments,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create = Client.create

    def interrupted(self: Client, resource: Resource, manifest: Any) -> dict[str, Any]:
        if resource == SECRETS:
            raise KeyboardInterrupt
        answer = create(self, resource, manifest)
        if moment == "while the job is made" and resource == JOBS:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(Client, "create", interrupted)
    with pytest.raises(KeyboardInterrupt):
        submit(environment())
    assert left(rig) == []


def test_a_large_payload_is_removed_when_the_job_is_refused(
    rig: KubernetesRig, environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://refused")
    configuration.cache_clear()
    prepared = prepare(flows.fail, environment=environment(), parameters={"message": "x" * 2**20})
    with rig.access.denied("create", "jobs"), pytest.raises(PlatformError):
        prepared.submit()
    with pytest.raises(PlatformError, match="can't be read"):
        storage.read(prepared.spec["payload"]["url"])


def test_an_absent_namespace_is_named(rig: KubernetesRig, environment: Environments) -> None:
    with pytest.raises(PlatformError, match="The namespace nowhere doesn't exist"):
        submit(environment(namespace="nowhere"))


def test_wrong_input_sends_nothing(
    rig: KubernetesRig, environment: Environments, tmp_path: Path
) -> None:
    with pytest.raises(SpecError):
        submit(environment(labels=[""]))
    assert requests(rig) == []


def test_a_secret_of_somebody_else_leaves_no_job(
    rig: KubernetesRig, environment: Environments
) -> None:
    prepared = made(environment())
    name = prepared.spec["secret"]["metadata"]["name"]
    rig.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}})
    with pytest.raises(RunConflict, match="isn't this run's"):
        prepared.submit()
    assert rig.objects("Job") == []
    rig.delete("Secret", name)


def test_without_a_connection_nothing_may_be_left_behind(
    rig: KubernetesRig,
    environment: Environments,
    client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    prepared = made(environment())
    object.__setattr__(client.retries, "sleep", lambda seconds: None)
    with rig.faults.inject("api_down"), pytest.raises(PlatformUnreachable) as caught:
        prepared.submit()
    assert not hasattr(caught.value, "__notes__")
    assert "left behind" not in caplog.text


def test_after_a_lost_answer_the_job_may_be_left_behind(
    rig: KubernetesRig, environment: Environments, client: Client
) -> None:
    prepared = made(environment())

    def cluster_goes(seconds: float) -> None:
        if not rig.faults.active("outage"):
            rig.faults.inject("api_down")

    object.__setattr__(client.retries, "sleep", cluster_goes)
    with rig.faults.inject("answer_lost", resource="jobs"):
        with pytest.raises(PlatformUnreachable) as caught:
            prepared.submit()
    rig.faults.clear()
    assert "may be left behind" in caught.value.__notes__[0]
    assert len(rig.objects("Job")) == 1
