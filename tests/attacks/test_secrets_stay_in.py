"""A planted token is looked for wherever flowenv, or a library that it calls, says something."""

from __future__ import annotations

import base64
import json
import logging
import os
import pickle
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from attacks.test_planted_token import about, everything
from flowenv import DaskExecutor, FlowRun, Secret
from flowenv.cli.app import app
from flowenv.errors import FlowenvError
from flowenv.payload.packing import pack
from flowenv.plugin import configuration
from flowenv.redaction import redacted
from flowenv.results.stored import store_result
from flowenv.serialization import storage
from flowenv_local import LocalEnvironment
from rigs.kubernetes import KubernetesRig

TOKEN = "pl4nted-'t0ken\"/+ü"
ENCODED = base64.b64encode(TOKEN.encode()).decode()
RUN_ID = "6f1c0a3c-6c0b-4f0e-9d0a-0a54d7a3b6c1"


def shows(text: str) -> bool:
    """Whether the token, or enough of it, can be read from a text."""
    return any(one in text for one in ("pl4nted", "t0ken", ENCODED))


@pytest.fixture
def debug_log() -> Iterator[Callable[[], str]]:
    """All that all libraries log at DEBUG, as a file would have it."""
    records: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    root, handler = logging.getLogger(), Handler()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    formatter = logging.Formatter("%(name)s %(message)s %(args)s")
    yield lambda: "\n".join(formatter.format(record) for record in records)
    root.removeHandler(handler)
    root.setLevel(before)


# -- logs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.debug("body: %s", json.dumps({"value": TOKEN})),
        lambda log: log.debug("params: %r", {"value": TOKEN}),
        lambda log: log.debug("data: " + ENCODED),
        lambda log: log.debug("headers: %(a)s", {"a": f"Bearer {TOKEN}"}),
        lambda log: log.debug(ValueError(TOKEN)),
    ],
)
def test_a_library_that_logs_what_it_sends_shows_no_secret(
    debug_log: Callable[[], str], say: Callable[[logging.Logger], None]
) -> None:
    Secret(TOKEN).reveal()
    say(logging.getLogger("botocore.endpoint"))
    assert "***" in debug_log()
    assert not shows(debug_log())


def test_a_traceback_shows_no_secret(debug_log: Callable[[], str]) -> None:
    Secret(TOKEN).reveal()
    try:
        raise ValueError(f"refused: {TOKEN}")
    except ValueError:
        logging.getLogger("kr8s").exception("failed")
    assert "ValueError: refused: ***" in debug_log()
    assert not shows(debug_log())


def test_a_short_secret_takes_nothing_out_of_other_lines(debug_log: Callable[[], str]) -> None:
    Secret("root").reveal()
    logging.getLogger("a").debug("the user root")
    assert "the user root" in debug_log()


def test_a_password_that_is_a_word_takes_that_word_out_of_other_lines(
    debug_log: Callable[[], str],
) -> None:
    Secret("table").reveal()
    logging.getLogger("a").debug("read the table in comfortable time")
    assert "read the *** in comfor*** time" in debug_log()


def test_a_wrong_log_call_is_still_reported(capsys: pytest.CaptureFixture[str]) -> None:
    Secret(TOKEN).reveal()
    record = logging.getLogger("a").makeRecord("a", 10, "f", 1, "%d", ("x",), None)
    with pytest.raises(TypeError):
        record.getMessage()


