"""The environment variables of each container, with where each came from."""

from __future__ import annotations

import re

import pytest

from flowenv import Flow, Secret, contract, hookimpl
from flowenv.contract import Target
from flowenv.errors import ConfigurationError, PluginError
from flowenv.submission.lifecycle import prepare

from ..flow_files import write
from ..plugging import ToyEnvironment

CONFIGURED = """
[env]
REGION = "eu"
PREFECT__LOGGING__EXTRA_LOGGERS = "['boto3']"
PREFECT__CLOUD__GRAPHQL = "https://graphql.example"
"""


def merged(existing=(), target=Target.FLOW, **settings):
    prepared = prepare(
        Flow(dict, name="f", image="image:1"), environment=ToyEnvironment(**settings)
    )
    return prepared.flow_run, prepared.process.variables.merge(existing, target)


def layer_of(found, name):
    return next(entry.layer for entry in found if entry.name == name)


def test_a_container_gets_every_variable_of_its_contract(toy):
    _, found = merged()
    assert set(ToyEnvironment.contract[Target.FLOW]) <= set(found.values)


def test_the_runs_own_values_are_in_it(toy):
    run, found = merged()
    assert found.values[contract.FLOW_RUN_ID] == run.id
    assert found.values[contract.IMAGE] == "image:1"
    assert found.values[contract.NAMESPACE] == "toys"


def test_defaults_stand_where_nobody_says_otherwise(toy):
    _, found = merged()
    assert found.values[contract.USE_LOCAL_SECRETS] == "false"
    assert found.values[contract.EXTRA_LOGGERS] == "[]"
    assert found.values[contract.FLOW_RUNNER] == "prefect.engine.cloud.CloudFlowRunner"


def test_a_target_without_a_contract_gets_none_of_it(toy):
    _, found = merged(target=Target.SCHEDULER)
    assert found.values == {}


def test_configuration_sets_variables_of_every_container(toy, tmp_path):
    (tmp_path / "flowenv.toml").write_text(CONFIGURED)
    for target in Target:
        assert merged(target=target)[1].values["REGION"] == "eu"


def test_configuration_that_names_a_contract_variable_sets_the_contracts_value(toy, tmp_path):
    (tmp_path / "flowenv.toml").write_text(CONFIGURED)
    _, found = merged([{"name": contract.GRAPHQL, "value": "the file's"}])
    assert found.values[contract.GRAPHQL] == "https://graphql.example"
    assert layer_of(found, contract.GRAPHQL) == "contract"


def test_a_runs_id_can_not_be_configured(toy, tmp_path):
    (tmp_path / "flowenv.toml").write_text(f'[env]\n{contract.FLOW_RUN_ID} = "fixed"\n')
    run, found = merged()
    assert found.values[contract.FLOW_RUN_ID] == run.id


@pytest.mark.parametrize("name", sorted(contract.CONFIGURABLE - {contract.NAMESPACE}))
def test_a_contract_variable_of_this_process_counts_as_configured(toy, tmp_path, monkeypatch, name):
    (tmp_path / "flowenv.toml").write_text(f'[env]\n{name} = "the configuration\'s"\n')
    value = "DEBUG" if name == contract.LOGGING_LEVEL else "this process's"
    monkeypatch.setenv(name, value)
    _, found = merged()
    assert found.values[name] == value
    assert layer_of(found, name) == "this process"


def test_a_contract_variable_of_this_process_wins_over_the_file_as_the_contract_does(
    toy, monkeypatch
):
    monkeypatch.setenv(contract.GRAPHQL, "this process's")
    monkeypatch.setenv(contract.SEND_FLOW_RUN_LOGS, "this process's")
    file = [{"name": n, "value": "file"} for n in (contract.GRAPHQL, contract.SEND_FLOW_RUN_LOGS)]
    _, found = merged(file)
    assert found.values[contract.GRAPHQL] == "this process's"
    assert found.values[contract.SEND_FLOW_RUN_LOGS] == "file"


