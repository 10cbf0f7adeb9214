"""The door for authors of further environments on Kubernetes."""

from __future__ import annotations

import pytest

from flowenv_k8s import plugin


def test_everything_that_the_door_names_is_there() -> None:
    assert [name for name in plugin.__all__ if getattr(plugin, name, None) is None] == []
    assert dir(plugin) == sorted(set(plugin.__all__))


def test_the_door_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'PodWatch'"):
        plugin.PodWatch  # type: ignore[attr-defined]  # noqa: B018