def test_secrets_are_remembered_by_many_threads() -> None:
    def reveal(number: int) -> None:
        for one in range(50):
            Secret(f"secret-{number}-{one}").reveal()

    threads = [threading.Thread(target=reveal, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert redacted("secret-3-49 secret-0-0") == "*** ***"


@pytest.mark.usefixtures("empty_cluster")
def test_a_run_on_kubernetes_shows_no_token_at_debug(
    rig: KubernetesRig,
    start: Callable[[], FlowRun],
    configure: Callable[..., None],
    debug_log: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFECT__CLOUD__AUTH_TOKEN", TOKEN)
    configure()
    run = start()
    log = debug_log()
    assert "secrets" in log, "the library has logged what it sent"
    assert not shows(log)
    assert not shows(repr(run) + repr(run.spec) + repr(vars(run)) + repr(run.environment))
    assert not shows(json.dumps(rig.objects("Job")) + json.dumps(rig.objects("Pod")))
    assert not shows(repr(pickle.dumps(run.environment)))
    assert not shows(pack(run).decode())


def test_an_executor_shows_no_credential_of_its_clusters_provider() -> None:
    kwargs = {"n_workers": 2, "token": TOKEN, "options": [{"password": TOKEN}]}
    executor = DaskExecutor(cluster_class="a.Cluster", cluster_kwargs=kwargs, client_kwargs=kwargs)
    environment = LocalEnvironment(executor=executor)
    shown = repr(executor) + repr(vars(executor)) + repr(environment) + repr(vars(environment))

    assert executor.cluster_kwargs == kwargs
    assert "'n_workers': 2, 'token': '***'" in shown
    assert not shows(shown)


# -- configuration -------------------------------------------------------------------------


def written(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "flowenv.toml").write_text(text)
    monkeypatch.setenv("FLOWENV_CONFIG", str(folder / "flowenv.toml"))
    configuration.cache_clear()


def test_a_configuration_shows_none_of_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = json.dumps(TOKEN)
    text = f"[env]\nA = {token}\n[secrets]\nb = {token}\n"
    text += f'[environments.c]\ntype = "local"\nmetadata = {{ password = {token} }}\n'
    written(tmp_path, text, monkeypatch)
    assert configuration().env["A"] == TOKEN
    assert not shows(repr(configuration()))


@pytest.mark.parametrize(
    "wrong",
    [
        "env = [{token}]",
        "[env]\nA = [{token}]",
        "secrets = {token}",
        "[secrets]\nA = [{token}]",
        "[secrets]\nA = {{ fiel = {token} }}",
        "[environments]\na = [{token}]",
        "[environments.a]\ntype = [{token}]",
    ],
)
def test_no_error_about_a_configuration_shows_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    written(tmp_path, wrong.format(token=json.dumps(TOKEN)), monkeypatch)
    with pytest.raises(FlowenvError) as raised:
        configuration()
    assert not shows(str(raised.value))


FLOW = "from flowenv import flow\n\n@flow\ndef hello() -> int:\n    return 1\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "hello.py", "--env", "fargate", "-s", f"aws_secret_access_key=[{TOKEN}"],
        ["run", "hello.py", "--env", "k8s", "-s", f"metadata.password=[{TOKEN}", "--rehearse"],
        ["explain", "hello.py", "--env", "k8s", "-s", "metadata.image=a", "--output", "json"],
        ["doctor", "--env", "k8s"],
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_no_command_shows_what_variables_held(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "hello.py").write_text(FLOW)
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLOWENV_", "AWS_"))}
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("flowenv")), *arguments],
        cwd=tmp_path,
        env={
            **kept,
            "PREFECT__CLOUD__AUTH_TOKEN": TOKEN,
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": TOKEN,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "KUBECONFIG": str(tmp_path / "none"),
            "PREFECT__LOGGING__LEVEL": "DEBUG",
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert not shows(ended.stdout + ended.stderr)
    for path in tmp_path.rglob("*"):
        assert not (path.is_file() and shows(path.read_bytes().decode(errors="replace")))


def test_each_command_is_searched_for_a_planted_token() -> None:
    searched = {command[0] for command in (*everything("k8s"), *about("a", "k8s"))}
    assert searched == set(app.list_commands(click.Context(app)))


# -- files ---------------------------------------------------------------------------------


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_payloads_and_results_on_this_machine_are_the_users_alone(tmp_path: Path) -> None:
    storage.write(f"file://{tmp_path}/a/b/payload.json", b"{}")
    store_result(f"file://{tmp_path}/a/c", RUN_ID, b"1")
    modes = {
        str(path.relative_to(tmp_path / "a")): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "a").rglob("*")
    }
    assert modes == {
        "b": 0o700,
        "b/payload.json": 0o600,
        "c": 0o700,
        f"c/{RUN_ID}.json": 0o600,
    }


def test_a_file_that_is_there_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "payload.json").symlink_to(tmp_path / "mine")
    storage.write(f"file://{tmp_path}/payload.json", b"{}")
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "payload.json").is_symlink()
