"""flowenv as it travels with a run: one zip from which Python imports."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from flowenv.contract import FLOW_RUN_ID, OUTCOME, PAYLOAD, RUNTIME_DIGEST, RUNTIME_FILE
from flowenv.contract.process import SHIPPED_COMMAND, Process
from flowenv.errors import PayloadError
from flowenv.payload import runtime
from flowenv.payload.packing import pack
from flowenv.payload.runtime import shipped_runtime
from flowenv.results.record.outcome import Outcome
from flowenv.states import Reason
from flowenv.submission.lifecycle import prepare

from ..flow_files import write


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def looked_for_anew(cache, monkeypatch):
    """As in a new process of a user whose cache has nothing at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    shipped_runtime.cache_clear()
    yield
    shipped_runtime.cache_clear()


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory) -> Path:
    """A Python without flowenv, or anything else."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin"


class Image:
    """A place with a Python of its own, where the command of a container runs."""

    def __init__(self, folder: Path, path: Path):
        self.folder, self.path = folder, path

    def run(self, flow_file: str, user: int | None = None, **variables: str):
        from flowenv.flows.finding import find_flow

        self.folder.mkdir(exist_ok=True)
        found = shipped_runtime()
        (self.folder / found.name).write_bytes(found.content)
        payload = pack(prepare(find_flow(flow_file), environment="local").flow_run)
        (self.folder / "payload.json").write_bytes(payload)
        outcome = self.folder / "outcome.json"
        ended = subprocess.run(
            SHIPPED_COMMAND,
            env={
                "PATH": f"{self.path}:{os.defpath}",
                PAYLOAD: str(self.folder / "payload.json"),
                OUTCOME: str(outcome),
                **found.variables(str(self.folder)),
                **variables,
            },
            cwd=self.folder,
            user=user,
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(outcome.read_text()) if outcome.exists() else ended.stderr


@pytest.fixture
def image(tmp_path, bare_python):
    return Image(tmp_path / "image", bare_python)


def test_it_is_the_same_to_the_byte_wherever_and_whenever_it_is_made(tmp_path, monkeypatch):
    first = shipped_runtime().content
    program = "from flowenv.payload.runtime import shipped_runtime as s; print(s().digest)"
    variables = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "another"), "PYTHONHASHSEED": "7"}
    again = subprocess.check_output([sys.executable, "-c", program], env=variables, text=True)
    assert again.strip() == hashlib.sha256(first).hexdigest()


def test_it_is_made_once(monkeypatch):
    first = shipped_runtime()
    shipped_runtime.cache_clear()
    monkeypatch.delattr(runtime, "_archive")
    assert shipped_runtime() == first


def test_it_is_made_all_the_same_where_nothing_can_be_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(write(tmp_path / "file", "") / "below"))
    assert shipped_runtime().content


def test_it_is_a_few_hundred_kilobytes_without_the_command_line():
    found = shipped_runtime()
    names = zipfile.ZipFile(io.BytesIO(found.content)).namelist()
    assert len(found.content) < 700_000
    left_out = ("flowenv/cli/", "flowenv/journal/", "flowenv/_template/")
    assert not [name for name in names if name.startswith(left_out)]


def test_our_sources_travel_without_their_documentation_and_with_their_line_numbers():
    source = '''"""Docs."""
PLACE = "x"
"""What
is documented.
"""


class One:
    """Of a class."""

    def do(self, text="é"): "in a line with more"

    def go(self):
        """Of a method: é.

        At length.
        """
        return (
            """no documentation"""
        )
'''
    found = runtime._without_documentation(source.encode())
    kept = [(number, line) for number, line in enumerate(found.decode().splitlines(), 1) if line]
    assert kept == [
        (1, '"-"'),
        (2, 'PLACE = "x"'),
        (3, '"-"'),
        (8, "class One:"),
        (9, '    "-"'),
        (11, '    def do(self, text="é"): "in a line with more"'),
        (13, "    def go(self):"),
        (14, '        "-"'),
        (18, "        return ("),
        (19, '            """no documentation"""'),
        (20, "        )"),
    ]


def test_with_a_backend_it_is_small_enough_for_a_config_map():
    pytest.importorskip("flowenv_dask_k8s")
    found = shipped_runtime(("flowenv-dask-k8s", "flowenv-k8s"))
    assert len(found.content) < 850_000


def test_a_distribution_that_is_not_here_is_named():
    with pytest.raises(PayloadError, match=r"never-heard-of can't be shipped.*runtime = .image"):
        shipped_runtime(("never-heard-of",))


FLOW = """
    from flowenv import flow

    @flow
    def where() -> list:
        import os, subprocess, sys
        import flowenv
        child = [sys.executable, "-c", "import flowenv; print(flowenv.__file__)"]
        in_child = subprocess.check_output(child, text=True).strip()
        ours = [m for name, m in sys.modules.items() if name.split(".")[0] == "flowenv"]
        compiled_here = [m.__file__ for m in ours if not m.__file__.endswith(".pyc")]
        return [flowenv.__file__, in_child, os.environ["PYTHONPATH"], compiled_here]
