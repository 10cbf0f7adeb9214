"""Where a container gets its payload from."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading

from flowenv import Flow, contract
from flowenv.payload.packing import pack
from flowenv.submission.lifecycle import prepare

from ..containers import Container
from ..plugging import ToyEnvironment
from .flows_of_containers import assert_start_error, make_run

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
