"""`flowenv run --rehearse`: what the container would run, here, with its variables only."""

from __future__ import annotations

from .project import Ended, Project, is_gone

FLOW = """
    import os, sys
    from flowenv import flow

    @flow
    def look(how: str = "variables"):
        print("printed by the flow")
        if how == "variables":
            names = ("PREFECT__CONTEXT__FLOW_RUN_ID", "TEAM", "TOKEN", "ONLY_HERE", "HOME")
            return {name: os.environ.get(name) for name in names}
        if how == "raise":
            raise ValueError("no good")
        if how == "exit":
            sys.exit(7)
        if how == "die":
            os._exit(9)
        if how == "vanish":
            os._exit(0)
"""
PLUGIN = """
    from flowenv import Secret, hookimpl

    @hookimpl
    def flowenv_environment_variables():
        return {"TOKEN": Secret("hush")}
"""


def rehearse(fake: Project, *arguments: str, **variables: str) -> Ended:
    fake.write("flow.py", FLOW)
    return fake.flowenv(
        "run", "flow.py", "--env", "fake", "--rehearse", "-o", "json", *arguments, **variables
    )


def test_it_has_the_containers_variables_and_no_others(fake: Project) -> None:
    fake.write("flowenv.toml", '[env]\nTEAM = "blue"\n')
    fake.write("tell.py", PLUGIN)
    ended = rehearse(fake, "--plugin", "tell.py", ONLY_HERE="1")
    found = ended.json["result"]
    assert (found["TEAM"], found["TOKEN"], found["ONLY_HERE"]) == ("blue", "hush", None)
    assert found["PREFECT__CONTEXT__FLOW_RUN_ID"]
    assert "hush" not in ended.stderr


def test_nothing_is_sent(fake: Project) -> None:
    ended = rehearse(fake)
    assert (ended.returncode, ended.json["state"]) == (0, "Completed")
    assert ended.json["rehearsal"] is True
    assert "printed by the flow" in ended.stderr
    assert not list(fake.fake.iterdir())


def test_nobody_is_told_of_a_rehearsal(fake: Project) -> None:
    # what it ends as is no news: there was no run
    told = fake.folder / "told"
    fake.write(
        "tell.py",
        f"""
        from pathlib import Path
        from flowenv import hookimpl

        @hookimpl
        def flowenv_state_changed(status):
            Path({str(told)!r}).touch()
        """,
    )
    for how in ("variables", "raise"):
        rehearse(fake, "--plugin", "tell.py", "-p", f"how={how}")
    assert not told.exists()
    fake.flowenv("run", "flow.py", "--env", "fake", "--plugin", "tell.py")
    assert told.exists()


def test_local_plugins_that_take_no_part_where_the_flow_runs_are_told_of(fake: Project) -> None:
    plugin = """
        from flowenv import hookimpl

        @hookimpl(wrapper=True)
        def flowenv_run_flow():
            print("wrapped")
            return (yield)
        """
    fake.write("timed.py", plugin)
    fake.write("other.py", "from flowenv import hookimpl\n@hookimpl\ndef flowenv_setup(): pass\n")
    ended = rehearse(fake, "--plugin", "timed.py", "--plugin", "other.py")
    line = (
        "plugin timed.py takes no part where the flow runs: flowenv_run_flow of a plugin that "
        "isn't installed there is never called."
    )
    assert line in ended.stderr.splitlines()
    assert "other.py" not in ended.stderr
    assert "wrapped" not in ended.stderr


def test_a_flow_that_raises(fake: Project) -> None:
    ended = rehearse(fake, "-p", "how=raise")
    assert (ended.returncode, ended.json["message"]) == (1, "ValueError: no good")
    assert "in look" in ended.stderr


def test_a_flow_that_exits(fake: Project) -> None:
    ended = rehearse(fake, "-p", "how=exit")
    assert (ended.returncode, ended.json["state"]) == (1, "Failed")


def test_a_process_that_dies(fake: Project) -> None:
    ended = rehearse(fake, "-p", "how=die")
    assert (ended.returncode, ended.json["reason"]) == (3, "exited")
    assert "exit code 9" in ended.json["message"]


def test_a_module_that_the_container_lacks_shows_at_once(fake: Project) -> None:
    fake.write("beside.py", "x = 1\n")
    fake.write("flow.py", "import beside\n" + FLOW.replace("\n    ", "\n"))
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "--rehearse")
    assert ended.returncode == 3
    assert "No module named 'beside'" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("Rehearsed: Crashed (start_error): ")


def test_what_it_started_ends_with_it(fake: Project) -> None:
    fake.write(
        "flow.py",
        """
        import subprocess
        from flowenv import flow

        @flow
        def leave_a_child():
            return subprocess.Popen(["sleep", "1000"]).pid
        """,
    )
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "--rehearse", "-o", "json")
    assert is_gone(ended.json["result"])


def test_a_process_that_vanishes_has_crashed_also_with_exit_code_0(fake: Project) -> None:
    ended = rehearse(fake, "-p", "how=vanish")
    assert (ended.returncode, ended.json["state"], ended.json["reason"]) == (3, "Crashed", "exited")


def test_text_has_the_result_on_stdout(fake: Project) -> None:
    fake.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    ended = fake.flowenv("run", "flow.py", "--env", "fake", "--rehearse")
    assert ended.stdout == "Result: 1\n"
    assert ended.stderr.splitlines()[-1] == "Rehearsed: Completed"


def test_the_local_backend_can_be_rehearsed_too(project: Project) -> None:
    project.write("flow.py", "from flowenv import flow\n@flow\ndef a(): return 1\n")
    assert project.flowenv("run", "flow.py", "--rehearse").stdout == "Result: 1\n"


RESULTS = """
    from flowenv import flow

    @flow
    def large(): return list(range(5000))

    @flow
    def odd(): return {1}

    @flow
    def lock():
        import threading
        return {"lock": threading.Lock()}
"""


def test_a_stored_result_is_read_back_and_removed(fake: Project) -> None:
    fake.write("flows.py", RESULTS)
    for name, field, result in (
        ("large", "result", [*range(5000)]),
        ("odd", "result_text", "{1}"),
    ):
        ended = fake.flowenv(
            *("run", f"flows.py:{name}", "--env", "fake", "--rehearse", "-o", "json"),
            FLOWENV_RESULTS_URL=f"file://{fake.folder}/results",
        )
        assert ended.json[field] == result
        assert not list((fake.folder / "results").iterdir())


def test_a_result_that_stays_behind_is_named(fake: Project) -> None:
    fake.write("flows.py", RESULTS)
    options = ("--env", "fake", "--rehearse")
    ended = fake.flowenv("run", "flows.py:lock", *options)
    assert (
        "the result['lock'] can't be sent to another process: lock can't be pickled" in ended.stderr
    )
    assert "Have the flow return data" in ended.stderr
    assert "results_url" not in ended.stderr
    assert ended.returncode == 4
    ended = fake.flowenv("run", "flows.py:lock", *options, "-o", "json")
    assert (ended.returncode, ended.json["result"]) == (4, None)
    assert "(dict)" in ended.json["result_error"]


def test_a_result_that_travels_in_a_log_is_shown_and_its_lines_are_not(
    fake: Project,
) -> None:
    fake.write("flows.py", RESULTS)
    ended = fake.flowenv("run", "flows.py:large", "--env", "fake", "--rehearse")
    beginning = str([*range(5000)])[:2000]
    assert ended.stdout == f"Result: {beginning}… (28,890 characters; all of them: -o json)\n"
