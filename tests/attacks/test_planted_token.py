"""A planted token is looked for in all that each command says, writes and starts, everywhere."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from attacks.what_is_said import files_below, listening, said_by
from flowenv.plugin import configuration
from flowenv.submission.named_environments import make_environment
from flowenv_fargate.runs import account as known
from flowenv_fargate.runs import cloudwatch, tasks
from on_kubernetes.operated_rig import operated_rig
from rigs.ecs import EcsRig, ScriptedRunner
from rigs.ecs import Image as EcsImage
from rigs.ecs import Script as EcsScript
from rigs.kubernetes import Image, KubernetesRig, Script, ScriptedKubelet
from rigs.kubernetes.dask_operator import install_definitions

pytestmark = pytest.mark.slow  # every command, on every backend

TOKEN = "pl4nted-t0ken-of-this-test"
PASSWORD = "pl4nted-passw0rd"
"""What [env] gives to every container."""
SHAPES = ("t0ken", "passw0rd", base64.b64encode(TOKEN.encode()).decode().rstrip("="))
BACKENDS = ["local", "k8s", "dask_k8s", "dask_cloud", "fargate"]
FLOW = "from flowenv import flow\n\n@flow\ndef hello(n: int = 1) -> int:\n    return n\n"
CREDENTIALS = {
    "docker-server": "registry.example",
    "docker-username": "me",
    "docker-password": TOKEN,
    "docker-email": "me@example.org",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[KubernetesRig]:
    kubelet = ScriptedKubelet(Script(log="hello\n"))
    with KubernetesRig(kubelet=kubelet, token=TOKEN) as rig:
        install_definitions(rig)
        yield rig


@pytest.fixture(scope="module")
def ecs() -> Iterator[EcsRig]:
    script = EcsScript(exit_code=0, lines=["hello"])
    runner = ScriptedRunner(lambda task: script, advance_when_described=True)
    with EcsRig({"flow:1": EcsImage()}, runner=runner) as rig:
        yield rig


@pytest.fixture(scope="module")
def toml(ecs: EcsRig) -> str:
    """Every way to give each environment a secret."""
    account = ecs.prepare()
    tables = {
        "local": {},
        "k8s": {"metadata": {"image": "repo/flow:1"}},
        "dask_k8s": {"metadata": {"image": "repo/flow:1"}, "private_registry": True},
        "dask_cloud": {
            "provider_class": "attacks.provider.ClosedCluster",
            "processes": False,
            "n_workers": 1,
            "dashboard_address": None,
            "auth": {"user": "me", "password": TOKEN},
            "security": False,
        },
        "fargate": {
            "metadata": {"image": "flow:1"},
            "aws_access_key_id": "AKIARIG",
            "aws_secret_access_key": TOKEN,
            "aws_session_token": TOKEN,
            "region_name": ecs.region,
            "endpoint_url": ecs.url,
            "cluster": account.cluster,
            "networkConfiguration": account.network_configuration,
            "executionRoleArn": account.execution_role_arn,
        },
    }
    lines = ["[secrets]", 'auth_token = { file = "token" }', 'db = { file = "db" }']
    lines += ['DOCKER_REGISTRY_CREDENTIALS = { file = "docker" }']
    lines += ["[env]", 'DB_PASSWORD = { secret = "db" }', 'KEY = { file = "db" }']
    for name, settings in tables.items():
        lines += [f"[environments.{name}]", f'type = "{name}"']
        lines += [f"{key} = {_toml(value)}" for key, value in settings.items() if value is not None]
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


@pytest.fixture
def home(
    cluster: KubernetesRig, toml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Where a user works whose secrets are in files; none is in this process's variables."""
    monkeypatch.setattr(tasks, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(tasks, "FRESH_SECONDS", 0.0)
    for name in ("POLL_SECONDS", "DRAIN_SECONDS", "LATE_SECONDS"):
        monkeypatch.setattr(cloudwatch, name, 0.01)
    known.forget()
    secrets, home = tmp_path / "secrets", tmp_path / "home"
    secrets.mkdir()
    (secrets / "token").write_text(TOKEN)
    (secrets / "db").write_text(PASSWORD)
    (secrets / "docker").write_text(json.dumps(CREDENTIALS))
    (secrets / "flowenv.toml").write_text(toml)
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(secrets / "kubeconfig")))
    monkeypatch.setenv("FLOWENV_CONFIG", str(secrets / "flowenv.toml"))
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        (home / name).mkdir(parents=True)
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("PREFECT__LOGGING__LEVEL", "DEBUG")
    monkeypatch.setattr(tempfile, "tempdir", None)
    (home / "hello.py").write_text(FLOW)
    monkeypatch.chdir(home)
    configuration.cache_clear()
    assert TOKEN not in repr(dict(os.environ))
    return home


def shows(text: str) -> bool:
    """Whether the token can be read from a text, as it is or encoded."""
    return any(one in text for one in SHAPES)


def everything(backend: str) -> Iterator[tuple[str, ...]]:
    """Every command in every format, on a backend; what it can't do, it says."""
    on = ("--env", backend)
    yield ("plugins",)
    yield "plugins", "--load", "-o", "json"
    yield "hooks", "-o", "json"
    yield "new-plugin", "new"
    yield "completion", "bash"
    yield "spec", "hello.py", *on
    yield "spec", "hello.py", *on, "-o", "json"
    yield "explain", "hello.py", *on
    yield "explain", "hello.py", *on, "-o", "json"
    yield "doctor", *on
    yield "doctor", *on, "-o", "json"
    yield "run", "hello.py", *on, "--rehearse"
    yield "run", "hello.py", *on, "-o", "json"
    yield "run", "hello.py", *on, "-p", "n=x"
    yield "run", "hello.py", *on, "-s", "metadata=no"
    yield "run", "hello.py", *on
    yield "run", "hello.py", *on, "--report", "run.html"
    yield "run", "hello.py", *on, "-o", "json", "--detach"
    yield "runs", *on
    yield "runs", *on, "-o", "json"


