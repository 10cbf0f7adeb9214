from __future__ import annotations

from pathlib import Path

import pytest

from .site_packages import BACKEND, Site


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
