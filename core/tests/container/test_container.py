"""The flow's container: the command's own process, from payload to exit code and outcome."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import random
import threading
from pathlib import Path

import pytest

from flowenv import Capabilities, Flow, FlowRun, LocalDaskExecutor, Reason, State, contract
from flowenv.contract.logging_variables import extra_loggers
from flowenv.contract.process import COMMAND
from flowenv.errors import ResultUnavailable
from flowenv.flows.finding import find_flow
from flowenv.payload.packing import pack
from flowenv.results.lines import content_in, without_lines
from flowenv.results.record.text import LIMIT
from flowenv.submission.lifecycle import prepare

from ..containers import Container
from ..flow_files import write
from ..plugging import ToyEnvironment

FLOWS = """
    import logging, os, sys
    from flowenv import flow, get_executor

    @flow
    def greet(name="you"):
        print("said by the flow")
        return f"Hello, {name}!"

    @flow
    def imports(module):
        import importlib

        importlib.import_module(module)


    @flow
    def fail(message="x"):
        raise ValueError(message)

    @flow
    def leave(code=0):
        sys.exit(code)

    @flow
    def die():
        os._exit(41)

    @flow
    def big(size):
        return "x" * size

    @flow
    def counted():
        return {"n": range(3)}

    @flow
    def lose(results):
        os.rmdir(results)
        open(results, "w").close()
        return "x" * 5000

    @flow
    def pair(size=1):
        return (1, 2) * size

    @flow
    def lock():
        import threading
        return threading.Lock()

    @flow
    def noise(size):
        import random
        print("no line end", end="")
        return random.Random(size).randbytes(size)

    @flow
    async def wait_a_moment():
        import asyncio
        await asyncio.sleep(0)
        return "waited"

    @flow
    def be_killed(last_words):
        import os, signal
        print(last_words)
        os.kill(os.getpid(), signal.SIGKILL)

    @flow
    def log():
        logging.getLogger("flowenv").debug("debug of flowenv")
        logging.getLogger("mine").debug("debug of mine")
        logging.getLogger("other").debug("debug of other")

    @flow
    def executors():
        import dask
        return [type(get_executor()).__name__, dask.config.get("scheduler")]

    @flow
    def refuse():
        from flowenv.errors import PlatformError
        raise PlatformError("The sub-flow's platform failed.")
