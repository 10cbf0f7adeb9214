"""What the user sets."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from flowenv import Capabilities
from flowenv.errors import SettingError
from flowenv.plugin import CommonEnvironment, setting


@dataclasses.dataclass(repr=False)
class SubprocessEnvironment(CommonEnvironment):
    """Runs a flow in a separate Python interpreter on this machine.

    Args:
        python: the interpreter, such as a virtual environment's; by default this one.
        directory: where runs are kept, each in a folder of its own.
        env_file: a file with variables for the flow, a `NAME=value` a line.

    Raises:
        SettingError: if there is no such interpreter or file.

    >>> SubprocessEnvironment(labels=["nightly"]).labels
    ['nightly']
    """

    backend = "subprocess"
    capabilities = Capabilities(
        cancel=True, logs=True, attach=True, find=True, sweep=True, delete=True
    )

    python: str = setting(sys.executable, help="The Python interpreter that runs the flow.")
    directory: str = setting("~/.cache/flowenv-subprocess", help="Where runs are kept.")
    env_file: str | None = setting(None, help="A file with a NAME=value a line.")

    def __post_init__(self) -> None:
        """Check that the files are there."""
        super().__post_init__()
        for name, path in (("python", self.python), ("env_file", self.env_file)):
            if path is not None and not Path(path).expanduser().is_file():
                raise SettingError(f"SubprocessEnvironment {name}: there is no file {path}.")

    @property
    def folder(self) -> Path:
        """The folder that holds the runs' folders."""
        return Path(self.directory).expanduser()

    @property
    def entries(self) -> list[dict[str, str]]:
        """The variables that the user's own file brings."""
        text = Path(self.env_file).expanduser().read_text() if self.env_file else ""
        pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
        return [{"name": name, "value": value} for name, _, value in pairs]
