"""What the user sets."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from flowenv import Capabilities
from flowenv.environment import CommonEnvironment
from flowenv.errors import SettingError
from flowenv.settings import setting


@dataclasses.dataclass(repr=False)
class SubprocessEnvironment(CommonEnvironment):
    """Runs a flow in a separate Python interpreter on this machine.

    Args:
        python: the interpreter, such as a virtual environment's; by default this one.
        directory: where runs are kept, each in a folder of its own.

    Raises:
        SettingError: if there is no such interpreter.

    >>> SubprocessEnvironment(labels=["nightly"]).labels
    ['nightly']
    """

    backend = "subprocess"
    capabilities = Capabilities(cancel=True, logs=True, attach=True, find=True, sweep=True)

    python: str = setting(sys.executable, help="The Python interpreter that runs the flow.")
    directory: str = setting("~/.cache/flowenv-subprocess", help="Where runs are kept.")

    def __post_init__(self) -> None:
        """Check that the interpreter is there."""
        super().__post_init__()
        if not Path(self.python).expanduser().is_file():
            raise SettingError(f"SubprocessEnvironment python: there is no {self.python}.")

    @property
    def folder(self) -> Path:
        """The folder that holds the runs' folders."""
        return Path(self.directory).expanduser()
