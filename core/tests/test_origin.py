"""Hints name where this copy of flowenv came from, not a name that anybody could register."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowenv import origin

REPOSITORY = Path(__file__).parents[2]
FOLDER = json.dumps({"url": (REPOSITORY / "core").as_uri(), "dir_info": {"editable": True}})
CLONE = json.dumps(
    {
        "url": "https://git.example/flowenv",
        "vcs_info": {"vcs": "git", "commit_id": "abc123", "requested_revision": "main"},
        "subdirectory": "core",
    }
)


def installed(name: str, direct_url: str | None, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(origin, "_direct_url", lambda: direct_url)
    return origin.how_to_install(name)


@pytest.mark.parametrize(
    ("direct_url", "line"),
    [
        (FOLDER, f"Run: pip install 'flowenv-k8s @ {(REPOSITORY / 'plugins/k8s').as_uri()}'"),
        (
            CLONE,
            "Run: pip install "
            "'flowenv-k8s @ git+https://git.example/flowenv@abc123#subdirectory=plugins/k8s'",
        ),
        ("", "Run: pip install flowenv-k8s"),  # that index has it
        (None, "Install flowenv-k8s, from where this flowenv came."),
        (
            '{"url": "https://files.example/flowenv-0.1.0-py3-none-any.whl", "archive_info": {}}',
            "Install flowenv-k8s, from where this flowenv came.",
        ),
        (
            '{"url": "file:///elsewhere/core", "dir_info": {}}',
            "Install flowenv-k8s, from where this flowenv came.",
        ),
    ],
)
def test_a_backend_comes_from_where_the_core_came(
    direct_url: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installed("flowenv-k8s", direct_url, monkeypatch) == line


def test_a_wheel_lies_beside_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "flowenv_k8s-0.1.0-py3-none-any.whl"
    wheel.touch()
    core = {"url": (tmp_path / "flowenv-0.1.0-py3-none-any.whl").as_uri(), "archive_info": {}}

    line = installed("flowenv-k8s", json.dumps(core), monkeypatch)

    assert line == f"Run: pip install 'flowenv-k8s @ {wheel.as_uri()}'"


def test_what_a_backend_needs_of_ours_comes_from_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    line = installed("flowenv-dask-k8s", FOLDER, monkeypatch)

    assert [part.partition(" @ ")[0] for part in line.split("'")[1::2]] == [
        "flowenv-k8s",
        "flowenv-dask-k8s",
    ]


@pytest.mark.parametrize(
    ("direct_url", "line"),
    [
        ("", "Add to its Dockerfile: RUN pip install flowenv"),
        (
            CLONE,
            "Add to its Dockerfile: RUN pip install "
            "'flowenv @ git+https://git.example/flowenv@abc123#subdirectory=core'",
        ),
        (
            FOLDER,
            "Its Dockerfile has to COPY what this one came from "
            f"({(REPOSITORY / 'core').as_uri()}) and pip install it.",
        ),
        (None, "Its Dockerfile has to install flowenv, from where the submitter's came."),
    ],
)
def test_so_does_what_an_image_needs(
    direct_url: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "_direct_url", lambda: direct_url)

    assert origin.how_to_add_to_an_image() == line


@pytest.mark.parametrize(
    ("direct_url", "requirement"),
    [
        ({"url": "file:///src/core", "dir_info": {}}, "file:///src/core"),
        ({"url": "file:///w/flowenv.whl", "archive_info": {}}, "file:///w/flowenv.whl"),
        ({"url": "https://files.example/f.whl", "archive_info": {}}, "https://files.example/f.whl"),
        (json.loads(CLONE), "git+https://git.example/flowenv@abc123#subdirectory=core"),
    ],
)
def test_the_core_itself_can_be_installed_again(
    direct_url: dict[str, object], requirement: str
) -> None:
    found = origin.requirement("flowenv[testing]", json.dumps(direct_url))

    assert found == f"flowenv[testing] @ {requirement}"
