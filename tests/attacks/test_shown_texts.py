"""What others wrote is shown, and does nothing to the terminal that shows it."""

from __future__ import annotations

import json
import traceback

import click
import pytest

from flowenv import FlowRun, State
from flowenv.cli.output.printing import echo, echo_json, echo_table, log_line
from flowenv.errors import FlowenvError
from flowenv.plugin import FinishedHandle, Outcome
from flowenv.wording import shown
from flowenv_local import LocalEnvironment

ACTS = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets the title": "\x1b]0;owned\x07",
    "writes to the clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "goes back": "\rError: nothing\b\b",
    "is a C1 control": "\x9b31m",
    "turns the order": "\u202egnp.exe",
    "isolates": "\u2066abc\u2069",
    "hides": "a\u200bb",
    "is a line of its own": "a\u2028b",
}


@pytest.mark.parametrize("text", ACTS.values(), ids=ACTS)
class TestATextThatActs:
    def test_is_escaped(self, text: str) -> None:
        assert shown(text).isprintable()
        assert shown(text) != text

    def test_is_escaped_wherever_it_is_printed(
        self, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        echo(text)
        echo_table([[text, "b"]], ["NAME", "OTHER"])
        assert capsys.readouterr().out.replace("\n", "").isprintable()

    def test_is_escaped_in_what_a_run_raises(self, text: str) -> None:
        record = Outcome("6f1c", State.FAILED, error_class="E", message=text, traceback=text)
        crash = Outcome("6f1c", State.CRASHED, message=text, hint=text)
        for outcome in (record, crash):
            run = FlowRun(LocalEnvironment(), id="6f1c", flow_name=text)
            run.handle = FinishedHandle(outcome)
            with pytest.raises(FlowenvError) as raised:
                run.result()
            said = "".join(traceback.format_exception_only(raised.value)).replace("\n", "")
            assert said.isprintable()
            assert "6f1c" in said

    def test_is_ascii_in_json(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        echo_json({text: text})
        printed = capsys.readouterr().out
        assert printed.isascii()
        assert printed.replace("\n", "").isprintable()
        assert json.loads(printed) == {text: text}

    def test_is_escaped_in_a_line_of_a_log(self, text: str) -> None:
        assert log_line(text).isprintable()


def test_a_log_line_keeps_its_tabs_and_loses_its_colours() -> None:
    assert log_line(f"a\t{click.style('red', fg='red')} ü") == "a\tred ü"


def test_a_cell_of_a_table_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table([["one\ntwo\tthree"]], ["NAME"])
    assert capsys.readouterr().out == "NAME\none\\ntwo\\tthree\n"


def test_what_shows_itself_stays_as_it_is() -> None:
    assert shown("Grüße, 世界 👋\n\tnext") == "Grüße, 世界 👋\n\tnext"
