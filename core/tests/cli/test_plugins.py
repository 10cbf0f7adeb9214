"""`plugins`, `doctor`, `hooks`: what is installed, whether it works, and what can be written."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from flowenv.cli import loading
from flowenv.cli.app import app

from .project import Project

MARK = "from flowenv import hookimpl\n@hookimpl\ndef "


def rows(project: Project, *arguments: str, **variables: str) -> dict[str, dict[str, object]]:
    ended = project.flowenv("plugins", "-o", "json", *arguments, **variables)
    assert ended.returncode == (3 if any(row.get("error") for row in ended.json) else 0)
    return {row["name"]: row for row in ended.json}


def broken_plugins(project: Project) -> None:
    """Install plugins that are wrong in every way, beside one that is right."""
    group = "flowenv.plugins"
    project.install("raises", "1 / 0\n", group=group)
    project.install("exits", "import no_such_thing\n", group=group)
    project.install("misspelt", MARK + "flowenv_chek(environment): pass\n", group=group)
    project.install("arguments", MARK + "flowenv_check(env): pass\n", group=group)
    project.install("newer", "flowenv_api_version = 99\n", group=group)
    project.install("fine", MARK + "flowenv_state_changed(status): pass\n", group=group)
    project.install("twice", "", distribution="one-owner")
    project.install("twice", "", distribution="other-owner")


def test_plugins_come_from_metadata_alone(fake: Project) -> None:
    broken_plugins(fake)
    ended = fake.flowenv("plugins")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = [line.split() for line in ended.stdout.splitlines()]
    assert lines[0] == ["name", "kind", "distribution", "version"]
    assert ["fake", "backend", "third-party-fake", "1.5"] in lines
    assert ["raises", "plugin", "third-party-raises", "1.5"] in lines
    keys = {"name", "kind", "distribution", "version", "module", "required"}
    assert set(rows(fake)["fake"]) == keys


def test_load_shows_types_abilities_hooks_and_settings(fake: Project) -> None:
    row = rows(fake, "--load")["fake"]
    assert row["type"] == "FakeEnvironment"
    assert "flowenv_execute" in row["hooks"]
    assert row["capabilities"]["cancel"] is True
    size = next(one for one in row["settings"] if one["name"] == "size")
    assert size == {"name": "size", "type": "an integer", "default": 1, "help": "How many."}
    text = fake.flowenv("plugins", "--load").stdout
    assert re.search(r"^fake .* FakeEnvironment +cancel logs result attach find sweep", text, re.M)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("raises", "division by zero"),
        ("exits", "No module named 'no_such_thing'"),
        ("misspelt", "Did you mean 'flowenv_check'?"),
        ("arguments", "env"),
        ("newer", "version 99"),
        ("twice", "one-owner 1.5 and other-owner 1.5"),
    ],
)
def test_load_says_what_is_wrong_with_each_plugin(project: Project, name: str, says: str) -> None:
    broken_plugins(project)
    found = rows(project, "--load")
    assert says in found[name]["error"]
    assert found["fine"]["error"] is None
    assert f"{name}: " in project.flowenv("plugins", "--load").stdout


def test_broken_plugins_stop_nobody(project: Project) -> None:
    broken_plugins(project)
    project.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    ended = project.flowenv("run", "flow.py")
    assert ended.stdout == "Result: 1\n"
    assert "plugin raises of third-party-raises 1.5 is left out" in ended.stderr


def test_local_plugins_are_rows_too(project: Project) -> None:
    project.write("good.py", MARK + "flowenv_check(environment): pass\n")
    found = rows(project, "--plugin", "good.py", "--plugin", "missing.py")
    assert found["good.py"]["hooks"] == ["flowenv_check"]
    assert "there is no file " in found["missing.py"]["error"]
    assert found["local"]["error"] is None


def test_plugins_can_be_left_out(project: Project) -> None:
    broken_plugins(project)
    found = rows(project, "--load", FLOWENV_LOAD_PLUGINS="fine")
    assert (found["fine"]["left_out"], found["raises"]["left_out"]) == (False, True)
    assert found["raises"]["error"] is None


def test_two_owners_of_a_name_are_two_rows_with_one_message(project: Project) -> None:
    broken_plugins(project)
    loaded = project.flowenv("plugins", "--load").stdout
    assert len(re.findall(r"^twice .* error$", loaded, re.M)) == 2
    assert loaded.count("one-owner 1.5 and other-owner 1.5") == 1
    assert project.flowenv("doctor").stdout.count("one-owner 1.5 and other-owner 1.5") == 1


def test_two_plugins_of_one_name_have_the_same_error(project: Project) -> None:
    group = "flowenv.plugins"
    good = MARK + "flowenv_check(environment): pass\n"
    project.install("same", good, distribution="good-owner", group=group)
    project.install("same", "1 / 0\n", distribution="bad-owner", group=group)
    listed = project.flowenv("plugins", "--load", "-o", "json").json
    errors = {row["distribution"]: row["error"] for row in listed if row["name"] == "same"}
    error = (
        "Two distributions bring a plugin 'same': bad-owner 1.5 and good-owner 1.5. "
        "Uninstall one of them."
    )
    assert errors == {"good-owner": error, "bad-owner": error}


@pytest.fixture
def requiring(project: Project) -> Project:
    """A project that requires plugins: one that works, a broken one, one that isn't there."""
    broken_plugins(project)
    project.write("flowenv.toml", 'required_plugins = ["fine", "raises", "policy"]\n')
    return project