"""


def make_run(tmp_path: Path, name: str, parameters=None, **settings) -> FlowRun:
    write(tmp_path / "here" / "flows_of_a_test.py", FLOWS)
    flow = find_flow(str(tmp_path / "here" / f"flows_of_a_test.py:{name}"))
    environment = ToyEnvironment(**settings)
    return prepare(flow, environment=environment, parameters=parameters).flow_run


@pytest.fixture
def run_flow(toy, tmp_path):
    """Run one of the flows in a container."""

    def run(name, parameters=None, *, variables=None, outcome_file=True, **settings):
        made = make_run(tmp_path, name, parameters, **settings)
        return Container(tmp_path, made, variables=variables, outcome_file=outcome_file).wait()

    return run


def test_the_command_replaces_its_shell():
    assert COMMAND == (
        "/bin/sh", "-c", "exec python -c 'import flowenv; flowenv.load_and_run_flow()'"
    )  # fmt: skip


def test_a_flow_that_returns_exits_0_with_its_result(run_flow):
    ended = run_flow("greet", {"name": "me"})
    assert ended.exit_code == 0
    assert (ended.outcome.state, ended.outcome.result) == (State.COMPLETED, "Hello, me!")
    assert ended.stdout == "said by the flow\n"


def test_without_a_file_the_outcome_is_the_last_line(run_flow):
    ended = run_flow("greet", outcome_file=False)
    assert ended.stdout.splitlines()[-1].startswith("flowenv-outcome ")
    assert ended.outcome.result == "Hello, you!"


def test_an_outcome_file_that_can_not_be_written_leaves_the_line(run_flow):
    ended = run_flow("greet", variables={contract.OUTCOME: "/nowhere/outcome"})
    assert ended.exit_code == 0
    assert ended.outcome.result == "Hello, you!"
    assert "can't be written to /nowhere/outcome" in ended.stderr


def test_a_flow_that_raises_exits_1_with_its_traceback(run_flow):
    ended = run_flow("fail", {"message": "my mistake"})
    assert ended.exit_code == 1
    outcome = ended.outcome
    assert (outcome.state, outcome.error_class) == (State.FAILED, "ValueError")
    assert outcome.message == "my mistake"
    assert "ValueError: my mistake" in ended.stderr
    assert "/flowenv/" not in ended.stderr


def test_the_traceback_comes_back_without_the_token(run_flow):
    ended = run_flow("fail", {"message": "s3cr3t"}, variables={contract.AUTH_TOKEN: "s3cr3t"})
    lines = ended.outcome.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: ***"
    assert "raise ValueError(message)" in ended.outcome.traceback


def test_what_is_not_installed_there_is_an_outcome_with_what_to_do(run_flow):
    ended = run_flow("imports", {"module": "absent_package.part"})
    assert ended.outcome.state is State.FAILED
    assert "there is no module absent_package" in ended.outcome.status().hint
    assert "@flow(requirements=[…])" in ended.outcome.status().hint


def test_a_huge_message_fits_the_record(run_flow):
    ended = run_flow("fail", {"message": "\N{GRINNING FACE}" * 20_000})
    assert len(ended.outcome.to_bytes()) <= LIMIT
    assert ended.outcome.message.startswith("\N{GRINNING FACE}")


def test_where_there_is_less_room_the_record_is_shorter(run_flow):
    ended = run_flow("big", {"size": 3500}, variables={contract.OUTCOME_LIMIT: "3072"})
    assert (ended.outcome.state, ended.outcome.result_type) == (State.COMPLETED, "str")


def test_what_has_no_room_is_stored_if_there_is_a_place(run_flow, tmp_path):
    results = f"file://{tmp_path}/results"
    ended = run_flow(
        "big",
        {"size": 3500},
        variables={contract.OUTCOME_LIMIT: "3072"},
        metadata={"results_url": results},
    )
    assert ended.outcome.value(results) == "x" * 3500


def test_a_flow_that_raises_an_error_of_ours_has_failed(run_flow):
    ended = run_flow("refuse")
    assert (ended.exit_code, ended.outcome.state) == (1, State.FAILED)


def test_a_flow_that_leaves_with_success_has_completed(run_flow):
    assert (run_flow("leave").exit_code) == 0


def test_a_flow_that_leaves_with_a_code_has_failed(run_flow):
    ended = run_flow("leave", {"code": 7})
    assert ended.exit_code == 1
    assert "sys.exit(7)" in ended.outcome.message


def test_a_process_that_dies_leaves_no_outcome(run_flow):
    ended = run_flow("die")
    assert (ended.exit_code, ended.outcome) == (41, None)


def test_an_async_flow_runs(run_flow):
    assert run_flow("wait_a_moment").outcome.result == "waited"


# -- results ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "kind"), [("big", {"size": 5000}, "str"), ("lock", {}, "lock")]
)
def test_a_result_that_is_not_small_data_stays_behind(run_flow, name, parameters, kind):
    outcome = run_flow(name, parameters).outcome
    assert (outcome.has_result, outcome.result_type) == (False, kind)


@pytest.mark.parametrize(
    ("name", "parameters", "result"),
    [("big", {"size": 5000}, "x" * 5000), ("pair", {"size": 2000}, (1, 2) * 2000)],
)
def test_such_a_result_goes_where_the_user_says(run_flow, tmp_path, name, parameters, result):
    results = f"file://{tmp_path}/results"
    outcome = run_flow(name, parameters, metadata={"results_url": results}).outcome
    assert (tmp_path / "results" / f"{outcome.run_id}.json").is_file()
    assert outcome.value(results) == result


@pytest.fixture
def with_logs(monkeypatch):
    """A platform that keeps logs."""
    monkeypatch.setattr(ToyEnvironment, "capabilities", Capabilities(logs=True))


@pytest.mark.parametrize("size", [5000, 900_000])
def test_where_logs_are_kept_a_result_travels_in_the_log(run_flow, with_logs, size):
    ended = run_flow("noise", {"size": size})
    lines, outcome = ended.stdout.splitlines(), ended.outcome
    content = content_in(lines, outcome.run_id, outcome.logged)
    assert outcome.value(logged=lambda _: content) == random.Random(size).randbytes(size)
    assert max(map(len, lines[1:])) < 4096
    assert list(without_lines(lines, outcome.run_id, [])) == ["no line end"]


def test_of_a_result_that_is_no_data_the_part_is_named(run_flow, with_logs):
    ended = run_flow("counted")
    lines, outcome = ended.stdout.splitlines(), ended.outcome
    with pytest.raises(ResultUnavailable, match=r"isn't only data \(the result\['n'\] is a range"):
        outcome.value(logged=lambda sha: content_in(lines, outcome.run_id, sha))


def test_what_is_too_large_for_the_log_says_so(run_flow, with_logs):
    outcome = run_flow("noise", {"size": 1_200_000}).outcome
    assert not outcome.logged
    with pytest.raises(ResultUnavailable, match=r"bytes\) stayed behind: it has 1,600,\d+ bytes"):
        outcome.value()


def test_where_results_are_stored_the_log_holds_none(run_flow, with_logs, tmp_path):
    results = f"file://{tmp_path}/results"
    ended = run_flow("noise", {"size": 5000}, metadata={"results_url": results})
    assert (ended.stdout, bool(ended.outcome.stored)) == ("no line end", True)


def test_a_place_that_can_not_be_written_to_is_known_before_the_flow_works(run_flow, tmp_path):
    (tmp_path / "file").write_text("")
    ended = run_flow("greet", metadata={"results_url": f"file://{tmp_path}/file/results"})
    assert_start_error(ended, "A result can't be stored at results_url", "right to write")
    assert ended.stdout == ""


def test_a_package_that_the_image_lacks_is_known_before_the_flow_works(run_flow):
    ended = run_flow("greet", metadata={"results_url": "gs://bucket/results"})
    assert_start_error(ended, "needs gcsfs, and the image doesn't have it", "Add it to the image")


def test_trying_a_place_out_leaves_nothing_there(run_flow, tmp_path):
    run_flow("greet", metadata={"results_url": f"file://{tmp_path}/results"})
    assert list((tmp_path / "results").iterdir()) == []


@pytest.fixture
def loses_its_place(run_flow, tmp_path):
    """Run a flow that removes the place of its result."""

    def run():
        results = tmp_path / "results"
        metadata = {"results_url": f"file://{results}"}
        return run_flow("lose", {"results": str(results)}, metadata=metadata)

    return run


def test_a_result_whose_place_is_gone_goes_into_the_log(loses_its_place, with_logs):
    ended = loses_its_place()
    assert "The result is in the log" in ended.stderr
    lines, outcome = ended.stdout.splitlines(), ended.outcome
    content = content_in(lines, outcome.run_id, outcome.logged)
    assert outcome.value(logged=lambda _: content) == "x" * 5000


def test_without_a_log_it_fails_the_run(loses_its_place):
    ended = loses_its_place()
    assert ended.exit_code == 1
    assert "its result was lost" in ended.outcome.message


def test_a_small_result_stays_in_the_record_even_so(run_flow, tmp_path):
    metadata = {"results_url": f"file://{tmp_path}/results"}
    assert run_flow("greet", metadata=metadata).outcome.result == "Hello, you!"


# -- the start ----------------------------------------------------------------------------


def assert_start_error(ended, message, hint=""):
    assert ended.exit_code == 3
    assert (ended.outcome.state, ended.outcome.reason) == (State.CRASHED, Reason.START_ERROR)
    assert message in ended.outcome.message
    assert hint in ended.outcome.hint


def test_no_payload_is_a_start_error(tmp_path):
    ended = Container(tmp_path, variables={contract.PAYLOAD: ""}).wait()
    assert_start_error(ended, "FLOWENV_PAYLOAD isn't set")


def test_a_payload_that_is_not_there_is_a_start_error(tmp_path):
    assert_start_error(Container(tmp_path).wait(), "payload can't be read from")


def test_a_missing_module_is_a_start_error_with_a_hint(toy, tmp_path):
    run = make_run(tmp_path, "greet")
    write(tmp_path / "here" / "flows_of_a_test.py", "import absent_package\n")
    ended = Container(tmp_path, run).wait()
    assert_start_error(ended, "No module named 'absent_package'", "Install what it needs")


def test_a_file_that_raises_is_a_start_error_with_the_users_traceback(toy, tmp_path):
    run = make_run(tmp_path, "greet")
    write(tmp_path / "here" / "flows_of_a_test.py", "raise RuntimeError('on import')\n")
    ended = Container(tmp_path, run).wait()
    assert_start_error(ended, "RuntimeError: on import")
    assert "flows_of_a_test.py" in ended.stderr


def test_a_file_that_exits_is_a_start_error(toy, tmp_path):
    run = make_run(tmp_path, "greet")
    write(tmp_path / "here" / "flows_of_a_test.py", "raise SystemExit(0)\n")
    assert_start_error(Container(tmp_path, run).wait(), "SystemExit")


def test_an_executor_that_can_not_be_opened_is_a_start_error(run_flow):
    ended = run_flow("greet", variables={contract.EXECUTOR: "absent.Executor"})
    assert_start_error(ended, "'absent.Executor' can't be imported")


def test_a_wrong_logging_level_is_a_start_error(run_flow):
    ended = run_flow("greet", variables={contract.LOGGING_LEVEL: "loud"})
    assert_start_error(ended, "'loud', which is no logging level")


def test_an_error_on_start_fails_the_run(run_flow):
    def wrong():
        raise OSError("no disk")

    ended = run_flow("greet", on_start=wrong)
    assert (ended.exit_code, ended.outcome.state) == (1, State.FAILED)
    assert "on_start raised OSError: no disk" in ended.outcome.message


# -- variables ----------------------------------------------------------------------------


def test_the_level_counts_for_flowenv_and_the_extra_loggers(run_flow):
    variables = {contract.LOGGING_LEVEL: "debug", contract.EXTRA_LOGGERS: "['mine']"}
    ended = run_flow("log", variables=variables)
    assert "debug of flowenv" in ended.stderr
    assert "debug of mine" in ended.stderr
    assert "debug of other" not in ended.stderr


def test_by_default_the_level_is_info(run_flow):
    ended = run_flow("log")
    assert "Running the flow log" in ended.stderr
    assert "debug of" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[]", []),
        ("", []),
        ("['a', 'b']", ["a", "b"]),
        ('["a"]', ["a"]),
        ("a, b,", ["a", "b"]),
        ("a", ["a"]),
    ],
)
def test_extra_loggers_are_a_list(text, names):
    assert extra_loggers(text) == names


@pytest.mark.parametrize("text", ["3", "[1]", "{'a': 1}"])
def test_extra_loggers_that_are_no_list_are_an_error(text):
    with pytest.raises(ValueError, match="no list of names"):
        extra_loggers(text)


def test_the_default_executor_is_the_variables(run_flow):
    variables = {contract.EXECUTOR: "flowenv.executors.LocalDaskExecutor"}
    ended = run_flow("executors", variables=variables)
    assert ended.outcome.result == ["ThreadPoolExecutor", "threads"]


def test_without_any_the_executor_is_local(run_flow):
    assert run_flow("executors").outcome.result == ["SerialPool", "synchronous"]


def test_the_environments_executor_wins_over_the_variable(run_flow):
    ended = run_flow(
        "executors",
        executor=LocalDaskExecutor("threads"),
        variables={contract.EXECUTOR: "flowenv.executors.LocalExecutor"},
    )
    assert ended.outcome.result == ["ThreadPoolExecutor", "threads"]


# -- where the payload is -----------------------------------------------------------------


@contextlib.contextmanager
def served(data: bytes, *statuses: int):
    """A loopback server that gives these bytes to everybody; the last status stays."""
    left = list(statuses or (200,))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments): ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/payload?signature=s3cr3t"
        server.shutdown()
        thread.join()


def test_the_payload_comes_from_a_data_url(toy, tmp_path):
    run = make_run(tmp_path, "greet")
    url = "data:;base64," + base64.b64encode(pack(run)).decode()
    assert Container(tmp_path, run, variables={contract.PAYLOAD: url}).wait().exit_code == 0


def test_the_payload_comes_from_a_server(toy, tmp_path):
    run = make_run(tmp_path, "greet")
    with served(pack(run)) as url:
        ended = Container(tmp_path, run, variables={contract.PAYLOAD: url}).wait()
    assert ended.outcome.result == "Hello, you!"


def test_a_payload_whose_server_is_busy_is_asked_for_again(toy, tmp_path):
    run = make_run(tmp_path, "greet")
    with served(pack(run), 503, 200) as url:
        ended = Container(tmp_path, run, variables={contract.PAYLOAD: url}).wait()
    assert ended.outcome.result == "Hello, you!"


def test_the_payload_comes_from_any_url_that_fsspec_knows(toy, tmp_path):
    run = make_run(tmp_path, "greet")
    (tmp_path / "payload").write_bytes(pack(run))
    url = f"file://{tmp_path}/payload"
    assert Container(tmp_path, run, variables={contract.PAYLOAD: url}).wait().exit_code == 0


def test_a_server_that_refuses_is_a_start_error_without_the_signature(tmp_path):
    with served(b"", 403) as url:
        ended = Container(tmp_path, variables={contract.PAYLOAD: url}).wait()
    assert_start_error(ended, "can't be read from its http URL: HTTP Error 403")
    assert "s3cr3t" not in ended.stderr + json.dumps(ended.outcome.message)


def test_the_folder_of_shipped_files_is_gone_afterwards(run_flow, tmp_path):
    ended = run_flow("greet", variables={"TMPDIR": str(tmp_path)})
    assert ended.exit_code == 0
    assert not list(tmp_path.glob("flowenv-*"))


def test_a_flow_needs_no_backend_in_its_image(run_flow):
    assert run_flow("greet", variables={"FLOWENV_LOAD_PLUGINS": ""}).exit_code == 0


def test_a_pickled_flow_runs(toy, tmp_path):
    run = prepare(Flow(lambda: "pickled", name="p"), environment=ToyEnvironment()).flow_run
    assert Container(tmp_path, run).wait().outcome.result == "pickled"


def test_what_was_printed_before_the_process_was_killed_is_there(run_flow):
    ended = run_flow("be_killed", {"last_words": "printed before"})
    assert ended.exit_code == -9
    assert ended.stdout == "printed before\n"
