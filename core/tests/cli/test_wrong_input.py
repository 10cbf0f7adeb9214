"""Wrong input: one paragraph on stderr with a next step, exit code 2, and nothing is run."""

from __future__ import annotations

import pytest

from .project import Ended, Project

FLOW = """
    from pathlib import Path
    from typing import Literal
    from flowenv import flow

    @flow
    def resize(size: int, mode: Literal["up", "down"] = "up"):
        Path("it-ran").touch()
"""


def check(project: Project, ended: Ended, *parts: str) -> None:
    """One paragraph that says all of the parts, and no sign of a run."""
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    paragraph = ended.stderr.strip().splitlines()[-1]
    assert paragraph.startswith("Error: ")
    assert "Traceback" not in ended.stderr
    for part in parts:
        assert part in paragraph
    assert not (project.folder / "it-ran").exists()


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("missing.py", ["There is no file 'missing.py'"]),
        ("folder.py", ["folder.py", "folder"]),
        ("folder/", ["folder"]),
        ("none.py", ["has no flow", "@flow", "none.py:name"]),
        ("two.py", ["has 2 flows: first, second", "two.py:first"]),
        ("two.py:frist", ["no flow 'frist'", "Did you mean 'first'?"]),
        ("two.py:number", ["no flow 'number'"]),
        ("exits.py", ["exits.py called sys.exit(3) while it was loaded", "__main__"]),
        ("json.py", ["would hide the module 'json'", "Rename"]),
        ("data.txt", ["data.txt is no Python file", "file.py:flow"]),
        ("./folder", ["folder is a folder", "folder/file.py"]),
        ("no_such.module", ["There is no module 'no_such.module'", "installed"]),
        ("a b", ["'a b' is no target", "file.py:flow"]),
        ("", ["'' is no target"]),
    ],
)
def test_a_target_that_names_no_flow(project: Project, target: str, parts: list[str]) -> None:
    (project.folder / "folder.py").mkdir()
    (project.folder / "folder").mkdir()
    project.write("none.py", "x = 1\n")
    project.write("json.py", FLOW)
    project.write("data.txt", "1")
    project.write("exits.py", "raise SystemExit(3)\n")
    two = "@flow\ndef first(): pass\n@flow\ndef second(): pass\nnumber = 1\n"
    project.write("two.py", "from flowenv import flow\n" + two)
    check(project, project.flowenv("run", target), *parts)


