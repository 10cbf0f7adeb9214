"""flowenv's conformance kit on this backend, and what the kit can't know of it."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any

import pytest
from flowenv import submit
from flowenv.testing import BackendConformance

from flowenv_acme import AcmeEnvironment


class TestConformance(BackendConformance):
    def make_environment(self, **settings: Any) -> AcmeEnvironment:
        return AcmeEnvironment(**settings)


def test_the_folder_of_a_run_goes_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = AcmeEnvironment()
    run = submit(sorted, environment=environment, parameters={"iterable": [2, 1]})
    assert run.result() == [1, 2]
    assert [path.name for path in tmp_path.glob("*/log")] == ["log"]
    del run
    gc.collect()
    assert list(tmp_path.iterdir()) == []