@pytest.mark.parametrize("name", [contract.FLOW_RUN_ID, contract.IMAGE, contract.NAMESPACE])
@pytest.mark.parametrize("configured", [True, False])
def test_what_is_so_for_a_run_can_not_be_configured(toy, tmp_path, monkeypatch, name, configured):
    before = merged()[1].values[name]
    if configured:
        (tmp_path / "flowenv.toml").write_text(f'[env]\n{name} = "another"\n')
    else:
        monkeypatch.setenv(name, "another")
    run, found = merged()
    assert found.values[name] == (run.id if name == contract.FLOW_RUN_ID else before)


def test_the_token_of_this_process_stays_a_secret_of_the_flow(toy, monkeypatch):
    monkeypatch.setenv(contract.AUTH_TOKEN, "s3cr3t")
    assert merged()[1].values[contract.AUTH_TOKEN] == Secret("s3cr3t")
    assert contract.AUTH_TOKEN not in merged(target=Target.WORKER)[1].values


def test_logging_variables_are_only_set_where_nobody_else_has(toy, tmp_path):
    (tmp_path / "flowenv.toml").write_text(CONFIGURED)
    file = [{"name": contract.SEND_FLOW_RUN_LOGS, "value": "false"}]
    _, found = merged(file)
    assert found.values[contract.SEND_FLOW_RUN_LOGS] == "false"
    assert found.values[contract.EXTRA_LOGGERS] == "['boto3']"


def test_the_environments_own_variables_win_over_configuration_but_not_over_the_file(toy, tmp_path):
    (tmp_path / "flowenv.toml").write_text('[env]\nA = "configuration"\nB = "configuration"\n')
    _, found = merged([{"name": "B", "value": "file"}], own={"A": "own", "B": "own"})
    assert (found.values["A"], found.values["B"]) == ("own", "file")


def test_the_contract_wins_over_the_file(toy):
    run, found = merged([{"name": contract.FLOW_RUN_ID, "value": "the file's"}])
    assert found.values[contract.FLOW_RUN_ID] == run.id


def test_a_hook_wins_over_everything(toy):
    @hookimpl
    def flowenv_environment_variables(target):
        return {contract.IMAGE: "hooked", "SECRET": Secret("x"), "GONE": None}

    toy.plugin("acme", {"flowenv_environment_variables": flowenv_environment_variables})
    _, found = merged([{"name": "GONE", "value": "1"}])
    assert found.values[contract.IMAGE] == "hooked"
    assert found.secrets == {"SECRET": Secret("x")}
    assert "GONE" not in found.values
    assert layer_of(found, "SECRET") == "plugin acme"


@pytest.mark.parametrize("given", [{"A": 1}, {1: "a"}, ["A=1"]])
def test_a_hook_that_gives_something_else_is_an_error_that_names_it(toy, given):
    @hookimpl
    def flowenv_environment_variables(target):
        return given

    toy.plugin("acme", {"flowenv_environment_variables": flowenv_environment_variables})
    with pytest.raises(PluginError, match="plugin acme gives"):
        merged()


# -- the token ----------------------------------------------------------------------------


def provide_token(monkeypatch):
    monkeypatch.setenv("FLOWENV_SECRET_AUTH_TOKEN", "s3cr3t")


def test_the_token_is_a_secret_of_the_flows_container(toy, monkeypatch):
    provide_token(monkeypatch)
    _, found = merged()
    assert found.values[contract.AUTH_TOKEN] == Secret("s3cr3t")


@pytest.mark.parametrize("target", [Target.SIDECAR, Target.SCHEDULER, Target.WORKER])
def test_only_the_flows_container_gets_the_token(toy, monkeypatch, target):
    provide_token(monkeypatch)
    _, found = merged(target=target)
    assert contract.AUTH_TOKEN not in found.values


def test_a_token_from_the_configurations_variables_is_a_secret_too(toy, tmp_path):
    (tmp_path / "flowenv.toml").write_text(f'[env]\n{contract.AUTH_TOKEN} = "s3cr3t"\n')
    assert merged()[1].values[contract.AUTH_TOKEN] == Secret("s3cr3t")
    assert contract.AUTH_TOKEN not in merged(target=Target.SIDECAR)[1].values