def test_what_is_required_is_listed_also_where_it_is_not_installed(requiring: Project) -> None:
    found = rows(requiring)
    assert [name for name, row in found.items() if row["required"]] == ["fine", "raises", "policy"]
    text = requiring.flowenv("plugins").stdout
    assert re.search(r"^fine +required plugin +third-party-fine +1\.5$", text, re.M)
    assert re.search(r"^policy +required plugin +\(not installed\)$", text, re.M)


def test_load_says_why_a_required_plugin_is_missing(requiring: Project) -> None:
    found = rows(requiring, "--load")
    assert found["fine"]["error"] is None
    assert "requires the plugin raises, which can't be used" in found["raises"]["error"]
    assert "requires the plugin policy, which isn't installed" in found["policy"]["error"]
    left_out = rows(requiring, "--load", FLOWENV_LOAD_PLUGINS="")["fine"]
    assert left_out["left_out"] is True
    assert "which FLOWENV_LOAD_PLUGINS leaves out" in left_out["error"]


def test_doctor_checks_what_is_required(requiring: Project) -> None:
    ended = requiring.flowenv("doctor", "-o", "json")
    assert ended.returncode == 3
    found = {one["subject"]: one for one in ended.json}
    assert found["plugin fine"]["message"] == "third-party-fine 1.5, required"
    assert [found[f"plugin {name}"]["level"] for name in ("fine", "raises", "policy")] == [
        "ok",
        "error",
        "error",
    ]


def test_doctor_checks_what_is_required_beside_a_local_plugin_that_is_wrong(
    requiring: Project,
) -> None:
    requiring.write("wrong.py", "1 / 0\n")
    levels = {
        one["subject"]: one["level"]
        for one in requiring.flowenv("doctor", "-o", "json", FLOWENV_PLUGINS="wrong.py").json
    }
    assert (levels["plugin fine"], levels["local wrong.py"]) == ("ok", "error")


@pytest.mark.parametrize("command", ["run", "spec", "explain"])
def test_nothing_is_built_without_what_is_required(requiring: Project, command: str) -> None:
    requiring.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    ended = requiring.flowenv(command, "flow.py", "--env", "local", FLOWENV_LOAD_PLUGINS="")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "flowenv.toml:1 requires the plugin fine, which FLOWENV_LOAD_PLUGINS" in ended.stderr


def test_plugins_are_listed_beside_a_broken_configuration(project: Project) -> None:
    project.write("flowenv.toml", "image = 3\n")
    assert "local" in rows(project)


def test_doctor_of_a_sound_installation(fake: Project) -> None:
    ended = fake.flowenv("doctor")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "ok       backend fake: third-party-fake 1.5\n" in ended.stdout


def test_doctor_asks_the_platform(fake: Project) -> None:
    ended = fake.flowenv("doctor", "--env", "fake")
    assert ended.returncode == 0
    assert "ok       folder: is there\n" in ended.stdout
    assert "warning  weather: is bad. Wait.\nkind: Umbrella\n" in ended.stdout
    remedies = fake.flowenv("doctor", "--env", "fake", "-o", "yaml")
    assert (remedies.stdout, remedies.returncode) == ("kind: Umbrella\n", 0)
    assert "warning  weather: is bad. Wait.\n" in remedies.stderr
    failed = fake.flowenv("doctor", "--env", "fake", "-s", "fail=check", "-o", "json")
    assert failed.returncode == 3
    assert failed.json[-1]["hint"] == "Ask it nicely."


def test_doctor_asks_the_platform_of_the_configured_environment(fake: Project) -> None:
    assert "folder: is there" not in fake.flowenv("doctor").stdout
    assert "folder: is there" in fake.flowenv("doctor", FLOWENV_ENVIRONMENT="fake").stdout


def test_doctor_says_which_secrets_runs_cant_read(fake: Project) -> None:
    fake.write("flowenv.toml", """
        [secrets]
        password = { file = "pw.txt" }
        token = { env = "NOT_SET_ANYWHERE" }
        elsewhere = { file = "elsewhere.txt" }
        plain = "hidden-text"
        [env]
        PASSWORD = { secret = "password" }
        PLAIN = { secret = "plain" }
        KEY = { file = "key.txt" }
        [environments.prod]
        type = "fake"
        [environments.prod.env]
        TOKEN = { secret = "token" }
        CERTIFICATE = { file = "cert.txt" }
        [environments.other]
        type = "fake"
        [environments.other.env]
        ELSEWHERE = { secret = "elsewhere" }
    """)  # fmt: skip
    ended = fake.flowenv("doctor", "--env", "prod")
    assert ended.returncode == 3
    errors = [line for line in ended.stdout.splitlines() if line.startswith("error")]
    subjects = ["secret password", "secret token", "variable KEY", "variable CERTIFICATE"]
    assert [line.split(": ")[0].removeprefix("error    ") for line in errors] == subjects
    assert "pw.txt can't be read: No such file or directory." in errors[0]
    assert "the environment variable NOT_SET_ANYWHERE isn't set." in errors[1]
    assert "flowenv.toml" in errors[3]
    for name in ("pw.txt", "key.txt", "cert.txt"):
        (fake.folder / name).write_text("hidden-text")
    sound = fake.flowenv("doctor", "--env", "prod", NOT_SET_ANYWHERE="hidden-text")
    assert (sound.returncode, "hidden-text" in sound.stdout + ended.stdout) == (0, False)