@pytest.mark.parametrize(
    ("text", "shown", "said"),
    [
        ("def x(:\n", 'flow.py", line 1', "SyntaxError: "),
        ("import flowenv.environs\n", "line 1", "such as flowenv_k8s. The page"),
        ("import prefect.environments\n", "line 1", "Coming from Prefect 0.x"),
        ("def f():\n  import no_such_thing\nf()\n", "line 2, in f", "Is it installed for /"),
        ("x = 1\nx.y\n", "line 2, in <module>", "AttributeError: "),
    ],
)
def test_a_file_that_cant_be_loaded_shows_the_users_frames_only(
    project: Project, text: str, shown: str, said: str
) -> None:
    project.write("flow.py", text)
    ended = project.flowenv("run", "flow.py")
    assert ended.returncode == 2
    assert shown in ended.stderr
    assert said in ended.stderr.splitlines()[-1]
    assert "importlib" not in ended.stderr
    assert "/flowenv/" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["needs the parameter size", "-p size=…"]),
        (["-p", "size=1", "-p", "siez=2"], ["no parameter 'siez'", "Did you mean 'size'?"]),
        (["-p", "size=big"], ["-p size=big", "expected an integer"]),
        (["-p", "size=1", "-p", "mode=sideways"], ["expected 'up' or 'down'"]),
        (["size=3"], ["-p size=3"]),
        (["--size=3"], ["It is a parameter of", "-p size=3"]),
        (["--size", "3"], ["-p size=3"]),
        (["--windw", "3"], ["--windw'. A parameter of the flow is given with -p"]),
        (["--parm", "size=3"], ["No such option", "--parm'. Did you mean --param?"]),
        (["--lable=a"], ["Did you mean --label?"]),
        (["--env", "kubernetes"], ["Did you mean 'dask_k8s' (Run flowenv flows on", "or 'k8s' ("]),
        (["-p", "size"], ["'size' is not PARAM=VALUE"]),
        (["-p", "=1"], ["'=1' is not PARAM=VALUE"]),
        (["-p", "size=1", "-p", "size=2"], ["'size' is given twice"]),
        (["-s", "labels"], ["'labels' is not FIELD=VALUE"]),
        (["-s", "lables=a"], ["no setting 'lables'", "Did you mean 'labels'?"]),
        (["-s", "labels.a=b"], ["labels"]),
        (["-s", "metadata=3"], ["-s metadata=3", "expected"]),
        (["-s", "executor=LocalDaskExecutr"], ["Did you mean 'LocalDaskExecutor'?"]),
        (["-s", "executor=3"], ["executor"]),
        (["-s", "executor.type=LocalDaskExecutor", "-s", "executor.workers=3"], ["'workers'"]),
        (["-s", "executor=no.Such"], ["no.Such"]),
        (["-s", 'executor={"type":"LocalDaskExecutor","scheduler":"x"}'], ["'threads' or"]),
        (["-s", "on_exit=no.such"], ["'no.such' can't be imported"]),
        (["--env", "k9s"], ["'k9s' isn't installed", "installed: ", "Did you mean 'k8s'?"]),
        (["--env", ""], ["'--env'", "empty"]),
        (["--label", ""], ["'--label'", "empty"]),
        (["--plugin", ""], ["'--plugin'", "empty"]),
        (["--env", "nowhere"], ["'nowhere' isn't installed", "Known: "]),
        (["--plugin", "missing.py"], ["missing.py can't be imported", "there is no file"]),
        (["--plugin", "broken.py"], ["broken.py can't be imported", "ZeroDivisionError"]),
        (
            ["--plugin", "misspelt.py"],
            ["flowenv_modify_spek", "mean 'flowenv_modify_spec'"],
        ),
        (
            ["--plugin", "signature.py"],
            ["signature.py", "flowenv_modify_spec has no argument 'manifest'", "Known: "],
        ),
        (["--plugin", "newer.py"], ["version 99", "Upgrade flowenv"]),
        (["-p", "size=1", "--detach"], ["The backend local can't be left", "without --detach"]),
        (["--detach", "--rehearse"], ["exclude each other"]),
        (["--nonsense"], ["No such option '--nonsense'"]),
        (["-o", "yaml"], ["'yaml' is not one of 'text', 'json'"]),
    ],
)
def test_options_that_say_something_wrong(
    project: Project, arguments: list[str], parts: list[str]
) -> None:
    project.write("flow.py", FLOW)
    mark = "from flowenv import hookimpl\n@hookimpl\ndef "
    project.write("broken.py", "1 / 0\n")
    project.write("misspelt.py", mark + "flowenv_modify_spek(spec): pass\n")
    project.write("signature.py", mark + "flowenv_modify_spec(manifest): pass\n")
    project.write("newer.py", "flowenv_api_version = 99\n")
    check(project, project.flowenv("run", "flow.py", *arguments), *parts)


@pytest.mark.parametrize(
    ("arguments", "variables", "parts"),
    [
        ([], {"PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS": "LocalDask"}, ["'LocalDaskExecutor'"]),
        ([], {"PREFECT__ENGINE__EXECUTOR__DEFAULT_CLASS": "no.Such"}, ["no.Such", "imported"]),
        (["-s", "executor=LocalDaskExecutor"], {}, ["needs dask", "pip install"]),
        (["-s", "executor=DaskExecutor"], {}, ["needs distributed", "pip install"]),
    ],
)
def test_an_executor_that_cant_be_had_is_said_before_the_run_begins(
    project: Project, arguments: list[str], variables: dict[str, str], parts: list[str]
) -> None:
    gone = "import sys\nsys.modules['dask'] = sys.modules['distributed'] = None\n"
    (project.site / "sitecustomize.py").write_text(gone)
    project.write("flow.py", FLOW)
    ended = project.flowenv_anew("run", "flow.py", "-p", "size=1", *arguments, **variables)
    check(project, ended, *parts)
    assert "Running" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[environments.prod]\ntype = "local"\nlables = []\n', [":3", "'labels'"]),
        ('[environments.prod]\ntype = "local"\nlabels = 3\n', [":3", "labels must be"]),
        ("[environments.prod]\nlabels = []\n", [":1", "has no type"]),
        ("[environmets.prod]\n", [":1", "Did you mean 'environments'?"]),
        ("image = 3\n", [":1", "image must be a string"]),
        ("image = \n", [":1", "no TOML"]),
        ('plugins = ["missing.py"]\nenvironment = "local"\n', [":1", "there is no file"]),
        ('image = "a"\nenvironment = "nowhere"\n', [":2", "'nowhere' isn't installed"]),
    ],
)
def test_a_configuration_with_a_mistake(project: Project, text: str, parts: list[str]) -> None:
    project.write("flow.py", FLOW)
    project.write("flowenv.toml", text)
    arguments = ["--env", "prod"] if "prod" in text else []
    ended = project.flowenv("run", "flow.py", *arguments, "-p", "size=1")
    check(project, ended, *parts)


