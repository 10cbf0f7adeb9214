"""The page on images: what its Dockerfile copies and installs is in this repository."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_dockerfile_builds_from_this_repository() -> None:
    page = (ROOT / "docs" / "images.md").read_text("utf-8")
    dockerfile = page.partition('```dockerfile title="Dockerfile"\n')[2].partition("```")[0]
    copied = dict(re.findall(r"^COPY (\S+) (\S+)$", dockerfile, re.MULTILINE))
    installed = re.findall(r"(/flowenv/[\w/]+)", dockerfile.partition("pip install")[2])
    assert installed
    names = set()
    for path in installed:
        (source,) = (one for one, to in copied.items() if path == to or path.startswith(f"{to}/"))
        folder = ROOT / source / path.removeprefix(copied[source]).strip("/")
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        names.add(project["name"])
        assert [
            one
            for one in project["dependencies"]
            if one.startswith("flowenv") and re.split(r"[^\w-]", one)[0] not in names
        ] == [], "pip would look on an index for what stands further down, or nowhere"
    assert names == {"flowenv", "flowenv-k8s", "flowenv-dask-k8s"}
