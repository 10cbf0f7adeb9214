"""What a flow imports is installed before it starts, unless the image has it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from flowenv.container import installing
from flowenv.contract import OUTCOME, PAYLOAD
from flowenv.contract.process import SHIPPED_COMMAND
from flowenv.errors import PayloadError
from flowenv.flows.code_reference import refer_to
from flowenv.flows.finding import find_flow
from flowenv.flows.requirements import requirements_of
from flowenv.payload.packing import pack
from flowenv.payload.runtime import shipped_runtime
from flowenv.submission.lifecycle import prepare

from ..flow_files import write

FLOW = """
    from flowenv import flow

    @flow{options}
    def versions() -> list[str]:
        import subprocess, sys
        import parcel
        child = [sys.executable, "-c", "import parcel; print(parcel.VERSION)"]
        return [parcel.VERSION, subprocess.check_output(child, text=True).strip()]
"""


def wheel(folder, version):
    """A distribution called parcel, as an index would give it."""
    folder.mkdir(exist_ok=True)
    info = f"parcel-{version}.dist-info"
    files = {
        "parcel.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: parcel\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"parcel-{version}-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in files))


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A Python with pip alone, the folder of an index, and how to run a flow with both."""
    folder = tmp_path_factory.mktemp("image")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    index = folder / "index"
    for version in ("1.0", "2.0"):
        wheel(index, version)

    def run(flow_file, place, **variables):
        place.mkdir()
        runtime = shipped_runtime()
        (place / runtime.name).write_bytes(runtime.content)
        (place / "payload.json").write_bytes(
            pack(prepare(find_flow(str(flow_file)), environment="local").flow_run)
        )
        environment = {
            "PATH": f"{folder / 'venv' / 'bin'}:{os.defpath}",
            "HOME": str(place),
            PAYLOAD: str(place / "payload.json"),
            OUTCOME: str(place / "outcome.json"),
            **{f"{tool}_FIND_LINKS": str(index) for tool in ("PIP", "UV")},
            "PIP_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            **runtime.variables(str(place)),
            **variables,
        }
        ended = subprocess.run(
            SHIPPED_COMMAND, env=environment, cwd=place, capture_output=True, text=True, check=False
        )
        return json.loads((place / "outcome.json").read_text()), ended.stderr

    return run


def flow_file(tmp_path, options="", head=""):
    return write(tmp_path / "flows.py", head + FLOW.format(options=options))


def test_what_the_image_lacks_is_installed_for_the_flow_and_what_it_starts(image, tmp_path):
    file = flow_file(tmp_path, '(requirements=["parcel<2"])')
    record, log = image(file, tmp_path / "run")
    assert (record["state"], record.get("result")) == ("Completed", ["1.0", "1.0"]), log
    assert "Installing parcel<2" in log
    ended, seconds = record["installed"]
    assert 0 < seconds < 60
    assert ended <= record["ran"][0]


def test_uv_is_taken_where_the_image_has_it(image, tmp_path):
    uv = shutil.which("uv")
    if not uv:
        pytest.skip("there is no uv here")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").symlink_to(uv)
    (tools / "python").symlink_to(sys.executable)
    file = flow_file(tmp_path, '(requirements=["parcel"])')
    path = f"{tools}:{os.path.dirname(sys.executable)}:{os.defpath}"  # noqa: PTH120
    record, log = image(file, tmp_path / "run", PATH=path)
    assert (record["state"], record.get("result")) == ("Completed", ["2.0", "2.0"]), log

    file = flow_file(tools, '(requirements=["parcel>=3"])')
    record, _ = image(file, tmp_path / "failing", PATH=path)
    assert "can't be installed: " in record["message"]
    assert "Using Python" not in record["message"]


def test_what_is_there_already_is_not_installed_again(image, tmp_path):
    there = tmp_path / "there"
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", "parcel-1.0-py3-none-any.whl", str(there)],
        cwd=_built(tmp_path),
        check=True,
    )
    file = flow_file(tmp_path, '(requirements=["parcel>=1"])')
    record, log = image(file, tmp_path / "run", PYTHONPATH=str(there))
    assert record["result"] == ["1.0", "1.0"], log
    assert "Installing" not in log
    assert "installed" not in record


def _built(tmp_path):
    wheel(tmp_path / "built", "1.0")
    return tmp_path / "built"


def test_a_failure_is_one_of_the_start_with_the_installers_last_words(image, tmp_path):
    file = flow_file(tmp_path, '(requirements=["parcel>=3"])')
    record, _ = image(file, tmp_path / "run")
    assert (record["state"], record["reason"]) == ("Crashed", "start_error")
    assert "(parcel>=3) can't be installed" in record["message"]
    assert "No matching distribution found for parcel>=3" in record["message"]


def test_without_an_installer_the_image_is_to_have_one_or_what_is_needed():
    lacks = [sys.executable, "-c", "import sys; sys.exit('python: No module named pip')"]
    with pytest.raises(PayloadError) as caught:
        installing._run(lacks, ["parcel"], {})
    assert caught.value.hint == (
        "The image has neither uv nor pip with venv. "
        "Use an image that has one of them, or that has what the flow needs."
    )


INLINE = """\
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "parcel<2",
#   "requests>=2 ; python_version < '4'",
# ]
# ///
"""


class TestWhereTheyAreWritten:
    def found(self, file):
        flow = find_flow(str(file))
        return requirements_of(flow, refer_to(flow))

    def test_in_the_scripts_own_metadata(self, tmp_path):
        file = tmp_path / "inline.py"
        file.write_text(INLINE + "from flowenv import flow\n@flow\ndef f(): ...\n")
        assert self.found(file) == ("parcel<2", "requests>=2 ; python_version < '4'")

    def test_in_a_file_beside_the_flows(self, tmp_path):
        write(tmp_path / "needs.txt", "# ours\nparcel==1.0  # old\n\nnumpy\n")
        file = flow_file(tmp_path, '(requirements="needs.txt")')
        assert self.found(file) == ("parcel==1.0", "numpy")

    def test_with_the_flow_and_then_nowhere_else(self, tmp_path):
        file = tmp_path / "none.py"
        text = "from flowenv import flow\n@flow(requirements=[])\ndef f(): ...\n"
        file.write_text(INLINE + text)
        assert self.found(file) == ()

    def test_what_is_none_is_told_with_its_place(self, tmp_path):
        write(tmp_path / "needs.txt", "numpy\n-r other.txt\n")
        file = flow_file(tmp_path, '(requirements="needs.txt")')
        with pytest.raises(PayloadError, match=r"needs.txt:2: '-r other.txt' is no requirement"):
            self.found(file)

    def test_metadata_that_is_no_toml_is_told(self, tmp_path):
        file = tmp_path / "broken.py"
        file.write_text(
            "# /// script\n# dependencies = [\n# ///\n"
            "from flowenv import flow\n@flow\ndef f(): ...\n"
        )
        with pytest.raises(PayloadError, match=r"broken.py: the script metadata is no TOML"):
            self.found(file)

    def test_a_file_that_is_not_there_is_told(self, tmp_path):
        file = flow_file(tmp_path, '(requirements="absent.txt")')
        with pytest.raises(PayloadError, match=r"can't be read from .*absent.txt"):
            self.found(file)