"""


def test_a_flow_runs_where_there_is_only_python(image, tmp_path):
    record = image.run(str(write(tmp_path / "where.py", FLOW)))
    assert record["state"] == "Completed", record
    here, in_child, _, compiled_here = record["result"]
    assert compiled_here == []  # it has the bytecode of all that a start imports
    assert here == in_child == f"{image.folder}/{shipped_runtime().name}/flowenv/__init__.pyc"


def test_the_images_own_python_path_is_kept(image, tmp_path):
    record = image.run(str(write(tmp_path / "where.py", FLOW)), PYTHONPATH="/opt/own")
    assert record["result"][2] == f"{image.folder}/{shipped_runtime().name}:/opt/own"


def test_an_older_flowenv_in_the_image_is_not_used(image, tmp_path):
    old = write(tmp_path / "site" / "flowenv.py", "raise ImportError('too old')")
    record = image.run(str(write(tmp_path / "where.py", FLOW)), PYTHONPATH=str(old.parent))
    assert record["state"] == "Completed", record


def test_a_changed_file_is_not_run(image, tmp_path):
    record = image.run(str(write(tmp_path / "where.py", FLOW)), **{RUNTIME_DIGEST: "0" * 64})
    assert "its SHA-256 is another one" in record["message"]


def test_another_flowenv_than_the_one_that_was_sent_is_not_run(image, tmp_path):
    there = image.folder / "flowenv-other.zip"
    image.folder.mkdir()
    there.write_bytes(shipped_runtime().content)
    (image.folder / "link.zip").symlink_to(there)
    record = image.run(str(write(tmp_path / "where.py", FLOW)), **{RUNTIME_FILE: "/nowhere.zip"})
    assert record["reason"] == "start_error"
    assert "No such file or directory: '/nowhere.zip'" in record["message"]


class TestOddImages:
    """They work, or say in one sentence why not."""

    def old_python(self, folder):
        """A real Python that is too old, if there is one on this machine."""
        versions = Path("~/.pyenv/versions").expanduser()
        for minor in (10, 9, 8):
            there = shutil.which(f"python3.{minor}", path=os.defpath)
            for found in filter(None, [there, *versions.glob(f"3.{minor}.*/bin/python")]):
                folder.mkdir()
                (folder / "python").symlink_to(found)
                return minor, folder
        pytest.skip("there is no older Python here")

    def test_a_python_that_is_too_old(self, tmp_path):
        minor, folder = self.old_python(tmp_path / "bin")
        record = Image(tmp_path / "image", folder).run(str(write(tmp_path / "where.py", FLOW)))
        assert (record["state"], record["reason"]) == ("Crashed", "start_error")
        assert f"has Python 3.{minor}, and flowenv needs 3.11 or newer" in record["message"]

    def test_a_record_goes_to_the_log_where_there_is_no_file_for_it(self, tmp_path):
        _, folder = self.old_python(tmp_path / "bin")
        variables = {FLOW_RUN_ID: "6f1c", "PATH": str(folder)}
        ended = subprocess.run(
            SHIPPED_COMMAND, env=variables, capture_output=True, text=True, check=False
        )
        assert Outcome.from_text(ended.stdout, "6f1c").reason is Reason.START_ERROR

    def test_sigterm_is_heard_before_anything_of_flowenv_is_read(self, tmp_path, bare_python):
        os.mkfifo(tmp_path / "flowenv.zip")
        variables = {
            "PATH": f"{bare_python}:{os.defpath}",
            RUNTIME_FILE: str(tmp_path / "flowenv.zip"),
        }
        with subprocess.Popen(SHIPPED_COMMAND, env=variables) as process:
            with (tmp_path / "flowenv.zip").open("wb"):  # until the process reads it
                process.terminate()
                # as process 1 it wouldn't have ended without a handler
                assert process.wait(30) == 143

    def test_a_python_that_is_called_python3_alone(self, tmp_path, bare_python):
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python3").symlink_to(bare_python / "python3")
        image = Image(tmp_path / "image", tmp_path / "bin")
        record = image.run(str(write(tmp_path / "where.py", FLOW)), PATH=f"{tmp_path}/bin")
        assert record["state"] == "Completed", record

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
    def test_a_user_without_a_name_and_without_a_home(self):
        python = shutil.which(f"python3.{sys.version_info.minor}", path=os.defpath)
        if not python:
            pytest.skip("no Python of this version is there for all users")
        with tempfile.TemporaryDirectory() as name:  # a folder that anybody can reach
            folder = Path(name)
            folder.chmod(0o777)
            image = Image(folder / "image", Path(python).parent)
            image.folder.mkdir()
            image.folder.chmod(0o777)
            record = image.run(str(write(folder / "where.py", FLOW)), user=12345)
            assert record["state"] == "Completed", record["message"]


class TestOtherContainers:
    """What runs in another container finds what the flow's process finds."""

    PROGRAM = "import sys, flowenv; print(flowenv.__file__, *sys.argv[1:])"

    def run(self, folder, path, requirements=(), program=("-c", PROGRAM), **variables):
        found = shipped_runtime()
        (folder / found.name).write_bytes(found.content)
        process = Process(lambda target: (), None, lambda: found, lambda: requirements)
        return subprocess.run(
            process.other_command(["python", *program, "an argument"]),
            env={
                "PATH": f"{path}:{os.defpath}",
                **process.other_variables(str(folder)),
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def test_flowenv_is_there_and_arguments_arrive_as_given(self, tmp_path, bare_python):
        ended = self.run(tmp_path, bare_python)
        assert ended.stdout.startswith(str(tmp_path / shipped_runtime().name)), ended.stderr
        assert ended.stdout.endswith(" an argument\n")

    def test_a_module_is_run_by_the_same_python_and_hears_sigterm_while_it_starts(
        self, tmp_path, bare_python
    ):
        own = tmp_path / "own"
        own.mkdir()
        write(
            own / "worker.py",
            "import os, signal, sys\n"
            "print(__name__, __spec__.name, *sys.argv, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGTERM)\n",
        )
        ended = self.run(tmp_path, bare_python, program=("-m", "worker"), PYTHONPATH=str(own))
        assert ended.stdout == f"__main__ worker {own / 'worker.py'} an argument\n", ended.stderr
        assert ended.returncode == 143  # process 1 wouldn't hear it without a handler

    def test_what_a_module_ends_with_is_what_its_process_ends_with(self, tmp_path, bare_python):
        own = tmp_path / "own"
        own.mkdir()
        write(own / "worker.py", "import sys\nsys.exit(7)\n")
        ended = self.run(tmp_path, bare_python, program=("-m", "worker"), PYTHONPATH=str(own))
        assert (ended.returncode, ended.stdout) == (7, "")

    def test_why_it_cannot_be_started_is_the_last_line(self, tmp_path, bare_python):
        ended = self.run(tmp_path, bare_python, ["parcel"])
        assert ended.returncode == 3
        assert "(parcel) can't be installed" in ended.stderr.splitlines()[-1], ended.stderr

    def test_what_needs_nothing_is_left_as_it_is(self):
        process = Process(lambda target: ())
        assert process.other_command(["dask", "worker"]) == ("dask", "worker")
        assert process.other_variables("/anywhere") == {}
