"""`flowenv run`: what is run, with what, and what is printed where."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest

from flowenv.cli.arguments.prepare import parse_variables
from flowenv.cli.output.report import describe_result
from flowenv.errors import ConfigurationError

from .project import FLOWENV, Project

KINDS = """
    import datetime, decimal, enum
    from pathlib import Path
    from typing import Annotated, Literal
    from flowenv import flow

    class Colour(enum.Enum):
        RED = "r"
        BLUE = "b"

    @flow
    def kinds(
        integer: int = 0, number: float = 0.0, yes: bool = False, text: str = "",
        path: Path = Path(), date: datetime.date | None = None,
        moment: datetime.datetime | None = None, colour: Colour = Colour.RED,
        one_of: Literal["a", "b"] = "a", integers: list[int] = (), strings: set[str] = (),
        pair: tuple[int, str] = (0, ""), mapping: dict[str, float] = None,
        described: Annotated[int, "how many"] = 0, either: int | str = 0, raw: bytes = b"",
        by_default=3, anything=None,
    ):
        return {name: repr(value) for name, value in locals().items()}
"""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("integer=-3", "-3"),
        ("number=1e3", "1000.0"),
        ("yes=on", "True"),
        ("text=3", "'3'"),
        ("text=a=b", "'a=b'"),
        ("path=/tmp/x", "PosixPath('/tmp/x')"),
        ("date=2024-02-29", "datetime.date(2024, 2, 29)"),
        ("date=none", "None"),
        ("moment=2024-02-29T01:02", "datetime.datetime(2024, 2, 29, 1, 2)"),
        ("colour=BLUE", "<Colour.BLUE: 'b'>"),
        ("one_of=b", "'b'"),
        ("integers=1,2", "[1, 2]"),
        ("integers=[1, 2]", "[1, 2]"),
        ("strings=a", "{'a'}"),
        ("pair=1,x", "(1, 'x')"),
        ('mapping={"a": 1}', "{'a': 1.0}"),
        ("described=4", "4"),
        ("either=x", "'x'"),
        ("raw=ab", "b'ab'"),
        ("by_default=4", "4"),
        ("anything=[1]", "[1]"),
        ("anything=x", "'x'"),
    ],
)
def test_a_parameter_is_read_by_its_annotation(project: Project, typed: str, meant: str) -> None:
    project.write("flow.py", KINDS)
    ended = project.flowenv("run", "flow.py", "-p", typed, "-o", "json")
    assert ended.returncode == 0, ended.stderr
    assert ended.json["result"][typed.partition("=")[0]] == meant


NOISY = """
    import os, subprocess, sys
    from flowenv import flow

    print("while imported")

    @flow
    def noisy(size: int = 2):
        print("from the flow")
        subprocess.run(["echo", "from a child"])
        os.write(1, b"past Python\\n")
        print("to stderr", file=sys.stderr)
        return {"size": size}