def test_a_backend_that_cant_be_imported(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.install("odd", "import no_such_thing\n")
    ended = project.flowenv("run", "flow.py", "--env", "odd", "-p", "size=1")
    check(project, ended, "The backend odd of third-party-odd 1.5 can't be imported", "no_such")


def test_two_owners_of_one_backend(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.install("odd", "", distribution="odd-one")
    project.install("odd", "", distribution="odd-two")
    ended = project.flowenv("run", "flow.py", "--env", "odd", "-p", "size=1")
    check(project, ended, "odd-one 1.5 and odd-two 1.5", "Uninstall one")


def test_a_known_backend_that_isnt_installed_says_how_to_install_it(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.write(
        "sitecustomize.py", "from flowenv.registry import discovery\ndiscovery.installed = list\n"
    )
    everything_gone = {"PYTHONPATH": str(project.folder)}
    ended = project.flowenv_anew("run", "flow.py", "--env", "fargate", **everything_gone)
    check(
        project,
        ended,
        "'fargate' isn't installed; installed: none",
        "Run: pip install 'flowenv-fargate @ file:",
    )


def test_a_flow_that_cant_be_sent(fake: Project) -> None:
    fake.write(
        "flow.py",
        """
        import threading
        from flowenv import Flow

        flow = Flow(lambda lock=threading.Lock(): None, name="locked", code="pickle")
        """,
    )
    check(fake, fake.flowenv("run", "flow.py", "--env", "fake"), "pickle")
    assert not list(fake.fake.iterdir())


def test_a_policy_that_refuses_the_run(fake: Project) -> None:
    fake.write("flow.py", FLOW)
    fake.write(
        "policy.py",
        """
        from flowenv import RunRefused, hookimpl

        @hookimpl
        def flowenv_modify_spec(spec):
            raise RunRefused("Not on Fridays.", hint="Try on Monday.")
        """,
    )
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "-p", "size=1", "--plugin", "policy.py")
    check(fake, ended, "Not on Fridays. Try on Monday.")
    assert not list(fake.fake.iterdir())


@pytest.mark.parametrize("hook", ["flowenv_environment_variables", "flowenv_modify_spec"])
def test_a_plugin_that_raises_is_named_with_its_own_frames_only(fake: Project, hook: str) -> None:
    fake.write("flow.py", FLOW)
    fake.write("bad.py", f"from flowenv import hookimpl\n@hookimpl\ndef {hook}():\n    1 / 0\n")
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "-p", "size=1", "--plugin", "bad.py")
    assert ended.returncode == 2
    assert f"plugin bad.py raised ZeroDivisionError in {hook}: division" in ended.stderr
    assert ended.stderr.count("File ") == 1
    assert not list(fake.fake.iterdir())


def test_an_unknown_command_names_the_nearest(project: Project) -> None:
    check(project, project.flowenv("rum"), "No such command 'rum'", "Did you mean 'run'?")


def test_a_working_directory_that_is_gone(project: Project) -> None:
    said = project.shell("bash", "mkdir x && cd x && rmdir ../x && flowenv runs 2>&1; echo $?")
    assert said == "Error: The working directory is gone. Change to another one.\n2\n"


def test_a_plugin_without_hooks_is_said_to_be_one(project: Project) -> None:
    project.write("flow.py", FLOW)
    project.write("forgotten.py", "def modify_spec(spec): pass\n")
    ended = project.flowenv("run", "flow.py", "-p", "size=1", "--plugin", "forgotten.py")
    assert ended.returncode == 0
    assert "plugin forgotten.py has no hooks. Is @hookimpl missing" in ended.stderr


@pytest.mark.parametrize("name", ["local", "dask-k8s", "k8s"])
def test_a_new_plugin_can_not_have_a_name_that_is_taken(project: Project, name: str) -> None:
    check(project, project.flowenv("new-plugin", name), f"'{name}' is the name of a backend")


@pytest.mark.parametrize("item", ["lables=a", "metadata=3"])
def test_a_wrong_setting_of_the_default_environment_says_who_chose_it(
    project: Project, item: str
) -> None:
    project.write("flow.py", FLOW)
    project.write(
        "flowenv.toml", '# ours\nenvironment = "here"\n[environments.here]\ntype = "local"\n'
    )
    chosen = "says that the environment is here."
    ended = project.flowenv("run", "flow.py", "-s", item)
    check(project, ended, f"-s {item.partition('=')[0]}", f"flowenv.toml:2 {chosen}")
    ended = project.flowenv("run", "flow.py", "-s", item, FLOWENV_ENVIRONMENT="here")
    check(project, ended, f"FLOWENV_ENVIRONMENT {chosen}")
    ended = project.flowenv("run", "flow.py", "-s", item, "--env", "here")
    assert chosen not in ended.stderr