def test_doctor_says_that_the_default_environment_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "a run that names none" not in CliRunner().invoke(app, ["doctor"]).output
    others = [one for one in loading.load_all(()) if one.name != "local"]
    monkeypatch.setattr(loading, "load_all", lambda given: others)
    said = CliRunner().invoke(app, ["doctor"]).output
    assert "warning  environment: a run that names none is local, and the backend local" in said


def test_doctor_names_every_problem(project: Project) -> None:
    broken_plugins(project)
    ended = project.flowenv("doctor", "--env", "nowhere", "--plugin", "missing.py", "-o", "json")
    assert ended.returncode == 3
    levels = {finding["subject"]: finding["level"] for finding in ended.json}
    for subject in ("plugin raises", "backend twice", "local missing.py", "environment nowhere"):
        assert levels[subject] == "error"
    assert levels["plugin fine"] == "ok"


def test_doctor_survives_a_broken_configuration(project: Project) -> None:
    project.write("flowenv.toml", "image = 3\n")
    ended = project.flowenv("doctor")
    assert ended.returncode == 3
    assert "error    configuration: " in ended.stdout
    assert "flowenv.toml:1" in ended.stdout


def test_hooks_shows_the_contract(project: Project) -> None:
    from flowenv.hooks import specs as hookspecs

    found = {row["name"]: row for row in project.flowenv("hooks", "-o", "json").json}
    assert set(found) == {name for name in vars(hookspecs) if name.startswith("flowenv_")}
    assert found["flowenv_execute"]["kind"] == "first result"
    assert found["flowenv_execute"]["signature"] == "(environment, flow_run, spec)"
    assert all(row["doc"] for row in found.values())


def test_hooks_shows_one_hook(project: Project) -> None:
    one = project.flowenv("hooks", "flowenv_check").stdout
    assert one.startswith("flowenv_check(environment)\n    all results\n")
    wrong = project.flowenv("hooks", "flowenv_chek")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Did you mean 'flowenv_check'?" in wrong.stderr


def imported_by(project: Project, *arguments: str) -> set[str]:
    """The top-level modules that a call imports, as Python itself reports them."""
    ended = project.flowenv_anew(*arguments, PYTHONPROFILEIMPORTTIME="1")
    assert ended.returncode == 0
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}


@pytest.mark.parametrize("arguments", [["plugins"], ["--help"], ["run", "--help"], ["--version"]])
def test_only_what_is_needed_is_imported(fake: Project, arguments: list[str]) -> None:
    modules = imported_by(fake, *arguments)
    assert "click" in modules
    unneeded = {"pluggy", "yaml", "cloudpickle", "asyncio", "dask", "third_party_fake", "tomllib"}
    assert not modules & (unneeded | {"flowenv_local.hooks", "flowenv.registry.registry", "rich"})


COMMANDS = [
    "run", "spec", "explain", "plugins", "doctor", "hooks", "runs", "status", "attach", "logs",
    "cancel", "sweep", "new-plugin", "completion",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example(project: Project, command: str) -> None:
    text = project.flowenv(command, "--help").stdout
    assert f"\n    flowenv {command}" in text or f'eval "$(flowenv {command}' in text
    if "--output" in text:
        assert re.search(r"\[default:\s+(text|yaml)\]", text)


def test_the_overview_names_every_command_in_whole_sentences(project: Project) -> None:
    text = project.flowenv("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S", text, re.M)
    assert "..." not in text.partition("Commands:")[2]


def test_json_is_json(project: Project) -> None:
    assert isinstance(json.loads(project.flowenv("doctor", "-o", "json").stdout), list)


@pytest.mark.parametrize(
    ("url", "level", "says"),
    [
        ("memory://results", "ok", "can be written to memory://results from here"),
        ("file:///results", "warning", "that is another disk where the flow runs"),
        ("gs://bucket/x", "error", "which needs gcsfs"),
        ("s4://bucket/x", "error", "no URL that fsspec knows"),
    ],
)
def test_doctor_says_whether_results_can_be_stored(
    fake: Project, url: str, level: str, says: str
) -> None:
    found = fake.flowenv("doctor", "--env", "fake", "-o", "json", FLOWENV_RESULTS_URL=url).json
    [results] = [one for one in found if one["subject"] == "results"]
    assert results["level"] == level
    assert says in results["message"]
