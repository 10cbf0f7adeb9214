from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .forking import Forking
from .project import Project


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking]:
    with Forking() as process:
        yield process


@pytest.fixture
def project(tmp_path: Path, forking: Forking) -> Project:
    return Project(tmp_path, forking)


@pytest.fixture
def fake(project: Project) -> Iterator[Project]:
    """A project with the backend `fake`, which runs flows as processes of their own."""
    project.install_fake()
    yield project
    project.end_runs()