def test_without_a_token_the_variable_is_there_and_empty(toy):
    assert merged()[1].values[contract.AUTH_TOKEN] == ""


def test_without_a_token_the_users_own_stays(toy):
    _, found = merged([{"name": contract.AUTH_TOKEN, "value": "mine"}])
    assert found.values[contract.AUTH_TOKEN] == "mine"


def test_a_plugin_can_provide_the_token(toy):
    @hookimpl
    def flowenv_get_secret(name):
        return "from the vault" if name == "auth_token" else None

    toy.plugin("vault", {"flowenv_get_secret": flowenv_get_secret})
    assert merged()[1].values[contract.AUTH_TOKEN] == Secret("from the vault")


def test_the_variables_names_are_the_seeds():
    named = {
        contract.GRAPHQL: "PREFECT__CLOUD__GRAPHQL",
        contract.AUTH_TOKEN: "PREFECT__CLOUD__AUTH_TOKEN",
        contract.FLOW_RUN_ID: "PREFECT__CONTEXT__FLOW_RUN_ID",
        contract.NAMESPACE: "PREFECT__CONTEXT__NAMESPACE",
        contract.IMAGE: "PREFECT__CONTEXT__IMAGE",
        contract.USE_LOCAL_SECRETS: "PREFECT__CLOUD__USE_LOCAL_SECRETS",
        contract.FLOW_RUNNER: "PREFECT__ENGINE__FLOW_RUNNER__DEFAULT_CLASS",
        contract.TASK_RUNNER: "PREFECT__ENGINE__TASK_RUNNER__DEFAULT_CLASS",
        contract.EXECUTOR: "PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS",
        contract.LOGGING_LEVEL: "PREFECT__LOGGING__LEVEL",
        contract.SEND_FLOW_RUN_LOGS: "PREFECT__CLOUD__SEND_FLOW_RUN_LOGS",
        contract.EXTRA_LOGGERS: "PREFECT__LOGGING__EXTRA_LOGGERS",
    }
    assert all(value == name for value, name in named.items())
    assert set(contract.BASIC) == set(named) - {
        contract.NAMESPACE,
        contract.EXECUTOR,
        contract.LOGGING_LEVEL,
    }


# -- variables that are secrets -----------------------------------------------------------


def test_configured_variables_can_be_secrets(toy, tmp_path, monkeypatch):
    (tmp_path / "key.txt").write_text("from a file\n")
    monkeypatch.setenv("FLOWENV_SECRET_DB_PASSWORD", "hunter2")
    write(tmp_path / "flowenv.toml", """
        [env]
        PLAIN = "yes"
        PASSWORD = { secret = "db_password" }
        KEY = { file = "key.txt" }
        ARN = { reference = "vault/key" }
    """)  # fmt: skip
    _, found = merged()
    secrets = {"PASSWORD": "hunter2", "KEY": "from a file"}
    assert {n: found.secrets[n].reveal() for n in secrets} == secrets
    assert found.secrets["ARN"] == Secret(reference="vault/key")
    assert found.values["PLAIN"] == "yes"
    assert "hunter2" not in repr(found)


ENVIRONMENT = """
    [env]
    REGION = "eu"
    ZONE = "a"
    [environments.prod]
    type = "toy"
    [environments.prod.env]
    REGION = "us"
    PREFECT__LOGGING__EXTRA_LOGGERS = "['mine']"
    PASSWORD = { file = "key.txt" }
"""


def of_prod(**given):
    """What the flow's container of a run of the environment `prod` gets."""
    made = prepare(Flow(dict, name="f"), environment="prod", **given)
    return made.process.variables.merge()


def test_one_environment_has_variables_of_its_own(toy, tmp_path):
    (tmp_path / "key.txt").write_text("hunter2")
    write(tmp_path / "flowenv.toml", ENVIRONMENT)
    found = of_prod()
    assert (found.values["REGION"], found.values["ZONE"]) == ("us", "a")
    assert found.values[contract.EXTRA_LOGGERS] == "['mine']"
    assert found.secrets["PASSWORD"].reveal() == "hunter2"
    (region,) = (one for one in found if one.name == "REGION")
    assert (region.layer, region.replaced) == ("configuration of prod", ("configuration",))
    plain = prepare(Flow(dict, name="f"), environment="toy").process.variables.merge()
    assert plain.values["REGION"] == "eu"
    assert "PASSWORD" not in plain.values


