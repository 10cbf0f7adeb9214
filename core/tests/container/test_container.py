"""The flow's container: the command's own process, from payload to exit code and outcome."""

from __future__ import annotations

import pytest

from flowenv import LocalDaskExecutor, State, contract
from flowenv.contract.logging_variables import extra_loggers
from flowenv.contract.process import COMMAND
from flowenv.results.record.text import LIMIT

from ..containers import Container
from ..flow_files import write
from .flows_of_containers import assert_start_error, make_run


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


# -- the start ----------------------------------------------------------------------------


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
