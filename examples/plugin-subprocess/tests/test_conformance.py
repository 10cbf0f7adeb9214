"""The subprocess backend passes flowenv's conformance kit; nothing waits here, so no `hold`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flowenv.testing import BackendConformance
from flowenv_subprocess import SubprocessEnvironment


class TestConformance(BackendConformance):
    kill_points = (
        "flowenv_subprocess.runs:FolderHandle.make",
        "pathlib:Path.rename",
        "flowenv_subprocess.runs:FolderHandle.start",
    )

    @pytest.fixture(autouse=True)
    def _own_directory(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.submitter = (
            "from flowenv_subprocess import SubprocessEnvironment\n"
            f"environment = SubprocessEnvironment(directory={str(tmp_path / 'runs')!r})"
        )

    def make_environment(self, **settings: Any) -> SubprocessEnvironment:
        return SubprocessEnvironment(**{"directory": str(self.folder / "runs"), **settings})

    def make_environment_with(self, entries: Sequence[dict[str, str]]) -> SubprocessEnvironment:
        file = self.folder / "env"
        file.write_text("".join(f"{one['name']}={one['value']}\n" for one in entries))
        return self.make_environment(env_file=str(file))

    def leftovers(self) -> list[str]:
        super().leftovers()
        return [path.name for path in (self.folder / "runs").glob("*")]
