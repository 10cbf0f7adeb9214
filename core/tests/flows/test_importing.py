"""A file that runs its own flow as it is imported is stopped before that goes on without end."""

from __future__ import annotations

import importlib
import sys

import pytest

from flowenv import submit
from flowenv.errors import RunWhileImporting
from flowenv.flows.finding import load_file
from flowenv.submission.lifecycle import prepare

from ..containers import Container
from ..flow_files import write
from ..plugging import ToyEnvironment

GUARDED = """\
from flowenv import flow, submit


@flow
def greet():
    return "Hello!"


def main():
    return submit(greet, environment="toy")


if __name__ == "__main__":
    main()
"""
UNGUARDED = GUARDED.replace('if __name__ == "__main__":\n    ', "")


@pytest.fixture
def script(toy, tmp_path):
    path = tmp_path / "here" / "unguarded_script.py"
    yield lambda text: write(path, text)
    sys.modules.pop("unguarded_script", None)


def test_a_file_that_is_loaded_may_not_run_its_flow(script):
    with pytest.raises(RunWhileImporting, match=r"unguarded_script.py:13: .*flow greet is run"):
        load_file(script(UNGUARDED))


def test_nor_may_a_module_that_is_imported(script, monkeypatch):
    monkeypatch.syspath_prepend(script(UNGUARDED).parent)
    with pytest.raises(RunWhileImporting, match='below `if __name__ == "__main__":`'):
        importlib.import_module("unguarded_script")


def test_a_file_may_run_the_flow_of_another(script, tmp_path):
    load_file(script(GUARDED))
    other = "from unguarded_script import main\nmain()\n"
    load_file(write(tmp_path / "here" / "another_script.py", other))
    del sys.modules["another_script"]


def test_a_function_of_the_file_may_run_it_later(script):
    assert load_file(script(GUARDED)).main().flow_name == "greet"


def test_what_is_typed_in_may_run_a_flow_of_the_same_name_space(script):
    scope = {"__name__": "typed_in"}
    exec(compile(UNGUARDED, "<input>", "exec"), scope)
    assert scope["greet"].module == "typed_in"


def test_in_the_container_it_is_a_start_error(script, tmp_path):
    flow = load_file(script(GUARDED)).greet
    run = prepare(flow, environment=ToyEnvironment()).flow_run
    script(UNGUARDED)
    ended = Container(tmp_path, run).wait()
    assert ended.exit_code == 3
    assert ended.outcome
    assert "is run while its own file is imported" in ended.outcome.message


def test_a_callable_without_a_module_is_run(toy):
    assert submit(sorted, environment="toy", parameters={"iterable": []}).flow_name == "sorted"
