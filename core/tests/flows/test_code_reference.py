"""How a flow's code is sent: by module, as source, or as a pickle."""

from __future__ import annotations

import functools
import os
import sys
from types import ModuleType

import pytest

from flowenv import Flow, flow
from flowenv.errors import PayloadError
from flowenv.flows.code_reference import modules_to_pickle, own_files, refer_to
from flowenv.flows.finding import find_flow

from ..flow_files import GREET, write


def as_main(monkeypatch, path, text, **attributes) -> ModuleType:
    """Run a file as `__main__`, as `python file.py` does."""
    main = ModuleType("__main__")
    main.__spec__ = None
    vars(main).update(attributes)
    if path:
        main.__file__ = str(write(path, text))
    monkeypatch.setitem(sys.modules, "__main__", main)
    import textwrap

    exec(compile(textwrap.dedent(text), str(path), "exec"), vars(main))
    return main


def test_a_scripts_flow_is_sent_as_source(tmp_path, monkeypatch):
    main = as_main(monkeypatch, tmp_path / "script.py", GREET)
    found = refer_to(main.greet)
    assert (found.code, found.attribute, found.import_name) == ("source", "greet", "script")
    assert found.path == tmp_path / "script.py"


def test_a_flow_that_was_typed_in_is_pickled(monkeypatch):
    main = as_main(monkeypatch, None, GREET)
    assert refer_to(main.greet).code == "pickle"


def test_a_lone_module_beside_a_script_is_sent_as_source(tmp_path):
    write(tmp_path / "flows.py", GREET)
    sys.path.insert(0, str(tmp_path))
    import flows

    found = refer_to(flows.greet)
    assert (found.code, found.import_name) == ("source", "flows")


def test_a_packages_module_goes_by_name(tmp_path):
    write(tmp_path / "package" / "__init__.py", "")
    write(tmp_path / "package" / "flows.py", GREET)
    sys.path.insert(0, str(tmp_path))
    import package.flows

    found = refer_to(package.flows.greet)
    assert (found.code, found.import_name) == ("module", "package.flows")


def test_an_installed_lone_module_goes_by_name(tmp_path):
    folder = tmp_path / "lib" / "site-packages"
    write(folder / "installed_flows.py", GREET)
    sys.path.insert(0, str(folder))
    import installed_flows

    assert refer_to(installed_flows.greet).code == "module"


def test_a_packages_module_run_with_dash_m_goes_by_its_own_name(tmp_path, monkeypatch):
    from importlib.machinery import ModuleSpec

    main = as_main(monkeypatch, tmp_path / "package" / "flows.py", GREET)
    main.__spec__ = ModuleSpec("package.flows", None)
    found = refer_to(main.greet)
    assert (found.code, found.import_name) == ("module", "package.flows")


def test_the_standard_library_goes_by_name():
    found = refer_to(Flow(os.path.join, module="os.path"))
    assert (found.code, found.import_name) == ("module", "posixpath")


def test_a_builtin_goes_by_name():
    found = refer_to(Flow(sorted))
    assert (found.code, found.module, found.attribute) == ("module", "builtins", "sorted")


def test_a_partial_at_the_top_of_a_file_is_sent_as_source(tmp_path):
    write(tmp_path / "power.py", """
        import functools
        from flowenv import Flow
        cube = Flow(functools.partial(pow, exp=3), name="cube")
    """)  # fmt: skip
    found = refer_to(find_flow("power.py"))
    assert (found.code, found.attribute) == ("source", "cube")


def test_what_has_no_name_is_pickled():
    @flow
    def local(): ...

    assert refer_to(local).code == "pickle"
    assert refer_to(Flow(lambda: 1)).code == "pickle"
    assert refer_to(Flow(functools.partial(pow, 2), name="p")).code == "pickle"


def test_the_modules_of_a_pickled_flow_are_pickled_whole_but_no_installed_ones():
    made_here = Flow(functools.partial(pow, 2), name="p")
    assert modules_to_pickle(made_here, refer_to(made_here)) == {__name__}


def test_source_that_is_not_there_is_an_error():
    nested = Flow(lambda: 1, name="nested", code="source")
    with pytest.raises(
        PayloadError, match="nested can't be shipped as source: it isn't at the top"
    ):
        refer_to(nested).check(nested)


def test_source_without_a_file_is_an_error(monkeypatch):
    main = as_main(monkeypatch, None, GREET.replace("@flow", "@flow(code='source')"))
    with pytest.raises(PayloadError, match="its file isn't known"):
        refer_to(main.greet).check(main.greet)


def test_a_module_reference_to_a_script_is_an_error(tmp_path, monkeypatch):
    text = GREET.replace("@flow", "@flow(code='module')")
    main = as_main(monkeypatch, tmp_path / "script.py", text)
    with pytest.raises(PayloadError, match="can't be imported by name from a module"):
        refer_to(main.greet).check(main.greet)


def test_the_files_of_a_source_flow_end_with_its_own(tmp_path):
    write(tmp_path / "helper.py", "")
    write(tmp_path / "main.py", GREET.replace("@flow", "@flow(files=['helper.py'])"))
    assert own_files(find_flow("main.py")) == (tmp_path / "helper.py", tmp_path / "main.py")


def test_a_flow_from_a_package_brings_no_files():
    assert own_files(Flow(os.path.join)) == ()


def test_a_script_brings_no_files_as_what_it_defines_is_pickled(tmp_path, monkeypatch):
    main = as_main(monkeypatch, tmp_path / "script.py", GREET)
    assert own_files(main.greet) == ()
