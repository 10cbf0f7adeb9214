"""What is wrong with the rows of a batch: several faults are told at once."""

from __future__ import annotations

from flowenv.errors import ParameterError
from flowenv.flows.parameters.checking import Fault
from flowenv.wording import sentences

MOST = 10


class RowFaults:
    """Collects faults, of which the first ten are told, and how many more there are.

    >>> faults = RowFaults()
    >>> faults.add("Row 2: The flow report needs the parameter day.")
    >>> faults.add("Row 5: The parameter day is a date, not None.")
    >>> faults.raise_any()
    Traceback (most recent call last):
    ...
    flowenv.errors.ParameterError: 2 faults:
      Row 2: The flow report needs the parameter day.
      Row 5: The parameter day is a date, not None.
    """

    def __init__(self) -> None:
        self._told: list[ParameterError] = []
        self._count = 0
        self._names: set[str] = set()

    def add(self, message: str, hint: str = "") -> None:
        """Note a fault."""
        self._count += 1
        if self._count <= MOST:
            self._told.append(ParameterError(message, hint=hint))

    def add_once(self, name: str, message: str, hint: str = "") -> None:
        """Note a fault of a column, which all rows have: it is told for the first one."""
        if name not in self._names:
            self._names.add(name)
            self.add(message, hint)

    def add_of_row(self, where: str, fault: Fault) -> None:
        """Note what is wrong with a parameter of a row.

        Args:
            where: which row it is, such as `Row 3`.
            fault: what is wrong.
        """
        message = f"{where}: {fault.message}"
        if fault.name and not fault.said:  # there is no such parameter
            self.add_once(fault.name, message, fault.hint)
        else:
            self.add(message, fault.hint)

    def raise_any(self) -> None:
        """Raise what is noted, if anything is.

        Raises:
            ParameterError: naming each fault and its row.
        """
        if not self._count:
            return
        if self._count == 1:
            raise self._told[0]
        lines = [f"  {sentences(one.message, one.hint)}" for one in self._told]
        if self._count > MOST:
            lines.append(f"  and {self._count - MOST} more")
        raise ParameterError("\n".join([f"{self._count} faults:", *lines]))
