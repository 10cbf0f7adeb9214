"""Each recipe of the documentation works in all three ways of plugging it in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_authors.neighbours import install

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "recipes.md"
FILES = dict(re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', PAGE.read_text("utf-8"), re.DOTALL))

Way = Callable[[Path, str], tuple[list[str], dict[str, str]]]


def by_option(folder: Path, recipe: str) -> tuple[list[str], dict[str, str]]:
    return ["--plugin", recipe], {}


def by_configuration(folder: Path, recipe: str) -> tuple[list[str], dict[str, str]]:
    path = folder / "flowenv.toml"
    path.write_text(f'plugins = ["{recipe}"]\n{path.read_text()}')
    return [], {}


def by_package(folder: Path, recipe: str) -> tuple[list[str], dict[str, str]]:
    site = folder / "site"
    site.mkdir()
    install(site, recipe.removesuffix(".py"), FILES[recipe])
    return [], {"PYTHONPATH": str(site)}


RECIPES = {
    "team.py": ("cluster", r"^TEAM +forecasting +plugin team", 0),
    "graphql.py": (
        "cluster",
        r"^PREFECT__CLOUD__USE_LOCAL_SECRETS +\(removed\) +plugin graphql",
        0,
    ),
    "threads.py": (
        "dask",
        r"^worker container\n(\S.*\n| .*\n)+OMP_NUM_THREADS +1 +plugin threads",
        0,
    ),
    "vault.py": ("cluster", r"^DATABASE_URL +\*\*\* +plugin vault", 0),
    "pool.py": ("dask", r"worker_pod\.spec\.tolerations\n +\+ .*batch", 0),
    "tags.py": ("tasks", r"run_task\.tags\[\d+\]\n +\+ .*cost-centre", 0),
    "sidecar.py": ("cluster", r"\.containers\[1\]\n +\+ .*docker\.io/who/knows", 0),
    "images.py": ("foreign", r"The image who/knows:1 is not from registry\.example", 2),
    "policy.py": ("foreign", r"The image .* is not from registry\.example", 2),
}


@pytest.mark.parametrize("way", [by_option, by_configuration, by_package])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works_in_this_way(tmp_path: Path, recipe: str, way: Way) -> None:
    for name in ("report.py", "flowenv.toml", recipe):
        (tmp_path / name).write_text(FILES[name])
    with (tmp_path / "flowenv.toml").open("a") as file:
        print('[environments.foreign]\ntype = "k8s"\nmetadata = {image = "who/knows:1"}', file=file)
    for name in ("database", "token"):
        (tmp_path / "store").mkdir(exist_ok=True)
        (tmp_path / "store" / name).write_text("s3cr3t")
    environment, pattern, exit_code = RECIPES[recipe]

    options, variables = way(tmp_path, recipe)
    done = explain(tmp_path, "--env", environment, *options, **variables)

    assert done.returncode == exit_code, done.stdout
    assert re.search(pattern, done.stdout, re.MULTILINE), done.stdout
    assert "s3cr3t" not in done.stdout


@pytest.mark.parametrize("way", [by_option, by_configuration, by_package])
def test_the_notification_works_in_this_way_and_breaks_no_run(tmp_path: Path, way: Way) -> None:
    for name in ("report.py", "flowenv.toml", "notify.py"):
        (tmp_path / name).write_text(FILES[name])
    options, variables = way(tmp_path, "notify.py")
    done = flowenv(tmp_path, "run", "report.py", "--env", "local", *options, **variables)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "states.txt").read_text() == "report Running\nreport Completed\n"
    assert done.stdout.count("changed: ConnectionError: the chat is down") == 2
    assert done.stdout.count("Traceback") == 1


@pytest.mark.parametrize("way", [by_option, by_configuration, by_package])
def test_the_recipe_with_settings_works_in_this_way(tmp_path: Path, way: Way) -> None:
    for name in ("report.py", "flowenv.toml", "chat.py"):
        (tmp_path / name).write_text(FILES[name])
    with (tmp_path / "flowenv.toml").open("a") as file:
        print('[plugin.chat]\nroom = "room.txt"\nstates = ["Completed"]', file=file)
    options, variables = way(tmp_path, "chat.py")
    variables["FLOWENV_SECRET_CHAT_TOKEN"] = "s3cr3t"
    done = flowenv(tmp_path, "run", "report.py", "--env", "local", *options, **variables)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "room.txt").read_text() == "report: Completed\n"


BACKENDS = {
    "local": "",
    "k8s": "",
    "dask_k8s": "",
    "dask_cloud": 'provider_class = "dask_cloudprovider.aws.FargateCluster"\n'
    'region_name = "eu-west-1"\nfargate_use_private_ip = true\n'
    'security_groups = ["sg-0123456789"]\n',
    "fargate": 'networkConfiguration = {awsvpcConfiguration = {subnets = ["subnet-1"]}}\n',
    "subprocess": "",
}


EXPLAIN_EACH = """
import contextlib, os, sys
from flowenv.cli import main
from flowenv.registry.registry import reset
command = ["flowenv", "explain", "report.py", "--env", "here"]
def explain(said, *options):
    for number in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.argv = [*command, *options]
    main()
recipes, output = sys.argv[1:], os.dup(1)
with contextlib.suppress(SystemExit):
    explain("none.said")  # so that all is imported
reset()
for recipe in recipes:
    if (pid := os.fork()) == 0:
        explain(f"{recipe}.said", "--plugin", recipe)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(output, f"{recipe} {code}\\n".encode())
"""
"""Each recipe in a process of its own, all forked from one that has imported the backend."""


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_recipe_harms_this_backend(tmp_path: Path, backend: str) -> None:
    recipes = [*RECIPES, "notify.py", "chat.py"]
    for name in ("report.py", *recipes):
        (tmp_path / name).write_text(FILES[name])
    (tmp_path / "flowenv.toml").write_text(
        f'image = "registry.example/report:1"\n[environments.here]\ntype = "{backend}"\n'
        + BACKENDS[backend]
    )
    for name in ("database", "token"):
        (tmp_path / "store").mkdir(exist_ok=True)
        (tmp_path / "store" / name).write_text("s3cr3t")
    done = python(tmp_path, EXPLAIN_EACH, *recipes, FLOWENV_PLUGIN_CHAT_ROOM="room.txt")
    said = {name: (tmp_path / f"{name}.said").read_text() for name in recipes}

    assert done.stdout.split("\n") == [*(f"{name} 0" for name in recipes), ""], said
    assert not [name for name in recipes if "s3cr3t" in said[name]]
    assert ("docker.io/who/knows:1" in said["sidecar.py"]) == ("k8s" in backend)
    assert said["pool.py"].count("batch") == {"k8s": 1, "dask_k8s": 2}.get(backend, 0)


def explain(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return flowenv(folder, "explain", "report.py", *options, **variables)


def flowenv(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from flowenv.cli import main; sys.argv[0] = 'flowenv'; main()"
    return python(folder, code, *arguments, **variables)


def python(
    folder: Path, code: str, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLOWENV", "PREFECT"))}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**kept, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_every_hook_recipe_of_the_page_is_tried() -> None:
    hooks = {name for name, text in FILES.items() if "@hookimpl" in text}
    # what is told of a change of state shows only in a run
    assert hooks - {"notify.py", "chat.py"} == set(RECIPES)
