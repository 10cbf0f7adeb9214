"""Backends and plugins that installers have put there, good ones and bad ones."""

from __future__ import annotations

import re

import pytest

from .site_packages import BACKEND, RUN, plugin

SELECT = """
    import json
    from flowenv import make_environment
    from flowenv.errors import FlowenvError
    from flowenv.registry.registry import registry

    try:
        found = repr(make_environment("acme"))
    except FlowenvError as error:
        found = [type(error).__name__, str(error), repr(error.__cause__)]
    local = repr(make_environment("local"))
    print(json.dumps([found, local, {n: str(e) for n, e in registry().errors.items()}]))
"""


def test_a_third_partys_backend_runs_flows(acme, tmp_path):
    (result, variables), _ = acme.python(RUN, tmp_path)
    assert result == "ran"
    assert variables == {"WHO": "backend", "BACKEND": "1"}


def test_metadata_is_listed_without_importing_anything(acme, tmp_path):
    found, _ = acme.python(
        """
        import json, sys
        from flowenv.registry.discovery import installed

        one = next(one for one in installed() if one.name == "acme")
        imported = [name in sys.modules for name in ("acme_hooks", "flowenv_local")]
        print(json.dumps([one.to_json(), *imported]))
        """,
        tmp_path,
    )
    assert found == [
        {
            "name": "acme",
            "kind": "backend",
            "distribution": "acme-flows",
            "version": "1.0",
            "module": "acme_hooks",
        },
        False,
        False,
    ]


def test_only_the_selected_backend_is_imported(acme, tmp_path):
    code = """
        import json, sys
        from flowenv import make_environment

        make_environment("local")
        print(json.dumps("acme_hooks" in sys.modules))
    """
    assert acme.python(code, tmp_path)[0] is False


# -- bad ones -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import not_there", "acme of acme-flows 1.0 can't be imported: ModuleNotFoundError"),
        ("raise RuntimeError('at import')", "can't be imported: RuntimeError: at import"),
        ("raise SystemExit(3)", "can't be imported: SystemExit: 3"),
        ("def broken(:", "can't be imported: SyntaxError"),
        (
            BACKEND.replace("flowenv_build_spec(process)", "flowenv_biuld_spec(process)"),
            "there is no hook flowenv_biuld_spec. Did you mean 'flowenv_build_spec'?",
        ),
        (BACKEND.replace("execute(flow_run)", "execute(flow_run, odd)"), "odd"),
        (BACKEND + "\n    flowenv_api_version = 0\n", "is written for version 0"),
        (BACKEND + "\n    flowenv_api_version = 99\n", "version 99 of flowenv's hooks.*Upgrade"),
        (
            BACKEND.replace('backend = "acme"', 'backend = "other"'),
            "its entry point is named 'acme'",
        ),
        (BACKEND.replace("return AcmeEnvironment", "return None"), "gives no Environment class"),
        ("", "gives no Environment class"),
    ],
)
def test_a_broken_backend_is_an_error_when_it_is_selected_and_only_then(
    site, tmp_path, text, message
):
    site.install("acme-flows", {"flowenv.backends": {"acme": "acme_hooks"}}, {"acme_hooks": text})
    (error, local, _), _ = site.python(SELECT, tmp_path)
    assert error[0] == "PluginError"
    assert re.search(message, error[1]), error[1]
    assert local == "LocalEnvironment()"


def test_an_import_error_is_chained_and_kept(site, tmp_path):
    site.install(
        "acme-flows",
        {"flowenv.backends": {"acme": "acme_hooks"}},
        {"acme_hooks": "import not_there"},
    )
    (error, _, kept), _ = site.python(SELECT, tmp_path)
    assert error[2].startswith("ModuleNotFoundError")
    assert "not_there" in kept["acme"]


def test_two_owners_of_one_name_are_both_named(acme, tmp_path):
    acme.install(
        "rival-flows",
        {"flowenv.backends": {"acme": "rival_hooks"}},
        {"rival_hooks": BACKEND},
        "2.0",
    )
    (error, local, _), _ = acme.python(SELECT, tmp_path)
    assert "acme-flows 1.0 and rival-flows 2.0" in error[1]
    assert "Uninstall one" in error[1]
    assert local == "LocalEnvironment()"


@pytest.mark.parametrize(
    "text",
    [
        "import not_there",
        "raise SystemExit(1)",
        "from flowenv import hookimpl\n@hookimpl\ndef flowenv_modify_spce(spec): ...\n",
        "from flowenv import hookimpl\n@hookimpl\ndef flowenv_modify_spec(spec, odd): ...\n",
        "from flowenv import hookimpl\n@hookimpl(wrapper=True)\n"
        "def flowenv_modify_spec(spec):\n    return (yield)\n",
        "flowenv_api_version = 99\n",
    ],
)
def test_a_broken_plugin_is_left_out_and_reported_and_harms_nobody(acme, tmp_path, text):
    acme.install("bad", {"flowenv.plugins": {"bad": "bad_hooks"}}, {"bad_hooks": text})
    acme.install(
        "good", {"flowenv.plugins": {"good": "good_hooks"}}, {"good_hooks": plugin("good")}
    )
    (result, variables), stderr = acme.python(RUN, tmp_path)
    assert result == "ran"
    assert variables == {"WHO": "good", "BACKEND": "1", "GOOD": "1"}
    assert "plugin bad of bad 1.0 is left out" in stderr


