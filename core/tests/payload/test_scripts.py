"""A script that submits its own flow is told before, where that can't work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flowenv import Flow
from flowenv.errors import PayloadError
from flowenv.flows.code_reference import CodeReference
from flowenv.payload import packing
from flowenv.payload.scripts import check_script

from ..flow_files import write

PACKS = """\
from pathlib import Path
from flowenv.payload.scripts import check_script

def f(): ...

def submit():
    check_script("f", Path(__file__).resolve(), "f")

"""


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("def f(): ...\n", True),
        ('if __name__ == "__main__":\n    def f(): ...\n', False),
        ("if '__main__' == __name__:\n    f = 1\n", False),
        ('f = None\nif __name__ == "__main__":\n    f = 1\n', True),
        ('from x import f\nif __name__ == "__main__":\n    f = f\n', True),
        ("if f():\n    def f(): ...\n", True),
        ("no Python", True),
    ],
)
def test_a_flow_is_defined_where_an_import_reaches_it(tmp_path, text, is_there):
    path = write(tmp_path / "script.py", text)
    if is_there:
        check_script("f", path, "f")
        return
    with pytest.raises(PayloadError, match="is defined below") as caught:
        check_script("f", path, "f")
    assert "code='pickle'" in caught.value.hint


def test_it_is_asked_of_scripts_that_are_shipped(tmp_path):
    path = write(tmp_path / "script.py", 'if __name__ == "__main__":\n    f = 1\n')
    reference = CodeReference("source", "__main__", "f", path)
    with pytest.raises(PayloadError, match="is defined below"):
        packing._pack_flow(Flow(print, name="f"), reference, None)


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ("submit()\n", "script.py:9: the flow f would be submitted again"),
        ("with open(__file__):\n    submit()\n", "script.py:10: the flow f"),
        ('if __name__ == "__main__":\n    submit()\n', ""),
        ("if Path().exists():\n    submit()\n", ""),
    ],
)
def test_what_an_import_would_submit_again_is_refused(tmp_path, last, says):
    path = write(tmp_path / "script.py", PACKS + last)
    ended = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert (ended.returncode == 0) == (not says), ended.stderr
    assert says in ended.stderr
