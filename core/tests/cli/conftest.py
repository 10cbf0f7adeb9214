from __future__ import annotations

from pathlib import Path

import pytest

from .project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def fake(project: Project) -> Project:
    """A project with the backend `fake`, which runs flows as processes of their own."""
    project.install_fake()
    return project
