"""Where this flowenv was installed from, and so where its other distributions can be had.

They needn't be on a package index, and a name that is free there can be taken by anybody. So a
hint names the folder, the wheel or the repository that this copy came from.
"""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import unquote, urlsplit

_NEEDS = {"flowenv-dask-k8s": ["flowenv-k8s"]}
"""What of ours a backend needs besides the core."""


def how_to_install(*distributions: str) -> str:
    """The line that installs distributions of flowenv's, or where to look for them.

    Args:
        distributions: names as in requirements, such as `flowenv-k8s` or `flowenv[dask]`.
    """
    return _how_to_install(distributions, _direct_url())


def _how_to_install(distributions: tuple[str, ...], direct_url: str | None) -> str:
    needed = [more for one in distributions for more in [*_NEEDS.get(one, []), one]]
    found = [requirement(one, direct_url) for one in needed]
    if all(found):
        return f"Run: pip install {shlex.join(found)}"
    return f"Install {' and '.join(needed)}, from where this flowenv came."


def how_to_add_to_an_image() -> str:
    """What a Dockerfile needs so that the image has this flowenv."""
    return _how_to_add_to_an_image(_direct_url())


def _how_to_add_to_an_image(direct_url: str | None) -> str:
    found = requirement("flowenv", direct_url)
    if " @ file:" in found:
        place = found.partition(" @ ")[2]
        return f"Its Dockerfile has to COPY what this one came from ({place}) and pip install it."
    if not found:
        return "Its Dockerfile has to install flowenv, from where the submitter's came."
    return f"Add to its Dockerfile: RUN pip install {shlex.quote(found)}"


def own_requirement() -> str:
    """The requirement that installs this flowenv elsewhere; empty if nothing is known."""
    return requirement("flowenv[testing]", _direct_url())


def requirement(wanted: str, direct_url: str | None) -> str:
    """A requirement for a distribution of flowenv's, from where the core came.

    Args:
        wanted: the distribution and its extras.
        direct_url: what the installer wrote down about the core (PEP 610); empty if it came from
            an index, None if no installer was there, as in a container that got flowenv with
            its run.

    Returns:
        A requirement; empty where nobody can know.

    >>> requirement("flowenv-k8s", "")
    'flowenv-k8s'
    >>> origin = '{"url": "https://git.example/flowenv", "subdirectory": "core", "vcs_info": '
    >>> requirement("flowenv-k8s", origin + '{"vcs": "git", "commit_id": "5eda"}}')
    'flowenv-k8s @ git+https://git.example/flowenv@5eda#subdirectory=plugins/k8s'
    """
    if direct_url is None:
        return ""
    if not direct_url:
        return wanted
    place = _place(wanted.partition("[")[0], json.loads(direct_url))
    return place and f"{wanted} @ {place}"


def _place(name: str, core: dict[str, Any]) -> str:
    """Where a distribution is, beside the core."""
    url: str = core["url"]
    inside = "core" if name == "flowenv" else f"plugins/{_module(name)}"
    if vcs := core.get("vcs_info"):
        folder = core.get("subdirectory")
        if name != "flowenv" and folder != "core":
            return ""
        where = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
        return f"{where}#subdirectory={inside}" if folder else where
    if name == "flowenv":
        return url
    if not url.startswith("file:"):
        return ""
    return _beside(url, name, inside)


def _beside(url: str, name: str, inside: str) -> str:
    """The folder or wheel of another distribution, if it is where the core's is."""
    from pathlib import Path

    core = Path(unquote(urlsplit(url).path))
    if core.suffix == ".whl":
        wheels = sorted(core.parent.glob(f"{name.replace('-', '_')}-[0-9]*.whl"))
        return wheels[-1].as_uri() if wheels else ""
    folder = core.parent / inside
    return folder.as_uri() if (folder / "pyproject.toml").is_file() else ""


def _module(name: str) -> str:
    return name.removeprefix("flowenv-").replace("-", "_")


def _direct_url() -> str | None:
    import importlib_metadata

    try:
        found = importlib_metadata.distribution("flowenv")
    except importlib_metadata.PackageNotFoundError:
        return None
    return found.read_text("direct_url.json") or ""
