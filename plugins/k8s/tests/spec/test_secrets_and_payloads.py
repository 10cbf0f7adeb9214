"""Secrets of plugins, and payloads that are too large for a Secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowenv import preview
from flowenv.errors import SpecError
from flowenv.plugin import configuration, contract
from flowenv.registry.registry import reset
from flowenv.submission.lifecycle import prepare
from flowenv.testing import flows

from .built import TWO_CONTAINERS, Environments, build, containers, env

# -- secrets of plugins -------------------------------------------------------------------


def use_plugin(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "acme.py").write_text(
        f"from flowenv import Secret, hookimpl\nfrom flowenv.contract import Target\n{text}"
    )
    monkeypatch.setenv("FLOWENV_PLUGINS", str(folder / "acme.py"))
    reset()


def test_a_secret_of_one_container_is_not_anothers(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_environment_variables(target):\n"
        "    return {'PASSWORD': Secret('one' if target is Target.FLOW else 'two')}\n",
        tmp_path,
        monkeypatch,
    )
    spec = build(environment(job_spec=TWO_CONTAINERS))
    keys = [env(one)["PASSWORD"]["secretKeyRef"]["key"] for one in containers(spec)]
    assert [spec["secret"]["stringData"][key].reveal() for key in keys] == ["one", "two"]


def test_a_reference_names_a_secret_that_is_there(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_environment_variables():\n"
        "    return {'PASSWORD': Secret(reference='database/password')}\n",
        tmp_path,
        monkeypatch,
    )
    flow = env(containers(build(environment()))[0])
    assert flow["PASSWORD"] == {"secretKeyRef": {"name": "database", "key": "password"}}


def test_a_reference_of_another_platform_is_refused(
    environment: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_environment_variables():\n"
        "    return {'PASSWORD': Secret(reference='arn:aws:secretsmanager:eu:1:secret:x')}\n",
        tmp_path,
        monkeypatch,
    )
    with pytest.raises(SpecError, match='reference is "SECRET/KEY"'):
        build(environment())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("spec['job']['metadata']['name'] = 'X'", "no valid name"),
        ("spec['job']['spec']['template']['spec']['containers'].clear()", "has no containers"),
        ("c['volumeMounts'][0]['name'] = 'other'", "no volume 'other'"),
        ("c['env'].append({'name': 'A', 'value': Secret('x')})", "which is no text"),
        ("c['env'].append(dict(c['env'][0]))", "comes twice"),
        ("del c['image']", "has no image"),
        ("del spec['job']", "The spec has no job"),
    ],
)
def test_what_a_plugin_breaks_is_refused(
    change: str,
    said: str,
    environment: Environments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_plugin(
        "@hookimpl\n"
        "def flowenv_modify_spec(spec):\n"
        "    c = spec['job']['spec']['template']['spec']['containers'][0]\n"
        f"    {change}\n",
        tmp_path,
        monkeypatch,
    )
    with pytest.raises(SpecError, match=said):
        build(environment())


def test_explain_knows_every_variable_of_the_flows_container(environment: Environments) -> None:
    seen = preview(flows.add, environment(job_spec=TWO_CONTAINERS), parameters={"a": 1})
    names = [one["name"] for one in containers(seen.spec)[0]["env"]]
    assert sorted(seen.variables()) == sorted(names)
    layers = {one["name"]: one["layer"] for one in seen.containers[0]["variables"]}
    own = {name for name, layer in layers.items() if layer == "flowenv"}
    assert own == {contract.PAYLOAD, contract.PAYLOAD_SEAL, contract.OUTCOME}


# -- large payloads -----------------------------------------------------------------------


def test_a_payload_over_the_limit_names_it_and_the_way_out(environment: Environments) -> None:
    made = prepare(flows.fail, environment=environment(), parameters={"message": "x" * 1_100_000})
    with pytest.raises(SpecError, match=r"holds 1,048,576.*Set payload_url"):
        _ = made.spec


def test_a_large_payload_goes_to_the_configured_store(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://payloads/")
    configuration.cache_clear()
    made = prepare(flows.fail, environment=environment(), parameters={"message": "x" * 1_100_000})
    url = f"memory://payloads/{made.flow_run.id}.payload.json"
    assert made.spec["payload"]["url"] == url
    assert env(containers(made.spec)[0])["FLOWENV_PAYLOAD"] == url
    assert "secret" not in made.spec


def test_a_small_payload_stays_in_the_secret(
    environment: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWENV_PAYLOAD_URL", "memory://payloads/")
    configuration.cache_clear()
    assert "payload" not in build(environment())
