from __future__ import annotations

from pathlib import Path

import pytest

from .site_packages import BACKEND, Site, plugin


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def acme(site: Site) -> Site:
    """A site with the backend `acme`."""
    site.install(
        "acme-flows", {"flowenv.backends": {"acme": "acme_hooks"}}, {"acme_hooks": BACKEND}
    )
    return site


@pytest.fixture
def crowded(acme: Site, tmp_path: Path) -> Site:
    """The backend, two installed plugins, and a local one in a file and one in a module."""
    for who in ("first", "second"):
        acme.install(who, {"flowenv.plugins": {who: f"{who}_hooks"}}, {f"{who}_hooks": plugin(who)})
    (tmp_path / "mine.py").write_text(plugin("file").replace("\n    ", "\n"))
    (tmp_path / "ours.py").write_text(plugin("module").replace("\n    ", "\n"))
    return acme
