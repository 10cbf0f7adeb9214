"""Broken, duplicate and outdated plugins, installed beside good ones, harm none of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_authors.neighbours import GOOD_BACKEND, GOOD_PLUGIN, install

from flowenv.errors import PluginError
from flowenv.registry.registry import Registry, registry, reset
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared

BROKEN = "raise RuntimeError('half of it is missing')"
QUITS = "raise SystemExit(3)"
NO_PYTHON = "def ("
MISSPELT = "from flowenv import hookimpl\n@hookimpl\ndef flowenv_stat_changed(status): pass\n"
OLD = "flowenv_api_version = 0\n" + GOOD_PLUGIN
NEW = "flowenv_api_version = 99\n" + GOOD_PLUGIN

PLUGINS = {
    "broken": (BROKEN, "RuntimeError: half of it is missing"),
    "quits": (QUITS, "SystemExit"),
    "no_python": (NO_PYTHON, "SyntaxError"),
    "misspelt": (MISSPELT, "there is no hook flowenv_stat_changed. Did you mean"),
    "old": (OLD, "is written for version 0 of flowenv's hooks; this flowenv has version 1."),
    "new": (NEW, "Upgrade flowenv."),
}
REQUIREMENTS = {
    "flowenv>=99": "it needs flowenv>=99, but flowenv 0.1.0 is installed",
    "flowenv<0.1": "it needs flowenv<0.1, but flowenv 0.1.0 is installed",
    "flowenv[dask] (>=99.1)": "it needs flowenv>=99.1, but flowenv 0.1.0 is installed",
    "flowenv-never-published>=1": "it needs flowenv-never-published>=1, which isn't installed",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions with a good backend and a good plugin in it."""
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder, "good", GOOD_BACKEND, kind="backend")
    install(folder, "fine", GOOD_PLUGIN)
    for name in [n for n in os.environ if n.startswith("FLOWENV")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(folder)
    modules = set(sys.modules)
    reset()
    yield folder
    reset()
    for name in set(sys.modules) - modules:
        if str(folder) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def prepared(backend: str = "good") -> Prepared:
    return prepare(sorted, environment=registry().environment_type(backend)(), draft=True)


def assert_the_good_ones_work() -> None:
    assert prepared().spec["variables"]["FROM_fine"] == "yes"


@pytest.mark.parametrize("name", PLUGINS)
def test_a_bad_plugin_is_left_out_with_its_reason(
    site: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, reason = PLUGINS[name]
    install(site, name, source, version="3.2")
    assert_the_good_ones_work()
    assert f"The plugin {name} of flowenv-{name} 3.2 is left out: " in caplog.text
    assert reason in caplog.text
    assert "FROM_" + name not in prepared().spec["variables"]


@pytest.mark.parametrize("name", [*PLUGINS, "without_type"])
def test_a_bad_backend_stops_only_itself(site: Path, name: str) -> None:
    source, reason = PLUGINS.get(name, (GOOD_PLUGIN, "gives no Environment class"))
    install(site, name, source, kind="backend", version="3.2")
    assert_the_good_ones_work()
    with pytest.raises(PluginError) as caught:
        registry().environment_type(name)
    assert f"backend {name}" in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize("requirement", REQUIREMENTS)
@pytest.mark.parametrize("kind", ["backend", "plugin"])
def test_versions_that_do_not_fit_are_an_error_before_anything_is_imported(
    site: Path, requirement: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(site, "misfit", BROKEN, kind=kind, version="3.2", requires=requirement)
    assert_the_good_ones_work()
    if kind == "backend":
        with pytest.raises(PluginError) as caught:
            registry().environment_type("misfit")
        said = str(caught.value)
    else:
        said = caplog.text
    assert f"The {kind} misfit of flowenv-misfit 3.2 doesn't fit what is installed" in said
    assert REQUIREMENTS[requirement] in said
    assert "Upgrade flowenv or flowenv-misfit, from where each was installed." in said


@pytest.mark.parametrize(
    "requirement",
    ["flowenv", "flowenv>=0.1,<1", "flowenv[dask]>=0.1; extra == 'x'", "numpy>=99", "flowenv==0.*"],
)
def test_versions_that_fit_are_no_error(site: Path, requirement: str) -> None:
    install(site, "fits", GOOD_BACKEND, kind="backend", requires=requirement)
    assert prepared("fits").spec


@pytest.mark.parametrize("kind", ["backend", "plugin"])
@pytest.mark.parametrize("inside", [":hooks", ":Plugin", ":hooks.Plugin"])
def test_an_entry_point_that_names_an_object_is_refused_with_a_sentence(
    site: Path, kind: str, inside: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(site, "thing", GOOD_PLUGIN, kind=kind, inside=inside)
    assert_the_good_ones_work()
    said = caplog.text
    if kind == "backend":
        with pytest.raises(PluginError) as caught:
            registry().environment_type("thing")
        said = str(caught.value)
    assert (
        f"The entry point of the {kind} thing of flowenv-thing 1.0 names {inside[1:]} in "
        "flowenv_thing_hooks, but has to name the module with the hooks. Write thing = "
        '"flowenv_thing_hooks" in its [project.entry-points], and install it again.'
    ) in said


def test_two_owners_of_a_backend_are_named_when_it_is_selected(site: Path) -> None:
    for distribution in ("flowenv-twice", "acme-twice"):
        install(site, "twice", GOOD_BACKEND, kind="backend", distribution=distribution)
    assert_the_good_ones_work()
    with pytest.raises(PluginError, match=r"acme-twice 1\.0 and flowenv-twice 1\.0"):
        registry().hooks("twice")


def test_the_same_distribution_twice_on_the_path_is_one(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as with an editable installation over an older one
    other = tmp_path / "other"
    other.mkdir()
    install(other, "good", BROKEN, kind="backend", version="0.9")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    reset()
    assert_the_good_ones_work()
    (good,) = registry().backends()["good"]
    assert good.version == "1.0"


def test_discovery_imports_none_of_them(site: Path) -> None:
    install(site, "broken", BROKEN, kind="backend")
    assert {"broken", "good"} <= set(Registry().backends())
    assert not {"flowenv_good_hooks", "flowenv_broken_hooks"} & set(sys.modules)


def flowenv(*arguments: str, site: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from flowenv.cli import main; sys.argv[0] = 'flowenv'; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_works_beside_all_of_them_at_once(site: Path, tmp_path: Path) -> None:
    for name, (source, _) in PLUGINS.items():
        install(site, name, source)
        install(site, f"{name}_backend", source, kind="backend")
    install(site, "misfit", GOOD_PLUGIN, requires="flowenv>=99")
    for distribution in ("flowenv-twice", "acme-twice"):
        install(site, "twice", GOOD_BACKEND, kind="backend", distribution=distribution)
    (tmp_path / "hello.py").write_text(
        "from flowenv import flow\n\n@flow\ndef hello():\n    return 'hello'\n"
    )

    ran = flowenv("run", "hello.py", "--env", "good", site=site)
    assert ran.returncode == 0, ran.stderr
    assert "Result: 'hello'" in ran.stdout

    listed = flowenv("plugins", "--load", "-o", "json", site=site)
    assert listed.returncode == 3, listed.stderr
    errors = {one["name"]: one["error"] for one in json.loads(listed.stdout)}
    bad = {*PLUGINS, *(f"{name}_backend" for name in PLUGINS), "misfit", "twice"}
    assert {name for name in bad if not errors[name]} == set()
    assert errors["broken"].startswith("RuntimeError: half of it is missing (")
    assert errors["broken"].endswith("flowenv_broken_hooks.py:1)")
    good = {"good", "fine", "local", "k8s", "dask_k8s", "dask_cloud", "fargate"}
    assert {name: errors[name] for name in good} == dict.fromkeys(good)
