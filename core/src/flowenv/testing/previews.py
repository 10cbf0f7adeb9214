"""For the tests of plugins that are no backend: what they do to a run on each backend, offline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from flowenv.errors import ConfigurationError
from flowenv.registry.discovery import installed
from flowenv.submission.explain import Preview, preview
from flowenv.submission.named_environments import find_type

IMAGE = "registry.example/flow:1"
"""The image of the environments, unless the settings name another."""


@pytest.fixture(params=sorted({one.name for one in installed() if one.kind == "backend"}))
def preview_on_each_backend(
    request: pytest.FixtureRequest,
) -> Callable[..., Preview]:
    """`flowenv.preview` on each installed backend in turn: a function of a flow.

    A backend that has no environment without settings is skipped, with what it lacks, unless a
    fixture of yours, `preview_settings`, gives them: a mapping of settings by backend.
    """
    name = request.param
    given: Mapping[str, Mapping[str, Any]] = {}
    with contextlib.suppress(pytest.FixtureLookupError):
        given = request.getfixturevalue("preview_settings")
    settings = {"metadata": {"image": IMAGE}, **given.get(name, {})}
    try:
        environment = find_type(name)[0](**settings)
    except (TypeError, ConfigurationError) as error:
        pytest.skip(f"give {name} its settings in a fixture preview_settings: {error}")

    def on_this_backend(flow: Any, **options: Any) -> Preview:
        return preview(flow, environment, **options)

    return on_this_backend
