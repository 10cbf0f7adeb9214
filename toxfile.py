"""One tox environment a distribution, found by its folder; tox.toml says what each does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tox.plugin import impl


@impl
def tox_extend_envs() -> Iterable[str]:
    """Name the environments: the core alone, the core with each plugin, and all together."""
    root = Path(__file__).parent
    plugins = sorted(path.parent.name for path in root.glob("plugins/[!_]*/pyproject.toml"))
    return ["core", *plugins, "all"]
