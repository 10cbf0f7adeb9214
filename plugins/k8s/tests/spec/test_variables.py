"""Variables arrive as they were given; the user's own file keeps Kubernetes' meaning."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv import Flow
from flowenv.plugin import contract
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared
from flowenv.submission.rehearsal import rehearse
from flowenv.testing import flows
from flowenv_k8s import KubernetesJobEnvironment
from flowenv_k8s.spec.variables import literal
from rigs.kubernetes.kubelet.environment import expand

Environments = Callable[..., KubernetesJobEnvironment]

TRICKY = "a$$b $(PREFECT__CONTEXT__FLOW_RUN_ID) $$(X) $x $("
ENV = [
    {"name": "ID", "value": "run-$(PREFECT__CONTEXT__FLOW_RUN_ID)"},
    {"name": "TWICE", "value": "$(ID)/$(LATER)/$$(ID)/$$"},
    {"name": "LATER", "value": "$(REGION)"},
]


@pytest.fixture(autouse=True)
def configured(tmp_path: Path) -> None:
    (tmp_path / "flowenv.toml").write_text(f"[env]\nTRICKY = '{TRICKY}'\nREGION = '$(ID)'\n")


def job(env: list[dict[str, Any]]) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "flow", "env": env}]}}}}


def seen(prepared: Prepared) -> dict[str, str]:
    """The variables as the kubelet makes them up, one after the other."""
    container = prepared.spec["job"]["spec"]["template"]["spec"]["containers"][0]
    found: dict[str, str] = {}
    for entry in container["env"]:
        if "valueFrom" not in entry:
            found[entry["name"]] = expand(entry["value"], found)
    return found


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@given(st.text(st.sampled_from("$()AB"), max_size=12) | st.text())
def test_whatever_a_value_is_kubernetes_reads_it_back(text: str) -> None:
    assert expand(literal(text), {"A": "1", "": "2", "B": "$(A)"}) == text


def test_configured_values_arrive_as_given(environment: Environments) -> None:
    prepared = prepare(Flow(len), environment=environment(), draft=True)
    assert seen(prepared)["TRICKY"] == TRICKY


def test_the_users_file_refers_to_the_contract_and_to_what_stands_before(
    environment: Environments,
) -> None:
    prepared = prepare(Flow(len), environment=environment(job_spec=job(ENV)), draft=True)
    found = seen(prepared)
    run = prepared.flow_run.id
    assert found["ID"] == f"run-{run}"
    assert found["TWICE"] == f"run-{run}/$(LATER)/$(ID)/$"
    assert found["LATER"] == "$(ID)"


def test_a_rehearsal_sees_what_the_container_would(environment: Environments) -> None:
    names = ["ID", "TWICE", "LATER", "TRICKY", "REGION", contract.FLOW_RUN_ID]
    made = environment(job_spec=job(ENV))
    prepared = prepare(flows.variable_digests, environment=made, parameters={"names": names})
    in_container = seen(prepared)
    assert rehearse(prepared).result == {name: digest(in_container[name]) for name in names}


def test_our_own_variables_are_written_literally_too(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = environment(job_spec=job([]))
    container = made.job_spec["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    container["terminationMessagePath"] = "/tmp/$$(A)"
    made = dataclasses.replace(made)
    assert seen(prepare(Flow(len), environment=made, draft=True))[contract.OUTCOME] == "/tmp/$$(A)"


def test_a_namespace_of_this_process_counts_as_configured(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(contract.NAMESPACE, "team-a")
    prepared = prepare(Flow(len), environment=environment(), draft=True)
    assert prepared.spec["job"]["metadata"]["namespace"] == "team-a"
    assert seen(prepared)[contract.NAMESPACE] == "team-a"
    prepared = prepare(Flow(len), environment=environment(namespace="team-b"), draft=True)
    assert seen(prepared)[contract.NAMESPACE] == "team-b"
