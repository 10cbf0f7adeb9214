"""The subprocess backend passes flowenv's conformance kit, with no check skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowenv.testing import BackendConformance
from flowenv_subprocess import SubprocessEnvironment


class TestConformance(BackendConformance):
    @pytest.fixture(autouse=True)
    def _own_directory(self, tmp_path: Path) -> None:
        self.directory = str(tmp_path / "runs")
        self.submitter = (
            "from flowenv_subprocess import SubprocessEnvironment\n"
            f"environment = SubprocessEnvironment(directory={self.directory!r})"
        )

    def make_environment(self, **settings: Any) -> SubprocessEnvironment:
        return SubprocessEnvironment(directory=self.directory, **settings)
