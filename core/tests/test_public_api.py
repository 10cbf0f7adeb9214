"""The public names, what importing them costs, and that their examples run."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.resources
import inspect
import pkgutil
import pydoc
import re
import subprocess
import sys

import pytest

import flowenv
from flowenv import errors

MODULES = sorted(
    one.name
    for one in pkgutil.walk_packages(flowenv.__path__, "flowenv.")
    if not one.name.startswith(
        ("flowenv.cli", "flowenv.testing", "flowenv.__main__", "flowenv._template")
    )
)


@pytest.mark.parametrize("name", flowenv.__all__)
def test_every_public_name_is_there(name):
    assert getattr(flowenv, name) is not None
    assert name in dir(flowenv)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        flowenv.absent  # noqa: B018


def test_star_import_gives_the_public_names():
    found: dict = {}
    exec("from flowenv import *", found)
    assert set(flowenv.__all__) <= set(found)


def test_the_version_is_the_distributions():
    from importlib.metadata import version

    assert flowenv.__version__ == version("flowenv")


def modules_after(code: str) -> set[str]:
    listed = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", listed], check=True, capture_output=True, text=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


HEAVY = {"click", "pluggy", "yaml", "cloudpickle", "dask", "distributed", "importlib_metadata"}


def test_the_kits_flows_need_no_pytest():
    assert "pytest" not in modules_after("import flowenv.testing.flows")


def test_importing_flowenv_imports_nothing_heavy():
    assert not HEAVY & modules_after("import flowenv")


def test_running_a_flow_imports_neither_dask_nor_a_platform():
    code = "from flowenv import Flow\nFlow(dict).run()"
    assert not HEAVY & modules_after(code)


def test_the_local_backend_needs_no_dask():
    code = "from flowenv import submit\nsubmit(dict).result()"
    assert not {"dask", "distributed", "cloudpickle", "yaml", "click"} & modules_after(code)


LIGHT_DOORS = ["flowenv", "flowenv.plugin", "flowenv.executors", "flowenv.testing"]
DOORS = [*LIGHT_DOORS, "flowenv.errors"]


@pytest.mark.parametrize("door", LIGHT_DOORS)
def test_type_checkers_see_each_name_where_it_comes_from(door):
    found = importlib.import_module(door)
    tree = ast.parse(inspect.getsource(found))
    (seen_only_by_them,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    )
    imported = {alias.name: node.module for node in seen_only_by_them.body for alias in node.names}
    assert set(found.__all__) - set(imported) <= {"__version__"}
    for name, module in imported.items():
        there = importlib.import_module(module)
        if not hasattr(there, name):  # a module is a name itself
            there = importlib.import_module(f"{module}.{name}")
        assert getattr(found, name) is getattr(there, name, there)


@pytest.mark.parametrize("door", DOORS)
def test_help_shows_what_is_meant_and_nothing_else(door):
    found = importlib.import_module(door)
    assert sorted(dir(found)) == sorted(found.__all__)
    for name in found.__all__:
        getattr(found, name)  # so that it would be in the module's own names
    assert sorted(dir(found)) == sorted(found.__all__)
    shown = pydoc.render_doc(found, renderer=pydoc.plaintext)
    assert not re.search(r"TYPE_CHECKING|names_of|sentences|annotations =", shown)


def test_the_package_says_that_it_is_typed():
    assert (importlib.resources.files(flowenv) / "py.typed").is_file()


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


ERRORS = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type)
    and issubclass(cls, errors.FlowenvError)
    and cls is not errors.FlowenvError
]


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_is_also_a_builtin_that_a_caller_expects(cls):
    builtin = [one for one in cls.__mro__ if one.__module__ == "builtins"]
    assert set(builtin) - {Exception, BaseException, object}


@pytest.mark.parametrize("cls", [errors.FlowenvError, *ERRORS])
def test_an_error_travels_between_processes(cls):
    import pickle

    error = pickle.loads(pickle.dumps(cls("message", hint="hint")))
    assert (type(error), error.message, error.hint) == (cls, "message", "hint")


@pytest.mark.parametrize("cls", ERRORS)
def test_an_error_has_an_exit_code_of_the_command_line(cls):
    assert cls.exit_code in (1, 2, 3, 4)


def test_an_error_prints_its_hint():
    assert str(errors.FlowenvError("It failed.", hint="Do this.")) == "It failed. Do this."
