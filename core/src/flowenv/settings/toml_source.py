"""A TOML file's text, read so that an error can say on which line a key stands."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from flowenv.errors import ConfigurationError

_TOKEN = re.compile(
    r"""
      (?P<string>\"{3}(?:\\.|[^\\])*?\"{3} | '{3}.*?'{3} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<comment>\#[^\n]*)
    | (?P<newline>\n)
    | (?P<mark>[\[\]{}=.,])
    | (?P<bare>[A-Za-z0-9_-]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

Key = tuple[str, ...]


@dataclass(frozen=True)
class TomlSource:
    """A TOML file's text.

    Args:
        path: the file; of a `pyproject.toml` only `[tool.flowenv]` counts.
        text: what it holds.
    """

    path: Path
    text: str

    @staticmethod
    def read(path: Path) -> TomlSource:
        """Read a file.

        Raises:
            ConfigurationError: if it can't be read.
        """
        try:
            return TomlSource(path, path.read_text("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} can't be read: {error}.") from error

    def document(self) -> dict[str, Any]:
        """The document as plain data.

        Raises:
            ConfigurationError: if it is no TOML; with the line where it stops being one.
        """
        import tomllib

        try:
            data: Any = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            place = f"{self.path}:{line[1]}" if line else str(self.path)
            raise ConfigurationError(f"{place}: this is no TOML: {error}.") from error
        for table in self._prefix:
            data = data.get(table, {}) if isinstance(data, dict) else None
        if not isinstance(data, dict):
            self.fail("[tool.flowenv] must be a table")
        return data

    def fail(self, message: str, *keys: str) -> NoReturn:
        """Raise a ConfigurationError about a key."""
        raise ConfigurationError(f"{self.place(*keys)}: {message}")

    def place(self, *keys: str) -> str:
        """`file:line` of a key, or of the nearest table or value that holds it.

        >>> source = TomlSource(Path("flowenv.toml"), 'image = "a"\\n[env]\\nTEAM = "b"\\n')
        >>> source.place("env", "TEAM"), source.place("env", "OTHER")
        ('flowenv.toml:3', 'flowenv.toml:2')
        """
        wanted = (*self._prefix, *keys)
        while wanted:
            if line := self._lines.get(wanted):
                return f"{self.path}:{line}"
            wanted = wanted[:-1]
        return str(self.path)

    @property
    def _prefix(self) -> Key:
        return ("tool", "flowenv") if self.path.name == "pyproject.toml" else ()

    @functools.cached_property
    def _lines(self) -> dict[Key, int]:
        """The line of each table and key."""
        found: dict[Key, int] = {}
        table: Key = ()
        for line, is_table, key in _statements(self.text):
            table = key if is_table else table
            whole = key if is_table else (*table, *key)
            for length in range(len(whole), 0, -1):  # a header also begins the tables around it
                found.setdefault(whole[:length], line)
        return found


def _statements(text: str) -> Iterator[tuple[int, bool, Key]]:
    """Each table header and each key with its line; values are skipped, however long."""
    line, start, depth = 1, 1, 0
    key: list[str] = []
    is_table = in_value = False
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token[0]
        if kind == "newline" and depth <= 0:
            if key:
                yield start, is_table, tuple(key)
            key, is_table, in_value, depth = [], False, False, 0
        elif in_value and kind == "mark":
            depth += (value in "[{") - (value in "]}")
        elif not in_value and value == "=":
            in_value = True
        elif not in_value and value == "[":
            is_table = True
        elif not in_value and kind in ("bare", "string"):
            start = start if key else line
            key.append(value.strip("\"'"))
        line += value.count("\n")
    if key:
        yield start, is_table, tuple(key)
