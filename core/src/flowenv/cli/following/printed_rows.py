"""The lines that are printed of the runs of a batch, each as soon as its run is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flowenv.cli.following.batch_view import BatchView
from flowenv.cli.following.result_lines import ResultLines
from flowenv.wording import shown

if TYPE_CHECKING:
    from flowenv.batches.batch import Batch
    from flowenv.batches.rows import Row
    from flowenv.runs.flow_run import FlowRun

MOST_READ = 20
"""The runs that were over before whose results are read, unless a script wants all."""


class PrintedRows:
    """What is printed of the runs of a batch, each as soon as it is over.

    Args:
        batch: the batch, of which nothing is submitted yet.
        output: `json` for a line of JSON for each run; `text` for one to read.
        where: the options that name its environment, for the commands that are proposed.

    Attributes:
        found: the rows whose runs were on the platform before.
        lacking: how many runs left something that didn't come back.
        lines: where it is printed.
    """

    def __init__(self, batch: Batch, output: str, where: str) -> None:
        self._batch = batch
        self._where = where
        self._output = output
        self._told: set[Row] = set()
        self.found = {row for row in batch.rows if row.is_submitted}
        self._over_before = {row for row in self.found if row.last_status.state.is_final}
        self.lacking = 0
        self._read = 0
        self.lines = ResultLines()

    def print(self, row: Row, view: BatchView) -> None:
        """Print how a row's run ended."""
        import json

        from flowenv.cli.output.report import (
            describe,
            describe_end,
            describe_outcome,
            show_traceback,
        )

        data, is_known = row.to_json(), row in self._over_before
        if self._output == "json":  # a script wants the results of all
            described = _described(
                row, describe_end if row.last_status.state.is_final else describe
            )
            data |= {**described, "earlier": row in self.found}
            line = json.dumps(data, default=repr)
        else:
            if self.is_read(row):  # for its times each run would be asked once more
                data |= _described(row, describe_outcome)
            line = shown(self._words(row, data), lines=False)
        with view.aside():
            if not is_known:
                show_traceback(row.run)
            self.lines.write(line)
        self._told.add(row)
        files = data.get("files") or {}
        lacks = "result_error" in data or bool(files.get("problem"))
        self.lacking += lacks and not (is_known and self._output == "text")

    def is_read(self, row: Row) -> bool:
        """Whether to ask for a run's result: of those that were over before, for the first ones."""
        if row not in self._over_before:
            return True
        self._read += row.last_status.state.value == "Completed"
        return row.last_status.state.value == "Completed" and self._read <= MOST_READ

    def print_rest(self) -> None:
        """After an interrupt: how those stand that nothing is printed of; as text, what is over."""
        for row in self._batch.rows:
            state = row.last_status.state
            is_news = state.is_final and state.value != "Cancelled"  # the others are counted
            if row not in self._told and (is_news or self._output == "json"):
                self.print(row, BatchView())

    def _words(self, row: Row, data: dict[str, Any]) -> str:
        from flowenv.cli.output.report import all_of_it, cut

        parameters = " ".join(f"{name}={value}" for name, value in data["parameters"].items())
        text = f"{row.number:>4}  {row.last_status}  {parameters}"
        if row in self._over_before:
            text += "  (before)" if row.is_own else "  (before, not from here)"
        if row.last_status.state.value != "Completed" or "result" not in data:
            is_known = row.draft.environment.capabilities.attach and row.reference
            return f"{text}  {row.reference}" if is_known else text
        more = all_of_it(row.run, self._where)
        if "result_error" in data:
            text += f"  Error: {data['result_error']}"
        elif (value := data.get("result_text") or data.get("result")) is not None:
            text += f"  Result: {cut(value if 'result_text' in data else repr(value), more)}"
        if files := data.get("files"):
            text += f"  Files: {files['problem'] or files['where']}"
        return text


def _described(row: Row, describe: Callable[[FlowRun], dict[str, Any]]) -> dict[str, Any]:
    from flowenv.errors import FlowenvError

    try:
        return describe(row.run)
    except FlowenvError as error:  # the platform has forgotten the run meanwhile
        return {"result": None, "result_error": str(error)}