def about(reference: str, backend: str) -> Iterator[tuple[str, ...]]:
    """Every command about a run."""
    on = ("--env", backend)
    yield "status", reference, *on
    yield "status", reference, *on, "-o", "json"
    yield "logs", reference, *on
    yield "logs", reference, *on, "--follow"
    yield "attach", reference, *on
    yield "attach", reference, *on, "-o", "json"
    yield "result", reference, *on
    yield "result", reference, *on, "-o", "json"
    yield "cancel", reference, *on
    yield "cancel", reference, *on, "-o", "json"
    yield "files", reference, *on
    yield "files", reference, *on, "-o", "json"
    yield "report", reference, *on, "-o", "page.html"
    yield "delete", reference, *on
    yield "sweep", *on, "--older-than", "0s"
    yield "sweep", *on, "--older-than", "0s", "-o", "json"
    yield "sweep", *on, "--older-than", "0s", "--yes"


@pytest.mark.filterwarnings(
    "ignore:private_registry:DeprecationWarning", "ignore:Secret values of:UserWarning"
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_command_shows_writes_or_hands_on_the_token(backend: str, home: Path) -> None:
    said: dict[str, str] = {}
    with listening() as heard:
        for command in everything(backend):
            said[" ".join(command)] = said_by(*command)
        found = re.search(
            r'"reference": "([^"]+)"', said[f"run hello.py --env {backend} -o json --detach"]
        )
        reference = found[1] if found else "none"
        for command in about(reference, backend):
            said[" ".join(command)] = said_by(*command)
        environment = make_environment(backend)
        shown = repr(environment) + repr(vars(environment)) + repr(vars(environment.own_copy()))
        shown += json.dumps(environment.serialize())
        shown += pickle.dumps(environment).decode(errors="replace")
        # of all that it starts, what stands for the flow's container gets the container's variables
        flows = [
            one
            for one, command in zip(heard.environments, heard.commands, strict=True)
            if "load_and_run_flow" in command
        ]

    assert reference != "none" or backend in ("local", "dask_cloud")
    assert {command for command, text in said.items() if shows(text)} == set()
    assert "bug in flowenv" not in "".join(said.values())
    assert [line for line in heard.logs if shows(line)] == []
    assert [path for path, text in heard.removed.items() if shows(text)] == []
    assert [command for command in heard.commands if shows(command)] == []
    # a flow in this process has what [env] says for as long as it runs, and so has what it starts
    is_here = backend in ("local", "dask_cloud")
    is_leaked = (lambda one: TOKEN in one) if is_here else shows
    assert [one for one in heard.environments if is_leaked(one)] == flows
    assert [str(path) for path, text in files_below(home) if shows(text)] == []
    assert not shows(shown)


# -- processes -----------------------------------------------------------------------------


WHO_KNOWS = f"{Path(__file__).with_name('who_knows.py')}:who_knows"
NOBODY = {"cmdline": [], "environ": []}


def known_by(*arguments: str) -> object:
    """What the flow found, among all processes of this machine, while it ran."""
    said = "\n" + said_by("run", WHO_KNOWS, *arguments, "-o", "json")
    begin = said.rfind("\n{\n")
    assert begin >= 0, said
    return json.loads(said[begin:])["result"]


@pytest.mark.usefixtures("home")
def test_a_local_flows_dask_workers_know_no_token() -> None:
    kwargs = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    executor = {"type": "DaskExecutor", "cluster_kwargs": kwargs}
    arguments = ("-s", f"executor={json.dumps(executor)}", "-p", "parallel=true")
    assert known_by("--env", "local", *arguments) == NOBODY


@pytest.mark.usefixtures("home")
def test_a_providers_workers_know_no_token() -> None:
    arguments = ("--env", "dask_cloud", "-s", "processes=true", "-p", "parallel=true")
    assert known_by(*arguments) == NOBODY


@pytest.mark.usefixtures("home")
def test_a_rehearsed_flows_processes_know_no_token() -> None:
    assert "Rehearsed: Completed" in said_by("run", WHO_KNOWS, "--env", "local", "--rehearse")


def test_a_pods_processes_know_no_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with KubernetesRig(images={"repo/flow:1": Image()}) as rig:
        monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(home / "kubeconfig")))
        assert known_by("--env", "k8s") == NOBODY


@pytest.mark.filterwarnings("ignore:Secret values of:UserWarning")
def test_a_tasks_processes_know_no_token(ecs: EcsRig, home: Path) -> None:
    with EcsRig({"flow:1": EcsImage.of_interpreter()}) as ecs:
        account = ecs.prepare()
        network = json.dumps(account.network_configuration)
        settings = {
            "endpoint_url": ecs.url,
            "cluster": account.cluster,
            "networkConfiguration": network,
            "executionRoleArn": account.execution_role_arn,
        }
        given = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        assert known_by("--env", "fargate", *given) == NOBODY


@pytest.mark.parametrize("made_by", ["pods", "operator"])
@pytest.mark.filterwarnings("ignore:private_registry:DeprecationWarning")
def test_a_cluster_on_kubernetes_knows_no_token(
    made_by: str, request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _ = operated_rig(request.session)
    monkeypatch.setenv("KUBECONFIG", str(rig.kubeconfig(home / "kubeconfig")))
    settings = ("-s", "private_registry=false", "-s", f"cluster={made_by}")
    assert known_by("--env", "dask_k8s", *settings, "-p", "parallel=true") == NOBODY