def test_one_run_has_variables_of_its_own_over_all_but_hooks(toy, tmp_path):
    (tmp_path / "key.txt").write_text("hunter2")
    write(tmp_path / "flowenv.toml", ENVIRONMENT)
    given = {"REGION": "asia", contract.EXTRA_LOGGERS: "[]", "PASSWORD": {"reference": "vault/a"}}
    made = prepare(Flow(dict, name="f"), environment="prod", variables=given)
    found = made.process.variables.merge([{"name": "REGION", "value": "file"}])
    assert found.values["REGION"] == "asia"
    assert found.values[contract.EXTRA_LOGGERS] == "[]"
    assert found.secrets["PASSWORD"] == Secret(reference="vault/a")


def test_the_token_of_one_environment_is_a_secret_for_the_flow_alone(toy, tmp_path):
    text = ENVIRONMENT + '    PREFECT__CLOUD__AUTH_TOKEN = "tok-123"\n'
    write(tmp_path / "flowenv.toml", text.replace('PASSWORD = { file = "key.txt" }', ""))
    variables = prepare(Flow(dict, name="f"), environment="prod").process.variables
    assert variables.merge().secrets[contract.AUTH_TOKEN].reveal() == "tok-123"
    assert contract.AUTH_TOKEN not in variables.merge(target=contract.Target.SIDECAR).values


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("A B=", "x", "is no name for a variable"),
        ("A", {"file": ""}, "what is named there no empty text"),
        ("A", 5, "must be a string, {secret = …}, {file = …} or {reference = …}, not int"),
        ("A", {"secret": 5}, "must be a string"),
        ("A", "x\0y", "has a NUL character"),
        (contract.FLOW_RUN_ID, "x", "is each run's own and can't be set"),
        (contract.AUTH_TOKEN, "x", "is a secret, and no variable of one run"),
        ("A", {"secret": "nosuch"}, "A is the secret nosuch, and nobody has it"),
    ],
)
def test_a_variable_for_one_run_that_is_wrong_is_refused(toy, name, value, says):
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        prepare(
            Flow(dict, name="f"), environment="toy", variables={name: value}
        ).process.variables.merge()


@pytest.mark.parametrize("line", ["A = 5", "A = { secret = 5 }", "'A B=' = 'x'"])
def test_a_variable_of_one_environment_that_is_wrong_is_refused_with_its_line(toy, tmp_path, line):
    text = f"[environments.prod]\ntype = 'toy'\n[environments.prod.env]\n{line}\n"
    write(tmp_path / "flowenv.toml", text)
    with pytest.raises(ConfigurationError, match=r"flowenv.toml:4: environments\.prod\.env\.A"):
        merged()


def test_a_secret_that_nobody_has_is_named_with_its_line(toy, tmp_path):
    path = write(tmp_path / "flowenv.toml", '[env]\nPASSWORD = { secret = "db-password" }\n')
    with pytest.raises(ConfigurationError) as raised:
        merged()
    assert f"{path}:2: PASSWORD is the secret db-password, and nobody has it" in str(raised.value)
    assert "FLOWENV_SECRET_DB_PASSWORD" in str(raised.value)


@pytest.mark.parametrize(
    "line",
    [
        "PASSWORD = { secret = 'a', file = 'b' }",
        "PASSWORD = { password = 'a' }",
        "PASSWORD = {}",
        "PREFECT__CLOUD__AUTH_TOKEN = { secret = 'auth_token' }",
        "PREFECT__LOGGING__LEVEL = { secret = 'a' }",
    ],
)
def test_a_secret_variable_that_says_something_else_is_an_error(toy, tmp_path, line):
    write(tmp_path / "flowenv.toml", f"[env]\n{line}\n")
    with pytest.raises(ConfigurationError, match=r"flowenv\.toml:2: env\.P"):
        merged()
