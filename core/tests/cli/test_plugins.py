"""`plugins`, `doctor`, `hooks`: what is installed, whether it works, and what can be written."""

from __future__ import annotations

import json
import re

import pytest

from .project import Project

MARK = "from flowenv import hookimpl\n@hookimpl\ndef "


def rows(project: Project, *arguments: str, **variables: str) -> dict[str, dict[str, object]]:
    ended = project.flowenv("plugins", "-o", "json", *arguments, **variables)
    assert ended.returncode == 0, ended.stderr
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
    assert set(rows(fake)["fake"]) == {"name", "kind", "distribution", "version", "module"}


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


def test_doctor_of_a_sound_installation(fake: Project) -> None:
    ended = fake.flowenv("doctor")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "ok       backend fake: third-party-fake 1.5\n" in ended.stdout


def test_doctor_asks_the_platform(fake: Project) -> None:
    ended = fake.flowenv("doctor", "--env", "fake")
    assert ended.returncode == 0
    assert "ok       folder: is there\n" in ended.stdout
    assert "warning  weather: is bad. Wait.\n" in ended.stdout
    failed = fake.flowenv("doctor", "--env", "fake", "-s", "fail=check", "-o", "json")
    assert failed.returncode == 3
    assert failed.json[-1]["hint"] == "Ask it nicely."


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
    from flowenv import hookspecs

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
    ended = project.flowenv(*arguments, PYTHONPROFILEIMPORTTIME="1")
    assert ended.returncode == 0
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}


@pytest.mark.parametrize("arguments", [["plugins"], ["--help"], ["run", "--help"], ["--version"]])
def test_only_what_is_needed_is_imported(fake: Project, arguments: list[str]) -> None:
    modules = imported_by(fake, *arguments)
    assert "click" in modules
    unneeded = {"pluggy", "yaml", "cloudpickle", "asyncio", "dask", "third_party_fake", "tomllib"}
    assert not modules & (unneeded | {"flowenv_local.hooks", "flowenv.registry", "rich"})


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