def test_damaged_metadata_of_a_distribution_harms_nobody(acme, tmp_path):
    info = acme.folder / "damaged-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[flowenv.plugins]\ndamaged = damaged_hooks\n")
    (acme.folder / "damaged_hooks.py").write_text("")
    (result, _), _ = acme.python(RUN, tmp_path)
    assert result == "ran"


def test_two_plugins_of_one_name_are_left_out(acme, tmp_path):
    for who in ("one", "two"):
        acme.install(
            who, {"flowenv.plugins": {"same": f"{who}_hooks"}}, {f"{who}_hooks": plugin(who)}
        )
    (_, variables), _ = acme.python(RUN, tmp_path)
    assert not {"ONE", "TWO"} & variables.keys()


# -- which are loaded, and in which order -------------------------------------------------


def test_later_wins_backend_then_installed_then_local(crowded, tmp_path):
    (_, alone), _ = crowded.python(RUN, tmp_path, FLOWENV_LOAD_PLUGINS="")
    (_, installed), _ = crowded.python(RUN, tmp_path)
    (_, local), _ = crowded.python(RUN, tmp_path, FLOWENV_PLUGINS="mine.py,ours")
    assert (alone["WHO"], installed["WHO"], local["WHO"]) == ("backend", "second", "module")
    assert set(local) == {"WHO", "BACKEND", "FIRST", "SECOND", "FILE", "MODULE"}


@pytest.mark.parametrize(
    ("load", "names"),
    [("first", {"FIRST"}), ("second, first", {"FIRST", "SECOND"}), ("", set()), (" ", set())],
)
def test_the_variable_names_the_installed_plugins_to_load(crowded, tmp_path, load, names):
    (_, variables), _ = crowded.python(RUN, tmp_path, FLOWENV_LOAD_PLUGINS=load)
    assert set(variables) - {"WHO", "BACKEND"} == names


def test_a_plugin_that_is_named_but_not_installed_is_told(crowded, tmp_path):
    _, stderr = crowded.python(RUN, tmp_path, FLOWENV_LOAD_PLUGINS="frist")
    assert "FLOWENV_LOAD_PLUGINS names frist, which isn't installed" in stderr


def test_configuration_names_local_plugins(crowded, tmp_path):
    (tmp_path / "flowenv.toml").write_text('plugins = ["mine.py"]\n')
    (tmp_path / "below").mkdir()
    (_, variables), _ = crowded.python(RUN, tmp_path / "below")
    assert variables["WHO"] == "file"


def test_the_same_plugin_named_twice_counts_once_where_it_is_last(crowded, tmp_path):
    (tmp_path / "flowenv.toml").write_text('plugins = ["mine.py", "first_hooks"]\n')
    (_, variables), _ = crowded.python(RUN, tmp_path, FLOWENV_PLUGINS=f"ours,{tmp_path}/mine.py")
    assert variables["WHO"] == "file"
    assert set(variables) == {"WHO", "BACKEND", "FIRST", "SECOND", "FILE", "MODULE"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.py", None, "absent.py can't be imported: FileNotFoundError: there is no file"),
        ("absent_module", None, "absent_module can't be imported: ModuleNotFoundError"),
        ("wrong.py", "1 / 0", "wrong.py can't be imported: ZeroDivisionError"),
        (
            "wrong.py",
            "from flowenv import hookimpl\n@hookimpl\ndef flowenv_stup(): ...\n",
            "wrong.py doesn't fit the hooks: there is no hook flowenv_stup. Did you mean",
        ),
    ],
)
def test_a_local_plugin_that_does_not_load_is_an_error(acme, tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    code = """
        import json
        from flowenv import submit
        from flowenv.errors import PluginError

        try:
            submit(dict)
        except PluginError as error:
            print(json.dumps(str(error)))
    """
    error, _ = acme.python(code, tmp_path, FLOWENV_PLUGINS=name)
    assert message in error


def test_a_local_plugins_file_can_hold_a_dataclass_and_be_pickled(acme, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\nimport dataclasses\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n"
        "import pickle\nassert pickle.loads(pickle.dumps(Point(1))) == Point(1)\n"
    )
    (result, _), _ = acme.python(RUN, tmp_path, FLOWENV_PLUGINS="mine.py")
    assert result == "ran"


def test_two_threads_load_a_backend_once(acme, tmp_path):
    (acme.folder / "acme_hooks.py").write_text(
        (acme.folder / "acme_hooks.py").read_text() + "\nprint('imported')\n"
    )
    code = """
        import json, threading
        from flowenv.registry.registry import registry

        found = []

        def load():
            found.append(registry().hooks("acme"))

        threads = [threading.Thread(target=load) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(json.dumps(len({id(one) for one in found})))
    """
    assert acme.python(code, tmp_path)[0] == 1