"""


def test_text_has_the_flows_output_and_result_on_stdout(project: Project) -> None:
    project.write("flow.py", NOISY)
    ended = project.flowenv("run", "flow.py", "-p", "size=3")
    assert ended.returncode == 0
    for line in ("while imported", "from the flow", "from a child", "Result: {'size': 3}"):
        assert line in ended.stdout.splitlines()
    assert "to stderr" in ended.stderr


def test_json_is_alone_on_stdout(project: Project) -> None:
    project.write("flow.py", NOISY)
    ended = project.flowenv("run", "flow.py", "-o", "json")
    assert ended.json["state"] == "Completed"
    assert ended.json["result"] == {"size": 2}
    for line in ("while imported", "from the flow", "from a child", "past Python"):
        assert line in ended.stderr.splitlines()


def test_states_and_the_time_of_each_phase_go_to_stderr(project: Project) -> None:
    project.write("flow.py", NOISY)
    ended = project.flowenv("run", "flow.py")
    assert "s] Running\n" in ended.stderr
    assert "Completed after 0." in ended.stderr
    assert "running 0." in ended.stderr


def test_an_executor_is_given_key_by_key(project: Project) -> None:
    source = """
        from flowenv import flow, get_executor
        @flow
        def workers(): return [type(get_executor()).__name__, get_executor()._max_workers]
    """
    project.write("flow.py", source)
    keys = ("type=LocalDaskExecutor", "scheduler=threads", "num_workers=3")
    options = [word for key in keys for word in ("-s", f"executor.{key}")]
    ended = project.flowenv("run", "flow.py", "-o", "json", *options)
    assert ended.json["result"] == ["ThreadPoolExecutor", 3]


def test_numbers_that_json_has_not_are_null_and_counted() -> None:
    nan, infinity = float("nan"), float("inf")
    assert describe_result({"loss": [0.5, nan, nan], "best": {"at": infinity}}, None) == {
        "result": {"loss": [0.5, None, None], "best": {"at": None}},
        "result_nulls": {"NaN": 2, "Infinity": 1},
        "result_text": "{'loss': [0.5, nan, nan], 'best': {'at': inf}}",
    }
    assert describe_result([nan, {1}], None) == {"result": None, "result_text": "[nan, {1}]"}


def test_of_a_long_result_the_beginning_is_printed_and_how_to_get_all(fake: Project) -> None:
    fake.write(
        "long.py", "from flowenv import flow\n\n@flow\ndef long(n: int):\n    return 'x' * n\n"
    )
    fake.write("n.csv", "n\n9000\n")
    here = fake.flowenv("run", "long.py", "-p", "n=9000", "--env", "local")
    assert here.stdout == f"Result: '{'x' * 1999}… (9,002 characters; all of them: -o json)\n"
    there = fake.flowenv("run", "long.py", "--each", "n.csv", "--env", "fake")
    (run,) = [path.name for path in fake.fake.iterdir() if path.is_dir()]
    all_of_it = f"flowenv result {run} --env fake"
    assert there.stdout.endswith(f"x… (9,002 characters; all of them: {all_of_it})\n")
    assert fake.flowenv(*all_of_it.split()[1:]).stdout == f"Result: '{'x' * 9000}'\n"


def test_a_result_that_is_no_json_is_shown_as_text(project: Project) -> None:
    project.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return {1, 2}\n")
    data = project.flowenv("run", "flow.py", "-o", "json").json
    assert (data["result"], data["result_text"]) == (None, "{1, 2}")


@pytest.mark.parametrize(
    ("target", "result"),
    [
        ("one.py", "1"),
        ("./one.py", "1"),
        ("two.py:first", "1"),
        ("two.py:the-second", "2"),
        ("two.py:plain", "3"),
        ("package.module", "4"),
        ("package.module:flow_in_it", "4"),
        ("my-flow.py", "5"),
        ("asynchronous.py", "6"),
    ],
)
def test_a_target_names_a_flow(project: Project, target: str, result: str) -> None:
    head = "from flowenv import flow\n"
    project.write("one.py", head + "@flow\ndef one(): return 1\n")
    project.write(
        "two.py",
        head + "@flow\ndef first(): return 1\n"
        "@flow(name='the-second')\ndef second(): return 2\n"
        "def plain(): return 3\n",
    )
    project.write("package/__init__.py", "")
    project.write("package/module.py", head + "@flow\ndef flow_in_it(): return 4\n")
    project.write("my-flow.py", head + "@flow\ndef five(): return 5\n")
    project.write("asynchronous.py", head + "@flow\nasync def six(): return 6\n")
    ended = project.flowenv("run", target)
    assert f"Result: {result}\n" in ended.stdout


@pytest.mark.parametrize(
    "typed",
    [
        "LocalExecutor",
        "LocalDaskExecutor",
        '{"type": "LocalDaskExecutor", "scheduler": "processes", "num_workers": 1}',
    ],
)
def test_an_executor_can_be_chosen(project: Project, typed: str) -> None:
    project.write(
        "flow.py",
        """
        from flowenv import flow, get_executor

        @flow
        def sums():
            return list(get_executor().map(sum, [[1, 2], [3]]))
        """,
    )
    ended = project.flowenv("run", "flow.py", "-s", f"executor={typed}")
    assert "Result: [3, 3]\n" in ended.stdout, ended.stderr


def test_settings_labels_and_parameters_reach_the_run(fake: Project) -> None:
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(x: int): return x\n")
    arguments = ["-s", "metadata.owner=me", "-s", "labels=a,b", "--label", "c", "-p", "x=3"]
    ended = fake.flowenv("run", "flow.py", "--env", "fake", *arguments, "-o", "json")
    assert ended.json["result"] == 3, ended.stderr
    (found,) = fake.flowenv("runs", "--env", "fake", "-o", "json").json
    assert found["labels"] == ["a", "b", "c"]


def test_settings_change_the_flows_own_environment(fake: Project) -> None:
    fake.write(
        "flow.py",
        """
        from flowenv import flow
        from third_party_fake import FakeEnvironment

        @flow(environment=FakeEnvironment(labels=["own"], metadata={"image": "i"}))
        def a(): return 1
        """,
    )
    ended = fake.flowenv("run", "flow.py", "-s", "metadata.owner=me", "-o", "json")
    assert ended.json["backend"] == "fake"
    (found,) = fake.flowenv("runs", "--env", "fake", "-o", "json").json
    assert found["labels"] == ["own"]


def test_a_named_environment_comes_from_the_configuration(fake: Project) -> None:
    fake.write("flowenv.toml", '[environments.prod]\ntype = "fake"\nlabels = ["nightly"]\n')
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    fake.flowenv("run", "flow.py", "--env", "prod", "-s", "metadata.owner=me")
    (found,) = fake.flowenv("runs", "--env", "prod", "-o", "json").json
    assert found["labels"] == ["nightly"]


def test_a_local_plugin_takes_part(project: Project) -> None:
    project.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    project.write(
        "tell.py",
        """
        from flowenv import hookimpl

        @hookimpl
        def flowenv_state_changed(flow_run, status):
            print("heard of", status.state.value)
        """,
    )
    ended = project.flowenv("run", "flow.py", "--plugin", "tell.py")
    assert ended.stdout.splitlines()[-1] == "heard of Completed"


def test_detach_prints_the_reference_alone_and_what_to_do_next(fake: Project) -> None:
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "-s", "size=2", "--detach")
    assert ended.returncode == 0
    reference = ended.stdout.strip()
    assert f"flowenv attach {reference} --env fake -s size=2\n" in ended.stderr
    followed = fake.flowenv("attach", reference, "--env", "fake")
    assert (followed.returncode, followed.stdout.splitlines()[-1]) == (0, "Result: 1")


def test_the_command_to_follow_names_the_configured_environment(fake: Project) -> None:
    fake.write("flowenv.toml", 'environment = "prod"\n[environments.prod]\ntype = "fake"\n')
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    ended = fake.flowenv("run", "flow.py", "-s", "size=2", "--detach")
    command = f"flowenv attach {ended.stdout.strip()} --env prod -s size=2"
    assert f"Follow it with: {command}\n" in ended.stderr
    fake.flowenv("attach", ended.stdout.strip())


def test_detach_prints_json(fake: Project) -> None:
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "--detach", "-o", "json")
    assert ended.json["run_id"] == ended.json["reference"]
    fake.flowenv("attach", ended.json["reference"], "--env", "fake")


def test_a_reader_that_goes_away_breaks_nothing(project: Project) -> None:
    assert project.shell("bash", "flowenv hooks | head -1; echo ${PIPESTATUS[0]}") == (
        "# Hooks that a backend implements; a plugin may wrap them\n0\n"
    )


def test_a_reader_that_goes_away_leaves_the_run_alone(fake: Project) -> None:
    fake.write(
        "flow.py",
        """
        from flowenv import flow

        @flow
        def talk():
            for number in range(3000):
                print("line", number, "x" * 100)
            return 1
        """,
    )
    script = "flowenv run flow.py --env fake 2>err | head -1 >&2; echo ${PIPESTATUS[0]}; cat err"
    code, *err = fake.shell("bash", script).splitlines()
    assert code == "0"
    assert not [line for line in err if "Traceback" in line]


def test_colours_are_for_terminals_and_no_color_forbids_them(project: Project) -> None:
    def on_a_terminal(**variables: str) -> bytes:
        ours, theirs = pty.openpty()
        environment = {**project.variables, **variables}
        subprocess.run([FLOWENV, "doctor"], stdout=theirs, env=environment, check=True)
        os.close(theirs)
        with os.fdopen(ours, "rb") as stream:
            return stream.read1()

    assert b"\x1b[" in on_a_terminal()
    assert b"\x1b[" not in on_a_terminal(NO_COLOR="1")
    assert "\x1b[" not in project.flowenv("doctor").stdout


def test_the_module_is_the_command_line_too(project: Project) -> None:
    assert "flowenv, version" in project.shell("bash", "python -m flowenv --version")


def test_a_secret_that_reaches_nobody_is_said(project: Project) -> None:
    project.write("flow.py", "from flowenv import flow\n@flow\ndef f(): pass\n")
    project.write("flowenv.toml", '[secrets]\ndb-password = "a"\nused = "b"\nauth_token = "c"\n'
                  '[env]\nKEY = { secret = "used" }\n')  # fmt: skip
    said = project.flowenv("run", "flow.py").stderr
    use = '[env] DB_PASSWORD = { secret = "db-password" } gives it to all runs.'
    assert f"Nothing uses the secret db-password of [secrets]: {use}\n" in said
    assert said.count("Nothing uses") == 1
    found = project.flowenv("doctor").stdout
    assert "warning  secret db-password: nothing in the configuration uses it" in found
    assert "secret used" not in found


def test_variables_for_one_run(project: Project) -> None:
    project.write("flow.py", "import os\nfrom flowenv import flow\n"
                  "@flow\ndef f(): return os.environ.get('REGION')\n")  # fmt: skip
    project.write("flowenv.toml", '[env]\nREGION = "eu"\n[secrets]\nplace = "asia"\n')
    assert project.flowenv("run", "flow.py").stdout == "Result: 'eu'\n"
    given = ("--variable", 'REGION={secret = "place"}')
    for more in ([], ["--rehearse"]):
        ended = project.flowenv("run", "flow.py", *given, *more)
        assert ended.stdout.splitlines()[-1] == "Result: 'asia'"
        assert "Nothing uses" not in ended.stderr
    explained = project.flowenv("explain", "flow.py", "--variable", "REGION=us").stdout
    assert "this run" in explained
    assert "asia" not in project.flowenv("spec", "flow.py", *given).stdout
    wrong = project.flowenv("run", "flow.py", "--variable", "REGION")
    assert (wrong.returncode, "'REGION' is not NAME=VALUE" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    "typed",
    ["{secret=place}", '{secre = "place"}', "{file = place", "{secret = 3}", '{secret = ""}',
     '{secret = "place", file = "place"}', "{'reference' = place}"],
)  # fmt: skip
def test_a_mistyped_secret_is_no_text(typed: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_variables([f"REGION={typed}"])
    said = str(caught.value)
    assert "The variable REGION is no {secret = …}, {file = …} or {reference = …}." in said
    assert """--variable 'REGION={secret = "name"}'""" in said
    assert "place" not in said


@pytest.mark.parametrize("typed", ['{"a": "b=c"}', "{{ a = b }}", "{a}={b}", "a={secret=b}", "{}"])
def test_other_braces_are_text(typed: str) -> None:
    assert parse_variables([f"FORMAT={typed}"]) == {"FORMAT": typed}
