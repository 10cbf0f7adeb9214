"""From what a user names to the flow."""

from __future__ import annotations

import sys

import pytest

from flowenv.contract.shipped_files import module_name
from flowenv.errors import FlowNotFound
from flowenv.flows.finding import find_flow, load_file

from ..flow_files import GREET, TWO, write


def test_a_file_with_one_flow_needs_no_name(tmp_path):
    write(tmp_path / "greeting.py", GREET)
    assert find_flow("greeting.py").run() == "Hello, you!"


def test_a_file_and_a_name(tmp_path):
    write(tmp_path / "pair.py", TWO)
    assert find_flow("pair.py:second").run() == 2


def test_a_flows_own_name_serves_too(tmp_path):
    write(tmp_path / "pair.py", TWO.replace("@flow", "@flow(name='the-name')", 1))
    assert find_flow("pair.py:the-name").run() == 1


def test_a_file_elsewhere(tmp_path):
    path = write(tmp_path / "below" / "greeting.py", GREET)
    assert find_flow(str(path)).run() == "Hello, you!"
    assert find_flow("below/greeting.py:greet").run() == "Hello, you!"


def test_a_module_and_a_name(tmp_path):
    write(tmp_path / "package" / "__init__.py", "")
    write(tmp_path / "package" / "module.py", GREET)
    found = find_flow("package.module:greet")
    assert (found.run(), found.code) == ("Hello, you!", "module")


def test_a_callable_of_another_library_is_a_flow_when_it_is_named():
    assert find_flow("os.path:basename").run(p="a/b") == "b"


def test_an_attribute_of_an_attribute(tmp_path):
    write(tmp_path / "nested.py", "class Group:\n    def method(self=None): return 3\n")
    assert find_flow("nested.py:Group.method").run() == 3


def test_a_partial_in_a_file_is_found(tmp_path):
    write(tmp_path / "power.py", "import functools\ncube = functools.partial(pow, exp=3)\n")
    found = find_flow("power.py:cube")
    assert (found.run(base=2), found.code, found.module) == (8, "source", "power")


def test_flows_imported_from_elsewhere_do_not_count(tmp_path):
    write(tmp_path / "greeting.py", GREET)
    own = "\n    from greeting import greet\n\n    @flow\n    def own(): return 5\n"
    write(tmp_path / "main.py", "    from flowenv import flow\n" + own)
    assert find_flow("main.py").run() == 5


def test_a_single_flow_imported_from_elsewhere_counts_if_there_is_no_other(tmp_path):
    write(tmp_path / "greeting.py", GREET)
    write(tmp_path / "main.py", "from greeting import greet\n")
    assert find_flow("main.py").run() == "Hello, you!"


def test_a_flow_under_two_names_is_one(tmp_path):
    write(tmp_path / "greeting.py", GREET + "\n    alias = greet\n")
    assert find_flow("greeting.py").run() == "Hello, you!"


# -- what goes wrong ----------------------------------------------------------------------


def test_a_file_without_a_flow(tmp_path):
    write(tmp_path / "empty.py", "x = 1\n")
    with pytest.raises(FlowNotFound, match=r"empty.py has no flow.*@flow.*empty.py:name"):
        find_flow("empty.py")


def test_two_flows_and_no_name(tmp_path):
    write(tmp_path / "pair.py", TWO)
    with pytest.raises(FlowNotFound, match=r"has 2 flows: first, second\. Name one: pair.py:first"):
        find_flow("pair.py")


def test_a_wrong_name_names_the_nearest(tmp_path):
    write(tmp_path / "greeting.py", GREET)
    with pytest.raises(FlowNotFound, match=r"no flow 'gret'. Did you mean 'greet'\?"):
        find_flow("greeting.py:gret")


def test_a_missing_file():
    with pytest.raises(FlowNotFound, match=r"no file 'absent\.py'"):
        find_flow("absent.py")


def test_a_missing_module():
    with pytest.raises(FlowNotFound, match=r"no module 'absent\.module'.*give absent\.module\.py"):
        find_flow("absent.module:flow")


@pytest.mark.parametrize("target", ["", "two words", "a-b:c", "3:x"])
def test_what_is_no_target(target):
    with pytest.raises(FlowNotFound, match="is no target"):
        find_flow(target)


def test_a_module_that_imports_a_missing_one_shows_that_error(tmp_path):
    write(tmp_path / "broken.py", "import not_installed_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        find_flow("broken:flow")


def test_a_file_that_fails_leaves_no_module_behind(tmp_path):
    write(tmp_path / "broken.py", "raise RuntimeError('in the file')\n")
    with pytest.raises(RuntimeError, match="in the file"):
        find_flow("broken.py")
    assert "broken" not in sys.modules


# -- files as modules ---------------------------------------------------------------------


def test_a_file_imports_what_lies_beside_it(tmp_path):
    write(tmp_path / "far" / "beside.py", "VALUE = 4\n")
    write(tmp_path / "far" / "main.py", "from beside import VALUE\n")
    assert load_file(tmp_path / "far" / "main.py").VALUE == 4


def test_the_same_file_is_the_same_module(tmp_path):
    path = write(tmp_path / "greeting.py", GREET)
    assert load_file(path) is load_file(path)


@pytest.mark.parametrize("name", ["json", "asyncio", "click", "numpy", "sklearn"])
def test_a_file_may_not_hide_another_module(tmp_path, name):
    path = write(tmp_path / f"{name}.py", GREET)
    with pytest.raises(FlowNotFound, match=f"{name}.py would hide the module '{name}'.*Rename"):
        load_file(path)


def test_a_file_of_the_same_name_elsewhere_replaces_the_first(tmp_path):
    first = load_file(write(tmp_path / "one" / "same.py", "VALUE = 1\n"))
    second = load_file(write(tmp_path / "two" / "same.py", "VALUE = 2\n"))
    assert (first.VALUE, second.VALUE) == (1, 2)
    assert sys.modules["same"] is second


@pytest.mark.parametrize(
    ("file", "name"),
    [("flow.py", "flow"), ("my-flow.py", "my_flow"), ("2024.py", "_2024"), ("a b.c.py", "a_b_c")],
)
def test_a_files_module_name_is_an_identifier(tmp_path, file, name):
    assert module_name(tmp_path / file) == name


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("jobs/daily:f", "jobs/daily.py:f"),
        ("jobs/daily", "jobs/daily.py"),
        ("inner:f", "src/inner.py:f"),
        ("my_flow:f", "my-flow.py:f"),
    ],
)
def test_a_file_that_was_meant_is_named(tmp_path, target, meant):
    for name in ("jobs/daily.py", "src/inner.py", "my-flow.py"):
        write(tmp_path / name, "from flowenv import flow\n@flow\ndef f(): pass\n")
    with pytest.raises(FlowNotFound, match=f"Did you mean {meant}\\?"):
        find_flow(target)


def test_a_file_of_nearly_that_name_is_named(tmp_path):
    write(tmp_path / "weekly.py", "")
    with pytest.raises(FlowNotFound, match=r"no file 'wekly\.py'") as caught:
        find_flow(str(tmp_path / "wekly.py"))
    assert caught.value.hint == "Did you mean 'weekly.py'?"
