"""The payload: what carries a run to where it runs, and what it refuses."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from types import ModuleType

import pytest

from flowenv import Flow, LocalDaskExecutor, contract, flow
from flowenv._version import __version__
from flowenv.container.unpacking import expanded, load_run, unpack
from flowenv.contract.process import Payload
from flowenv.errors import PayloadError
from flowenv.flows.code_reference import own_files
from flowenv.flows.finding import find_flow
from flowenv.payload.header import FORMAT, IN_PARTS, python_minor
from flowenv.payload.packing import WORTH_SHARING, Packing, pack
from flowenv.submission.lifecycle import prepare

from ..flow_files import GREET, write
from ..plugging import ToyEnvironment


@flow(code="pickle")
def typed_in(x=1):
    return x + 1


def make_run(a_flow, parameters=None, **settings):
    return prepare(a_flow, environment=ToyEnvironment(**settings), parameters=parameters).flow_run


def forget(*names):
    for name in names:
        sys.modules.pop(name, None)


def arrived(run, tmp_path):
    """The run as the container loads it."""
    data = pack(run)
    folder = tmp_path / "container"
    folder.mkdir()
    return load_run(unpack(data), folder)


def result_of(run):
    return run.flow.call(run.parameters)


def source_flow(tmp_path, text=GREET, name="greeting.py"):
    write(tmp_path / "here" / name, text)
    return find_flow(str(tmp_path / "here" / name))


# -- the three ways -----------------------------------------------------------------------


def test_a_module_reference_carries_a_name_only(toy):
    run = make_run(Flow(sorted), {"iterable": [2, 1]})
    data = json.loads(pack(run))
    assert data["flow"] == {
        "name": "sorted",
        "image": None,
        "kind": "module",
        "target": "builtins:sorted",
    }
    assert data["pickles"] is False


def test_a_module_reference_is_loaded(toy, tmp_path):
    assert result_of(arrived(make_run(Flow(sorted), {"iterable": [2, 1]}), tmp_path)) == [1, 2]


def test_a_source_reference_carries_the_file(toy, tmp_path):
    data = json.loads(pack(make_run(source_flow(tmp_path))))
    assert data["flow"]["files"] == {"greeting.py": (tmp_path / "here" / "greeting.py").read_text()}
    assert data["pickles"] is False


def test_a_source_reference_is_loaded(toy, tmp_path):
    run = make_run(source_flow(tmp_path), {"name": "me"})
    data = pack(run)
    forget("greeting")
    (tmp_path / "container").mkdir()
    loaded = load_run(unpack(data), tmp_path / "container")
    assert result_of(loaded) == "Hello, me!"
    assert loaded.source_files == (tmp_path / "container" / "greeting.py",)


def test_a_pickle_is_loaded(toy, tmp_path):
    run = arrived(make_run(typed_in, {"x": 2}), tmp_path)
    assert result_of(run) == 3
    assert json.loads(pack(make_run(typed_in)))["pickles"] is True


def test_a_pickle_brings_its_own_module_along(toy, tmp_path, monkeypatch):
    module = ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", module)
    exec("def helper(): return 5\ndef function(): return helper()\n", vars(module))
    data = pack(make_run(Flow(module.function, code="pickle")))
    forget("only_here")
    assert result_of(load_run(unpack(data), tmp_path)) == 5


def test_a_users_own_registration_with_cloudpickle_stays(toy, monkeypatch):
    import cloudpickle

    this = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(this)
    try:
        pack(make_run(typed_in))
        assert __name__ in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(this)


# -- further files ------------------------------------------------------------------------


def test_further_files_arrive_beside_the_flow(toy, tmp_path):
    here = tmp_path / "here"
    write(here / "helper.py", "VALUE = 3\n")
    write(here / "data" / "table.csv", "a,b\n")
    (here / "data" / "image.bin").write_bytes(b"\x00\xff")
    text = """
        from flowenv import flow
        from helper import VALUE

        @flow(files=["helper.py", "data/table.csv", "data/image.bin"])
        def read():
            return VALUE
    """
    data = pack(make_run(source_flow(tmp_path, text, "reader.py")))
    forget("reader", "helper")
    there = tmp_path / "container"
    there.mkdir()
    run = load_run(unpack(data), there)
    assert result_of(run) == 3
    assert (there / "data" / "table.csv").read_text() == "a,b\n"
    assert (there / "data" / "image.bin").read_bytes() == b"\x00\xff"
    assert [path.name for path in run.source_files][-1] == "reader.py"


def test_what_is_imported_from_beside_the_flow_and_stays_here_is_said_once(toy, tmp_path, caplog):
    here = tmp_path / "here"
    for name in ("stays.py", "pack/__init__.py", "goes.py", "random.py", "unused.py"):
        write(here / name, "import random\n")
    text = """
        from flowenv import flow
        import goes, random

        @flow(files=["goes.py"])
        def read():
            from pack.inner import thing
            import stays
    """
    made = source_flow(tmp_path, text, "beside.py")
    for _ in range(2):
        pack(make_run(made))
    forget("beside", "goes")
    assert [one.getMessage() for one in caplog.records] == [
        "The flow read imports pack/, stays.py from its folder, which stays here. Unless the image "
        'has it, name it in @flow(files=["pack/", "stays.py"]).'
    ]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["data/"], ["data/a.csv", "data/deep/b.csv"]),
        (["data"], ["data/a.csv", "data/deep/b.csv"]),
        (["*.csv"], ["c.csv"]),
        (["data/**/*.csv", "c.csv"], ["data/a.csv", "data/deep/b.csv", "c.csv"]),
        (["*.py"], ["helper.py"]),
        (["[x].csv"], ["[x].csv"]),
    ],
)
def test_folders_and_patterns_stand_for_their_files(toy, tmp_path, files, names):
    here = tmp_path / "here"
    for name in ("data/a.csv", "data/deep/b.csv", "data/.hidden", "data/__pycache__/x.pyc",
                 "c.csv", "helper.py", *(["[x].csv"] if "[x].csv" in files else [])):  # fmt: skip
        write(here / name, "")
    a_flow = source_flow(tmp_path, GREET.replace("@flow", f"@flow(files={files!r})"))
    data = json.loads(pack(make_run(a_flow)))
    assert list(data["flow"]["files"]) == [*names, "greeting.py"]
    found = [path.relative_to(here).as_posix() for path in own_files(a_flow)]
    assert found == [*names, "greeting.py"]


def test_line_ends_and_encodings_of_files_stay(toy, tmp_path):
    a_flow = source_flow(tmp_path)
    path = tmp_path / "here" / "greeting.py"
    for content in (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", b"x = 1\r\ny = 2\r\n"):
        path.write_bytes(content)
        data = pack(make_run(a_flow))
        from flowenv.container.unpacking import _write_files

        _write_files(json.loads(data)["flow"]["files"], tmp_path / "there")
        assert (tmp_path / "there" / "greeting.py").read_bytes() == content


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("absent.csv", "isn't there: absent.csv"),
        ("../outside.csv", "outside its own folder"),
        ("../*.csv", "outside its own folder"),
        ("*.parquet", "aren't there"),
        ("absent/", "aren't there"),
    ],
)
def test_a_file_that_can_not_be_sent_is_named(toy, tmp_path, file, message):
    write(tmp_path / "outside.csv", "")
    a_flow = source_flow(tmp_path, GREET.replace("@flow", f"@flow(files=[{file!r}])"))
    with pytest.raises(PayloadError, match=message):
        pack(make_run(a_flow))


# -- what arrives -------------------------------------------------------------------------


def test_run_name_and_labels_arrive(toy, tmp_path):
    run = make_run(Flow(dict, name="named", image="i:1"), labels=["nightly"])
    loaded = arrived(run, tmp_path)
    assert (loaded.id, loaded.flow_name, loaded.labels) == (run.id, "named", ("nightly",))
    assert (loaded.created, loaded.flow.image) == (run.created, "i:1")


def test_executor_and_callbacks_arrive(toy, tmp_path):
    executor = LocalDaskExecutor("synchronous")
    run = make_run(Flow(dict), executor=executor, on_start=lambda: "start", on_exit=len)
    environment = arrived(run, tmp_path).environment
    assert environment.executor == executor
    assert environment.on_start() == "start"
    assert environment.on_exit is len


def test_the_environment_given_counts_over_the_flows_own(toy, tmp_path):
    own = ToyEnvironment(labels=["own"])
    run = make_run(Flow(dict, environment=own), labels=["given"])
    assert arrived(run, tmp_path).environment.labels == {"given"}


def test_a_backend_that_is_not_needed_there_is_not_asked_for(toy, tmp_path):
    assert arrived(make_run(Flow(dict)), tmp_path).environment.backend == "shipped"


def test_secrets_of_the_environment_stay_here(toy):
    assert b"s3cr3t" not in pack(make_run(Flow(dict), password="s3cr3t"))


def test_parameters_of_any_kind_arrive(toy, tmp_path):
    parameters = {"plain": [1], "path": tmp_path, "pair": (1, 2), "function": len, "odd": {1: 2}}
    assert arrived(make_run(Flow(dict), parameters), tmp_path).parameters == parameters


def test_the_same_run_gives_the_same_bytes(toy):
    run = make_run(typed_in, {"x": {"b", "a"}}, on_exit=lambda: None)
    assert pack(run) == pack(run)


def test_a_compressed_payload_is_read(toy):
    run = make_run(Flow(dict))
    assert unpack(expanded(gzip.compress(pack(run)))).run_id == run.id


# -- many runs ----------------------------------------------------------------------------


@pytest.fixture
def parts(toy, tmp_path):
    """The payloads, in parts, of two runs of a flow whose file is worth sharing."""
    a_flow = source_flow(tmp_path, f"{GREET}\n    # {'x' * WORTH_SHARING}\n")
    packing = Packing(a_flow)
    return [packing.in_parts(make_run(a_flow, {"name": name})) for name in ("Ada", "Bo")]


def test_what_runs_of_a_batch_share_is_the_same_object_and_the_rest_is_small(parts):
    first, second = parts
    assert first.common is second.common
    assert WORTH_SHARING < len(first.common) < WORTH_SHARING + 1500
    assert max(len(one.own) for one in parts) < 700


def test_a_payload_in_parts_is_put_together_where_the_flow_runs(parts, tmp_path):
    forget("greeting")
    run = load_run(unpack(parts[0].own, lambda: parts[0].common), tmp_path / "container")
    assert result_of(run) == "Hello, Ada!"
    assert b"x" * WORTH_SHARING in run.source_files[-1].read_bytes()


def test_what_runs_share_is_read_once_and_stays_as_it_was(toy, tmp_path):
    a_flow = source_flow(tmp_path, f"{GREET}\n    # {'x' * WORTH_SHARING}\n")
    packing = Packing(a_flow)
    first = packing.in_parts(make_run(a_flow, {"name": "Ada"}))
    (path,) = own_files(a_flow)
    path.write_text("def greet(name): raise RuntimeError")
    second = packing.in_parts(make_run(a_flow, {"name": "Bo"}))
    assert second.common is first.common


def test_a_run_whose_environment_a_hook_has_changed_shares_nothing(toy, tmp_path):
    packing = Packing(Flow(dict))
    other = make_run(Flow(dict))
    other.environment.metadata["gpu"] = "1"
    first, second, third = (
        json.loads(packing.whole(run))
        for run in (make_run(Flow(dict)), other, make_run(Flow(dict)))
    )
    assert first["environment"] == third["environment"] != second["environment"]
    assert second["environment"]["metadata"] == {"gpu": "1"}


class Hold:
    """Does something while it is pickled, and arrives as 1."""

    def __init__(self, work):
        self.work = work

    def __reduce__(self):
        self.work()
        return int, (1,)


def test_threads_that_pack_what_is_pickled_by_value_disturb_nobody(toy, tmp_path):
    module = ModuleType("typed_in_a_notebook")
    exec("class Point: pass\ndef flow(hold, point): return type(point).__name__", vars(module))
    sys.modules[module.__name__] = module
    a_flow = Flow(module.flow, code="pickle")
    packing, packed, is_over = Packing(a_flow), list[bytes](), threading.Event()

    def pack_with(work):
        run = make_run(a_flow, {"hold": Hold(work), "point": module.Point()})
        packed.append(packing.whole(run))

    other = threading.Thread(target=pack_with, args=(lambda: is_over.wait(60),))

    def let_another_begin():
        other.start()
        other.join(0.1)

    pack_with(let_another_begin)
    is_over.set()
    other.join()
    forget(module.__name__)
    assert [result_of(load_run(unpack(data), tmp_path)) for data in packed] == ["Point"] * 2


def test_a_small_common_part_stays_with_its_run(toy):
    run = make_run(Flow(dict))
    assert Packing(run.flow).in_parts(run) == Payload(pack(run))


def test_an_older_flowenv_is_told_that_it_cannot_read_parts(parts):
    assert json.loads(parts[0].own)["format"] == IN_PARTS != FORMAT


def test_another_common_part_is_not_read(parts):
    forged = parts[0].common.replace(b"Hello", b"Evil ")
    with pytest.raises(PayloadError, match="isn't the one that this run was submitted with"):
        unpack(parts[0].own, lambda: forged)


def test_a_common_part_that_is_not_there_is_said(parts):
    with pytest.raises(PayloadError, match="only a part"):
        unpack(parts[0].own)


# -- what can't be sent -------------------------------------------------------------------


def test_an_unpicklable_parameter_is_named(toy):
    with pytest.raises(
        PayloadError, match=r"The parameter gate can't be sent.*lock.*can't be pickled"
    ):
        pack(make_run(Flow(dict), {"gate": threading.Lock()}))


def test_an_unpicklable_flow_is_named(toy):
    lock = threading.Lock()
    with pytest.raises(PayloadError, match="The flow locked can't be sent"):
        pack(make_run(Flow(lambda: lock, name="locked")))


def test_an_unpicklable_callback_is_named(toy):
    lock = threading.Lock()
    with pytest.raises(PayloadError, match=r"\.on_exit can't be sent"):
        pack(make_run(Flow(dict), on_exit=lambda: lock))


# -- what is refused there ----------------------------------------------------------------


def changed(run, **header):
    return json.dumps({**json.loads(pack(run)), **header}).encode()


MAJOR = int(__version__.split(".")[0])


@pytest.mark.parametrize("version", [f"{MAJOR}.9999.0", f"{MAJOR + 1}.0"])
def test_a_newer_flowenv_is_refused_with_what_the_image_needs(toy, version):
    words = rf"packed by flowenv {version}.*needs flowenv {version}"
    with pytest.raises(PayloadError, match=words):
        unpack(changed(make_run(Flow(dict)), flowenv=version))


def test_an_older_major_version_is_refused(toy, monkeypatch):
    data = pack(make_run(Flow(dict)))
    monkeypatch.setattr("flowenv.payload.header.__version__", f"{MAJOR + 1}.0.0")
    with pytest.raises(PayloadError, match="another major version"):
        unpack(data)


def test_an_older_minor_version_is_read(toy, monkeypatch):
    data = pack(make_run(Flow(dict)))
    monkeypatch.setattr("flowenv.payload.header.__version__", f"{MAJOR}.9999.0")
    assert unpack(data)


def test_pickles_of_another_python_are_refused_before_anything_is_unpickled(toy, monkeypatch):
    data = changed(make_run(typed_in), python="3.99")
    monkeypatch.setattr("cloudpickle.loads", lambda data: pytest.fail("unpickled"))
    with pytest.raises(PayloadError, match=rf"Python 3\.99, and here is Python {python_minor()}"):
        unpack(data)


def test_a_payload_without_pickles_is_read_by_another_python(toy, tmp_path):
    run = make_run(source_flow(tmp_path), {"name": "me"})
    assert unpack(changed(run, python="3.99"))


def test_pickles_of_another_cloudpickle_are_refused(toy):
    data = changed(make_run(typed_in), cloudpickle="99.0")
    with pytest.raises(PayloadError, match=r"cloudpickle 99\.0, and here is"):
        unpack(data)


def test_another_format_is_refused(toy):
    with pytest.raises(PayloadError, match="packed by flowenv"):
        unpack(changed(make_run(Flow(dict)), format=99))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"flowenv": "0.1"}', b"\xff\xfe", b"\x1f\x8bno",
     b'{"flowenv": "0.1.0", "format": 1}', b'{"flowenv": 1, "format": 1}',
     b'{"flowenv": "0.1.0", "format": 1, "python": "3.11", "pickles": false}'],
)  # fmt: skip
def test_what_is_no_payload_says_so(data):
    with pytest.raises(PayloadError, match="no flowenv payload"):
        unpack(data)


def test_a_module_that_is_not_there_says_what_to_do(toy, tmp_path):
    data = json.loads(pack(make_run(Flow(sorted), {"iterable": []})))
    data["flow"]["target"] = "absent_module:flow"
    with pytest.raises(PayloadError, match=r"no module 'absent_module'.*Is it in the image\?"):
        load_run(unpack(json.dumps(data).encode()), tmp_path)


def test_a_flow_file_that_imports_what_is_missing_says_what_to_do(toy, tmp_path):
    a_flow = source_flow(tmp_path)
    write(tmp_path / "here" / "greeting.py", "import absent_package\n")
    data = pack(make_run(a_flow))
    forget("greeting")
    with pytest.raises(PayloadError, match=r"'absent_package'.*Install what it needs in the image"):
        load_run(unpack(data), tmp_path)


def test_a_version_that_is_none_is_refused(toy):
    with pytest.raises(PayloadError, match="'odd' is no version"):
        unpack(changed(make_run(Flow(dict)), flowenv="odd"))


def test_a_parameter_whose_package_the_image_lacks_is_named(toy, tmp_path, monkeypatch):
    numpy = pytest.importorskip("numpy")
    data = pack(make_run(source_flow(tmp_path), {"name": numpy.zeros(2)}))
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setenv(contract.PAYLOAD, "/payload")
    (tmp_path / "container").mkdir()
    with pytest.raises(PayloadError) as caught:
        load_run(unpack(data), tmp_path / "container")
    assert caught.value.message == (
        "The parameter name can't be read in the image: This holds an array, and NumPy isn't "
        "installed in the flow's image."
    )
    assert caught.value.hint == "Add it there, or to what the flow requires."
